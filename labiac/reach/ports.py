"""Whether a connection gets through: what firewalls, NATs and routes make of TCP and UDP.

Whether anything listens at its end is not in a plan.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from labiac.reach.conversation import Service, exchange
from labiac.reach.judge import outcome, spoken

if TYPE_CHECKING:
    from labiac.plan.model import Protocol
    from labiac.reach.fabric import Node
    from labiac.reach.judge import Judge
    from labiac.reach.walk import Plane


class PortVerdict(NamedTuple):
    """Whether a connection gets through.

    Args:
        ok: Whether the first packet gets to its end, and the answer to it comes back.
        path: Names of the nodes that the first packet visits, as far as it comes; where a NAT leads
            it inside, on to the node there.
        reason: Why not, in one sentence; empty when `ok`.
    """

    ok: bool
    path: tuple[str, ...]
    reason: str


def port_verdict(
    judge: Judge, source: str, target: str, port: int, protocol: Protocol = "tcp"
) -> PortVerdict:
    """Return whether node *source* gets a connection to a port of *target*.

    Args:
        judge: Of the lab.
        source: Name of the node that connects.
        target: Name of a node, which stands for its primary address of the first IP version that
            both have; or any address.
        port: 1-65535.
        protocol: ``tcp`` or ``udp``.

    Raises:
        KeyError: there is no node of that name.
    """
    asker = judge.node(source)
    if not _is_address(target):
        end = judge.node(target)
        if asker is end:
            return PortVerdict(ok=True, path=(source,), reason="")
        for plane, asked in judge.questions(asker, end):
            return _verdict(plane, asker, asked, Service(protocol, port))
        reason = judge.reason(judge.judgement(asker, end), asker, end)
        return PortVerdict(ok=False, path=(source,), reason=reason)
    address = ipaddress.ip_address(target)
    plane, asked = judge.planes[address.version], int(address)
    if plane.has(asker.number, asked):
        return PortVerdict(ok=True, path=(source,), reason="")
    return _verdict(plane, asker, asked, Service(protocol, port))


def _verdict(plane: Plane, source: Node, asked: int, service: Service) -> PortVerdict:
    owner = next((plane.nodes[port.node] for port in plane.owners.get(asked, ())), None)
    found = exchange(plane, source, owner, asked, service)
    said = outcome(plane, found)
    visits = (plane.nodes[port.node].name for way in found.there for port in way.visits)
    reason = spoken(said.reason, plane, (source, found.target), (found.asker, asked))
    return PortVerdict(found.ok, (source.name, *visits), reason)


def _is_address(text: str) -> bool:
    return ":" in text or text[0].isdigit()
