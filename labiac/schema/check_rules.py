"""What a check must agree on with the rest of the lab file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labiac.schema.check import Check, CommandCheck
from labiac.schema.fault import Fault, Names, unknown
from labiac.schema.lab import Lab
from labiac.schema.middlebox import mute
from labiac.schema.source import Path


def about_checks(place: Path, checks: Iterable[Check], lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with the nodes that *checks* of *lab* name, which stand at *place*."""
    for index, check in enumerate(checks):
        if check.asked is None:
            continue
        path = (*place, index, check.kind)
        said = list(check.asked.nodes())
        for key, node in said:
            if node not in names.nodes:
                yield unknown((*path, key), "node", node, names.nodes)
            elif not isinstance(check.asked, CommandCheck) and (why := mute(lab.nodes.get(node))):
                problem = f"{node} {why}: it has no address"
                yield (
                    (*path, key),
                    problem,
                    "name a router or a PC; only command runs on such a node",
                )
        ends = dict(said)
        if "to" in ends and ends["to"] == ends["from"]:
            yield (*path, "to"), f"{ends['to']} is on both ends", "name two nodes"
