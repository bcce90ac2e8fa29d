"""One pair hop by hop: which route each node takes, to whom, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.reach.fabric import segment_name
from labiac.reach.verdict import Judge, exchange

if TYPE_CHECKING:
    from labiac.plan.model import Plan
    from labiac.reach.fabric import Node, Port
    from labiac.reach.tables import Entry
    from labiac.reach.walk import Plane, Way


@dataclass(frozen=True, slots=True)
class Hop:
    """What one node does with the packet. Empty: it comes no further than the field before.

    Args:
        node: Name of the node.
        route: Prefix of the route that it takes: ``10.0.3.0/24``.
        nic: The interface that the packet leaves by.
        via: The next hop, or empty where the destination is on the link.
        segment: Where it is sent: ``lan2``, or ``lan2 red`` for a VLAN.
        to: Name of the node that takes it there.
    """

    node: str
    route: str
    nic: str
    via: str
    segment: str
    to: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A ping in one IP version, hop by hop.

    Args:
        version: 4 or 6.
        asker: The address that the source sends from; empty when it has no route.
        asked: The target's address.
        ok: Whether the answer arrives.
        reason: Why not, in one sentence; empty when `ok`.
        there: The hops of the question.
        back: The hops of the answer; empty when the question does not arrive.
    """

    version: int
    asker: str
    asked: str
    ok: bool
    reason: str
    there: tuple[Hop, ...]
    back: tuple[Hop, ...]


def trace(plan: Plan, source: str, target: str) -> tuple[Trace, ...]:
    """Return what comes of it when *source* pings another node, *target*, a trace an IP version.

    Empty when the two have no IP version in common.

    Raises:
        KeyError: there is no node of that name.
    """
    judge = Judge(plan)
    ends = judge.node(source), judge.node(target)
    return tuple(_trace(judge, plane, asked, ends) for plane, asked in judge.questions(*ends))


def _trace(judge: Judge, plane: Plane, asked: int, ends: tuple[Node, Node]) -> Trace:
    source, target = ends
    found = exchange(plane, source, target, asked)
    verdict = found.verdict(plane)
    there = _hops(plane, source, asked, found.there, None)
    back: tuple[Hop, ...] = ()
    if found.back is not None and found.asker is not None:
        back = _hops(plane, target, found.asker, found.back, found.there.visits[-1])
    return Trace(
        plane.version,
        "" if found.asker is None else plane.text(found.asker),
        plane.text(asked),
        verdict.ok,
        judge.reason(verdict, source, target),
        there,
        back,
    )


def _hops(plane: Plane, start: Node, address: int, way: Way, came: Port | None) -> tuple[Hop, ...]:
    nodes = [start, *(plane.nodes[port.node] for port in way.visits)]
    entries = plane.entries(start, address, way, came)
    steps = zip(nodes, entries, [*nodes[1:], None], strict=True)
    hops = [_hop(plane, *step) for step in steps]
    return tuple(hops if way.problem else hops[:-1])


def _hop(plane: Plane, node: Node, entry: Entry | None, to: Node | None) -> Hop:
    if entry is None:
        return Hop(node.name, "", "", "", "", "")
    port = entry.port
    return Hop(
        node.name,
        str(entry.to),
        port.name,
        "" if entry.via is None else plane.text(entry.via),
        segment_name(port.segment) if port.segment else "",
        to.name if to else "",
    )
