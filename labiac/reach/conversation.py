"""A question and its answer, from node to node, through what filters and hides them on the way.

Source:
    Linux conntrack. A firewall knows the conversations whose question it forwarded, addresses and
    all. An ICMP or TCP answer without one is invalid: a firewall drops it, a NAT leaves it as it
    is. To UDP it is one more question. In IPv4 a packet from a node's own address is dropped by
    that node when it comes in (a *martian*); a packet that was sent to all is not forwarded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import IPV4
from labiac.reach.boxes import NO_PORT, Packet
from labiac.reach.tables import masquerade
from labiac.reach.walk import EXPIRED, TTL, Act, Way

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from labiac.reach.boxes import Span
    from labiac.reach.fabric import Node, Port
    from labiac.reach.walk import Plane

EPHEMERAL: Span = (32768, 60999)
"""Ports that Linux asks from (``net.ipv4.ip_local_port_range``)."""

_VERBS = {"drop": "drops", "reject": "rejects"}
_UNKNOWN = "{node} has not seen the question: it drops the answer"
_MARTIAN = "{node} has {sender} itself: it drops what comes from there"
_FLOODED = "{node} passes on nothing that was sent to all"


class Service(NamedTuple):
    """What is asked for: a protocol, and the port of those that have one."""

    protocol: Literal["icmp", "tcp", "udp"]
    port: int


PING = Service("icmp", 0)


class Exchange(NamedTuple):
    """A question and its answer.

    Args:
        source: The node that asks.
        target: The node that shall answer.
        asked: The address that it asks.
        asker: The address that it asks from, or None: it has no route.
        there: The ways of the question, one after the other: a NAT that leads it inside begins
            a new one.
        back: The ways of the answer; none when the question does not arrive.
        ok: Whether the answer arrives, and comes from where it is expected.
    """

    source: Node
    target: Node
    asked: int
    asker: int | None
    there: tuple[Way, ...]
    back: tuple[Way, ...]
    ok: bool


def exchange(
    plane: Plane, source: Node, target: Node | None, asked: int, service: Service = PING
) -> Exchange:
    """Return what comes of it when *source* asks for *asked*, which is not its own.

    Args:
        plane: The forwarding plane of the address's IP version.
        source: Who asks.
        target: Who shall answer, or None: whoever the question arrives at.
        asked: The address to ask for.
        service: What for.
    """
    asker = plane.source(source, asked)
    if asker is None:
        lost = plane.way(source, asked)
        return Exchange(source, target or source, asked, None, (lost,), (), ok=False)
    port = (service.port, service.port)
    spans = (EPHEMERAL, port) if service.port else (NO_PORT, NO_PORT)
    question = Packet(service.protocol, asker, asked, *spans)
    talk = _Conversation(plane)
    there, heard = talk.ask(source, question)
    end = plane.nodes[there[-1].end]
    # A redirect leads to another node than the one that was asked: so it is meant to.
    elsewhere = end is not target and target is not None and len(there) == 1
    if elsewhere or there[-1].problem:
        return Exchange(source, target or end, asked, asker, there, (), ok=False)
    back, answer = talk.reply(end, there[-1].visits[-1], heard)
    last = back[-1]
    ok = not last.problem and last.end == source.number and answer == question.answer
    return Exchange(source, target or end, asked, asker, there, back, ok)


class _Conversation:
    """What the nodes on the way know of a conversation."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._seen: dict[int, list[tuple[Packet, Packet]]] = defaultdict(list)
        """The question as it came to a firewall or NAT, and as it left, by node."""

    def ask(self, start: Node, packet: Packet) -> tuple[tuple[Way, ...], Packet]:
        """Return the ways of question *packet* from *start* on, and what arrives of it."""
        plane = self._plane
        way, heard = self._carried(plane.way(start, packet.target), packet, self._asked)
        ways = [way]
        while not way.problem and way.end in plane.boxes:
            inward = plane.boxes[way.end].redirected(heard)
            if inward is None:
                break
            self._seen[way.end].append((heard, inward))
            if plane.has(way.end, inward.target):
                return tuple(ways), inward
            heard = self._onwards(ways, heard, inward, self._asked)
            way = ways[-1]
        return tuple(ways), heard

    def reply(self, start: Node, came: Port, question: Packet) -> tuple[tuple[Way, ...], Packet]:
        """Return the ways of the answer to *question*, which came to *start* by *came*."""
        plane, packet = self._plane, question.answer
        packet = self._known(start.number, packet) or packet  # of a redirect to the NAT itself
        if plane.has(start.number, packet.target):
            problem = "{node} has {address} too"
            way = Way(
                start, came, forwarded=False, address=packet.target, visits=(), problem=problem
            )
            return (way,), packet
        heard_by = came if packet.protocol == "icmp" else None  # TCP and UDP do not keep to it
        way = plane.way(start, packet.target, heard_by)
        way, packet = self._carried(way, packet, self._answered)
        ways = [way]
        while not way.problem:
            known = self._known(way.end, packet)
            if known is None or known.target == packet.target:
                break
            if plane.has(way.end, known.target):
                return tuple(ways), known
            if way.flooded:
                ways[-1] = way.cut(len(way.visits), _FLOODED)
                break
            packet = self._onwards(ways, packet, known, self._answered)
            way = ways[-1]
        return tuple(ways), packet

    def _onwards(self, ways: list[Way], was: Packet, now: Packet, judge: _Judge) -> Packet:
        """Add the way of *now*, which the last node made of *was*; return what arrives of it."""
        plane, before = self._plane, ways[-1]
        node, hops = plane.nodes[before.end], sum(len(way.visits) for way in ways)
        way = plane.way(node, now.target, before.visits[-1], forwarded=True)
        if hops + len(way.visits) > TTL:
            way = way.cut(TTL - hops, EXPIRED)
        way, packet = self._carried(way, now, judge, was)
        ways.append(way)
        return packet

    def _carried(
        self, way: Way, packet: Packet, judge: _Judge, was: Packet | None = None
    ) -> tuple[Way, Packet]:
        """Return *way* as far as *packet* is let through, and what becomes of it.

        Args:
            way: The way by the routing tables.
            packet: As it is sent on by the first node.
            judge: Says what each firewall and NAT makes of it.
            was: As it came to the first node, where that is not the same.
        """
        plane, acts = self._plane, []
        if not plane.boxes and packet.source not in plane.shared:
            return way, packet
        for hop, to in enumerate(way.visits):
            if way.at(hop) in plane.boxes:
                came = was or packet
                packet, rule, problem = judge(way, hop, packet)
                acts.append(_act(hop, rule, came, packet))
                if problem:
                    return _ended(way.cut(hop, problem), packet, acts), packet
            was = None
            if plane.version == IPV4 and plane.has(to.node, packet.source):
                return _ended(way.cut(hop + 1, _MARTIAN), packet, acts), packet
        return _ended(way, packet, acts), packet

    def _asked(self, way: Way, hop: int, packet: Packet) -> tuple[Packet, str, str]:
        """Return how a question leaves a firewall or NAT, what decided that, or why it doesn't."""
        number = way.at(hop)
        came = packet
        if way.forwarded and not hop:
            came, _ = self._seen[number].pop()
        sent, rule, problem = self._judged(way, hop, packet)
        self._seen[number].append((came, sent))
        return sent, rule, problem

    def _answered(self, way: Way, hop: int, packet: Packet) -> tuple[Packet, str, str]:
        """Return the same of an answer. What the node itself sends, it lets pass as it is."""
        number = way.at(hop)
        if not hop:
            return packet, "", ""
        filters = self._plane.boxes[number].default is not None
        known = self._known(number, packet)
        if known is not None:
            return known, "known" if filters else "", ""
        if packet.protocol == "udp":
            return self._judged(way, hop, packet)
        return packet, "", _UNKNOWN if filters else ""

    def _known(self, number: int, packet: Packet) -> Packet | None:
        """Return answer *packet* as it was before any translation, if its question was seen."""
        seen = self._seen.get(number, ())
        return next((came.answer for came, sent in seen if sent.answer == packet), None)

    def _judged(self, way: Way, hop: int, packet: Packet) -> tuple[Packet, str, str]:
        """Return what becomes of *packet* where it opens a conversation."""
        plane, number = self._plane, way.at(hop)
        box, rule = plane.boxes[number], ""
        if hop or way.forwarded:
            action, rule = box.judge(packet)
            if action != "accept":
                what = f"{_VERBS[action]} {_traffic(packet)}"
                return packet, rule, f"{{node}} {what} from {{sender}} to {{address}} ({rule})"
        if box.outside:
            came = way.visits[hop - 1] if hop else way.came
            entry = plane.entry(plane.nodes[number], way.address, came)
            if entry is not None and box.hides(packet, entry.port.name):
                hidden = masquerade(plane.nodes[number], entry, way.address)
                packet = packet if hidden is None else packet._replace(source=hidden)
        return packet, rule, ""


_Judge = Callable[[Way, int, Packet], tuple[Packet, str, str]]
"""Of a packet at a hop of its way: how it goes on, what decided that, and why it does not."""


def _ended(way: Way, packet: Packet, acts: Iterable[Act]) -> Way:
    return replace(way, sender=packet.source, acts=tuple(acts))


def _act(hop: int, rule: str, came: Packet, sent: Packet) -> Act:
    source, target = (
        now if now != was else None
        for was, now in ((came.source, sent.source), (came.target, sent.target))
    )
    return Act(hop, rule, source, target)


def _traffic(packet: Packet) -> str:
    """Return what *packet* carries, for people: ``icmp``, ``tcp/80``."""
    first, last = packet.target_port
    return f"{packet.protocol}/{first}" if first and first == last else packet.protocol
