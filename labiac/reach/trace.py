"""One pair hop by hop: which route each node takes, to whom, and where it ends."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labiac.plan.document import to_data
from labiac.reach.conversation import exchange
from labiac.reach.fabric import segment_name
from labiac.reach.judge import REPLY, Judge, outcome, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from labiac.plan.model import Plan
    from labiac.reach.fabric import Node
    from labiac.reach.tables import Entry
    from labiac.reach.walk import Act, Plane, Step, Way

Macs = dict[tuple[str, str], str]
"""MACs of interfaces, by names of node and interface."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What one node does with the packet. Empty: it comes no further than the field before.

    Args:
        node: Name of the node.
        route: Prefix of the route that it takes: ``10.0.3.0/24``.
        nic: The interface that the packet leaves by.
        via: The next hop, or empty where the destination is on the link.
        segment: Where it is sent: ``lan2``, or ``lan2 red`` for a VLAN.
        asks: The address whose MAC it asks for there: the next hop, or the destination.
        to: Name of the node that answers, and takes the packet.
        mac: The MAC that it answers with; empty where the plan does not know it: the host's.
        others: The other routes that match: ``0.0.0.0/0 via 10.0.1.1``, the longest prefix first.
        rule: What decides whether a firewall lets it through: ``rule 2``, ``policy``, or ``known``
            where it belongs to a conversation that the firewall let through before.
        source: The address that a NAT puts in the place of the packet's source.
        target: The address that a NAT puts in the place of its destination.
    """

    node: str
    route: str = ""
    nic: str = ""
    via: str = ""
    segment: str = ""
    asks: str = ""
    to: str = ""
    mac: str = ""
    others: tuple[str, ...] = ()
    rule: str = ""
    source: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A ping in one IP version, hop by hop.

    Args:
        version: 4 or 6.
        asker: The address that the source sends from; empty when it has no route.
        asked: The target's address.
        heard: The address that the question comes from where it arrives, be it a NAT's; empty
            where it does not arrive.
        ok: Whether the answer arrives.
        reason: Why not, in one sentence; empty when `ok`.
        problem: The same about the hop where it ends, which is the last there is.
        there: The hops of the question.
        back: The hops of the answer; empty when the question does not arrive.
    """

    version: int
    asker: str
    asked: str
    heard: str
    ok: bool
    reason: str
    problem: str
    there: tuple[Hop, ...]
    back: tuple[Hop, ...]


def trace(plan: Plan, source: str, target: str, asked: Sequence[str] = ()) -> tuple[Trace, ...]:
    """Return what comes of it when *source* pings another node, *target*, a trace an IP version.

    Empty when the two have no IP version in common.

    Args:
        plan: The lab.
        source: Name of the node that asks.
        target: Name of the node that shall answer.
        asked: The addresses to ask for, where they are not those that *target* has in the plan.

    Raises:
        KeyError: there is no node of that name.
    """
    judge = Judge(plan)
    ends = judge.node(source), judge.node(target)
    macs = _macs(plan)
    questions = [
        (judge.planes[address.version], int(address))
        for address in map(ipaddress.ip_address, asked)
    ]
    return tuple(_trace(*each, ends, macs) for each in questions or judge.questions(*ends))


def hops_data(traces: Iterable[Trace]) -> list[dict[str, Any]]:
    """Return *traces* as programs read them: an element a hop, with IP version and direction."""
    return [
        {"ip": found.version, "reply": reply, **to_data(hop)}
        for found in traces
        for reply, hops in ((False, found.there), (True, found.back))
        for hop in hops
    ]


def route_text(plane: Plane, entry: Entry) -> str:
    """Return a route in words: ``10.0.3.0/24 via 10.0.2.2``, ``10.0.1.0/24 out of eth0``."""
    return f"{entry.to} {by_text(plane, entry)}"


def by_text(plane: Plane, entry: Entry) -> str:
    """Return by what a route leads: ``via 10.0.2.2``, or ``out of eth0``."""
    return f"out of {entry.port.name}" if entry.via is None else f"via {plane.text(entry.via)}"


def _macs(plan: Plan) -> Macs:
    return {
        (machine.name, name): nic.mac
        for machine in plan.machines
        for nic in machine.nics
        for name, _ in nic.interfaces()
    }


def _trace(plane: Plane, asked: int, ends: tuple[Node, Node], macs: Macs) -> Trace:
    source, target = ends
    found = exchange(plane, source, target, asked)
    judgement = outcome(plane, found)
    reason = spoken(judgement.reason, plane, ends, (found.asker, asked))
    return Trace(
        plane.version,
        "" if found.asker is None else plane.text(found.asker),
        plane.text(asked),
        plane.text(found.back[0].address) if found.back else "",
        judgement.ok,
        reason,
        reason.removeprefix(REPLY.format(target=target.name)),
        tuple(_hops(plane, found.there, macs)),
        tuple(_hops(plane, found.back, macs)),
    )


def _hops(plane: Plane, ways: Iterable[Way], macs: Macs) -> Iterator[Hop]:
    for way in ways:
        acts = {act.hop: act for act in way.acts}
        for number, step in enumerate(plane.steps(way)):
            hop = _hop(plane, step, macs)
            yield _with_act(plane, hop, acts[number]) if number in acts else hop


def _with_act(plane: Plane, hop: Hop, act: Act) -> Hop:
    source, target = ("" if each is None else plane.text(each) for each in (act.source, act.target))
    return replace(hop, rule=act.rule, source=source, target=target)


def _hop(plane: Plane, step: Step, macs: Mapping[tuple[str, str], str]) -> Hop:
    if not step.ways:
        return Hop(step.node.name)
    (entry, *others), to = step.ways, step.to
    port = entry.port
    taker = plane.nodes[to.node].name if to else ""
    return Hop(
        node=step.node.name,
        route=str(entry.to),
        nic=port.name,
        via="" if entry.via is None else plane.text(entry.via),
        segment=segment_name(port.segment) if port.segment else "",
        asks=plane.text(step.asks) if port.segment else "",
        to=taker,
        mac=macs.get((taker, to.name), "") if to else "",
        others=tuple(route_text(plane, other) for other in others if not other.broadcast),
    )
