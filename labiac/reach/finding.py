"""A finding: what is odd about a lab that can be made, where its file says so, and the remedy."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.model import Machine, Nic, Plan
    from labiac.reach.fabric import Fabric, Port

Path = tuple[str | int, ...]
"""Keys and indexes from the top of the lab file, NICs as ``nics`` has them."""

SHOWN = 6
"""So many names of a list are told, and of the others how many they are."""


class Finding(NamedTuple):
    """What is odd.

    Args:
        path: Which part of the lab file it is about; the part itself may be a default.
        problem: One sentence.
        fix: What to do about it.
        level: ``error``: it cannot be meant so; ``warning``: it hardly is; ``note``: it may be.
    """

    path: Path
    problem: str
    fix: str
    level: Literal["error", "warning", "note"] = "warning"


def node_path(machine: Machine) -> Path:
    """Return where the lab file has *machine*."""
    return machine.section, machine.name


def nic_path(machine: Machine, nic: Nic) -> Path:
    """Return where the lab file has *nic* of *machine*."""
    return *node_path(machine), "nics", machine.nics.index(nic)


def port_path(plan: Plan, whole: Fabric, port: Port) -> Path:
    """Return where the lab file has *port*; the host's is a matter of its LAN."""
    name = whole.nodes[port.node].name
    for machine in plan.machines:
        for nic in machine.nics if machine.name == name else ():
            if port.name in {each for each, _ in nic.interfaces()}:
                return nic_path(machine, nic)
    if port.segment is None:
        return ()
    lans = {machine.name: machine.switch.lan for machine in plan.machines if machine.switch}
    return "lans", lans.get(port.segment[0], port.segment[0])


def shortened(names: Iterable[str], most: int = SHOWN) -> str:
    """Return *names* in a line; of more than *most*, the first and how many more."""
    rest = iter(names)
    first = ", ".join(islice(rest, most))
    more = sum(1 for _ in rest)
    return f"{first} and {more} more" if more else first
