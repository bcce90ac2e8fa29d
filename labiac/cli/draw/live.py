"""A lab in the colours of its last measurement. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from labiac.cli.draw.picture import Key, Mark, Marks, Picture, signed
from labiac.cli.draw.topology import BoxKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from labiac.cli.draw.topology import Link, Topology
    from labiac.fleet.measured import MeasuredPair

_LEGEND: tuple[Mark, ...] = ("as predicted", "not as predicted", "does not run")

_NO_NODES: frozenset[BoxKind] = frozenset({"host", "trunk"})


def live(
    what: Topology,
    outcomes: Collection[MeasuredPair],
    running: Collection[str],
    notes: Sequence[str],
) -> Picture:
    """Return a picture of what was measured.

    A node is as predicted when all is that it asked, answered and passed on; a cable is when a
    packet took it. Where a packet ended that should not have, the node and the hop to the next are
    marked.

    Args:
        what: The lab.
        outcomes: What became of each pair.
        running: Names of the nodes that run now.
        notes: Lines to stand below the title.
    """
    ways = _Ways(what)
    good: set[Key] = set()
    bad: set[Key] = set()
    for outcome in outcomes:
        good |= {*ways.keys(outcome.path), *ways.along(outcome.path)}
        if outcome.agrees:
            good |= {*ways.keys((outcome.source, outcome.target))}
        else:
            bad |= {*ways.keys((outcome.source, outcome.target))}
    back = {(each.target, each.source): each for each in outcomes}
    for outcome in outcomes:
        hop = _lost_at(outcome, back.get((outcome.source, outcome.target)))
        bad |= {*ways.keys(hop[:1]), *ways.along(hop)}
    off = {box.key for box in what.boxes if box.kind not in _NO_NODES and box.name not in running}
    off |= {bus.key for bus in what.buses if bus.kind == "switch" and bus.name not in running}
    off_cables = {(link.box, link.bus) for link in what.links if off & {link.box, link.bus}}
    marks: Marks = dict.fromkeys(good, "as predicted")
    marks |= dict.fromkeys(bad, "not as predicted")
    marks |= dict.fromkeys(off | off_cables, "does not run")
    return Picture(signed(what, marks), marks, _LEGEND, tuple(notes))


def _lost_at(outcome: MeasuredPair, back: MeasuredPair | None) -> tuple[str, ...]:
    """Return the two nodes that follow each other, as planned, between which a packet was lost.

    It is the first hop where the way is not known; of a packet that strayed, the node where it
    ended alone. What reached its target is not lost: the pair *back* tells where its answer is, if
    that is silent too, else it is the last hop.
    """
    if outcome.agrees or outcome.live:
        return ()
    *_, reached = outcome.path or (outcome.source,)
    if reached == outcome.target:
        return () if back and not back.live else outcome.planned[-2:]
    if reached not in outcome.planned:
        return (reached,)
    at = outcome.planned.index(reached)
    return outcome.planned[at : at + 2]


class _Ways:
    """Finds the cables between two nodes that follow each other on a path."""

    def __init__(self, what: Topology) -> None:
        self._keys = {box.name: box.key for box in what.boxes if box.kind != "trunk"}
        self._bridges = {box.key for box in what.boxes if box.kind in {"bridge", "trunk"}}
        self._links: dict[str, list[Link]] = {}
        for link in what.links:
            for end in (link.box, link.bus):
                self._links.setdefault(end, []).append(link)

    def keys(self, names: Iterable[str]) -> list[str]:
        """Return the keys of the nodes called *names*, of those that are drawn."""
        return [self._keys[name] for name in names if name in self._keys]

    def along(self, path: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the keys of each cable on *path*: of its box and its bus."""
        for source, target in pairwise(self.keys(path)):
            yield from self._hop(source, target)

    def _hop(self, source: str, target: str) -> list[tuple[str, str]]:
        """Return the cables from one box to the next, which may have bridges between them."""
        found: dict[str, list[tuple[str, str]]] = {source: []}
        queue = [source]
        for key in queue:
            for link in self._links.get(key, ()):
                near = link.bus if key == link.box else link.box
                if near in found:
                    continue
                found[near] = [*found[key], (link.box, link.bus)]
                if near == target:
                    return found[near]
                if near == link.bus or near in self._bridges:
                    queue.append(near)
        return []
