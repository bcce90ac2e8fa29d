"""Who reaches whom in a plan, pair by pair, with the way there and the reason where it fails.

A pair is asked as ``ping`` asks: a packet goes to the target's primary address, and the answer
comes back to the address that the source sent from, each by the tables on its own way. It is asked
in every IP version that both nodes have, and holds when every one is answered.

Firewalls and address translation are not followed: a LAN of type nat is one that the host routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from labiac.reach.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.model import Plan
    from labiac.reach.fabric import Node


Ends = tuple[str, str]
"""Source and target of a pair, by name."""


class Pair(NamedTuple):
    """Whether one node reaches another.

    Args:
        source: Name of the node that asks.
        target: Name of the node that shall answer.
        ok: Whether the answer arrives, in every IP version that both have.
        path: Names of the nodes that the packet visits on its way there, as far as it comes.
        reason: Why not, in one sentence; empty when `ok`.
    """

    source: str
    target: str
    ok: bool
    path: tuple[str, ...]
    reason: str

    @property
    def ends(self) -> Ends:
        """Who asks, and who shall answer."""
        return self.source, self.target


class Ping(NamedTuple):
    """One question: does *address* answer when *source* pings it?"""

    source: str
    address: str


class Asks(Protocol):
    """What a ping is, whoever made it."""

    @property
    def source(self) -> str:
        """Name of the node that asks."""

    @property
    def address(self) -> str:
        """The address asked for."""


def matrix(plan: Plan, *, all_nodes: bool = False) -> tuple[Pair, ...]:
    """Return every ordered pair of end nodes, or with *all_nodes* of routers too, in plan order."""
    judge = Judge(plan)
    return tuple(_pair(judge, *ends) for ends in _ends(judge, all_nodes=all_nodes))


def pair(plan: Plan, source: str, target: str) -> Pair:
    """Return whether node *source* reaches another, *target*.

    Raises:
        KeyError: there is no node of that name.
    """
    judge = Judge(plan)
    return _pair(judge, judge.node(source), judge.node(target))


def pings(plan: Plan, *, all_nodes: bool = False) -> dict[Ends, tuple[Ping, ...]]:
    """Return, by source and target, the pings that a pair of `matrix` stands for.

    None at all where the two have no IP version in common.
    """
    judge = Judge(plan)
    return {
        (source.name, target.name): tuple(
            Ping(source.name, plane.text(asked)) for plane, asked in judge.questions(source, target)
        )
        for source, target in _ends(judge, all_nodes=all_nodes)
    }


def answers(plan: Plan, asked: Iterable[Asks]) -> list[bool]:
    """Return, in the order asked, whether each ping is answered: by whatever node has the address.

    A source that is no node of the plan gets no answer.
    """
    judge = Judge(plan)
    return [judge.answers(ping.source, ping.address) for ping in asked]


def _ends(judge: Judge, *, all_nodes: bool) -> Iterator[tuple[Node, Node]]:
    nodes = [node for node in judge.nodes if all_nodes or not node.router]
    return ((source, target) for source in nodes for target in nodes if source is not target)


def _pair(judge: Judge, source: Node, target: Node) -> Pair:
    verdict = judge.verdict(source, target)
    path = (source.name, *verdict.between)
    if verdict.arrives:
        path += (target.name,)
    reason = "" if verdict.ok else judge.reason(verdict, source, target)
    return Pair(source.name, target.name, verdict.ok, path, reason)
