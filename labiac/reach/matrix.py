"""Who reaches whom in a plan, pair by pair, with the way there and the reason where it fails.

A pair is asked as ``ping`` asks: a packet goes to the target's primary address, and the answer
comes back to the address that the source sent from, each by the tables on its own way. It is asked
in every IP version that both nodes have, and holds when every one is answered.

Firewalls and NATs of the lab are followed on the way there and back; what the host hides is not: a
LAN of type nat is one that the host routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from labiac.reach.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.model import Plan
    from labiac.reach.fabric import Node
    from labiac.reach.judge import Judgement


Ends = tuple[str, str]
"""Source and target of a pair, by name."""


class Found(Protocol):
    """What is known of a pair, or of all pairs that are alike."""

    @property
    def ok(self) -> bool:
        """Whether the answer arrives."""

    def path(self, source: str, target: str) -> tuple[str, ...]:
        """Return the nodes that the packet visits on its way there."""

    def reason(self, source: str, target: str) -> str:
        """Return why the answer does not arrive, or nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody, such as a measurement, says of one pair."""

    ok: bool
    way: tuple[str, ...]
    why: str

    def path(self, source: str, target: str) -> tuple[str, ...]:
        """Return the nodes that the packet visits on its way there."""
        del source, target
        return self.way

    def reason(self, source: str, target: str) -> str:
        """Return why the answer does not arrive, or nothing."""
        del source, target
        return self.why


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the model says of all pairs that are alike.

    A million pairs share it: what is each one's own is worked out when somebody asks for it.
    """

    judgement: Judgement
    judge: Judge

    @property
    def ok(self) -> bool:
        """Whether the answer arrives."""
        return self.judgement.ok

    def path(self, source: str, target: str) -> tuple[str, ...]:
        """Return the nodes that the packet visits on its way there."""
        ends = (target,) if self.judgement.arrives else ()
        return (source, *self.judgement.between, *ends)

    def reason(self, source: str, target: str) -> str:
        """Return why the answer does not arrive, or nothing."""
        if self.ok:
            return ""
        judge = self.judge
        return judge.reason(self.judgement, judge.node(source), judge.node(target))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Whether one node reaches another.

    Args:
        source: Name of the node that asks.
        target: Name of the node that shall answer.
        found: What is known of it.
    """

    source: str
    target: str
    found: Found

    @property
    def ends(self) -> Ends:
        """Who asks, and who shall answer."""
        return self.source, self.target

    @property
    def ok(self) -> bool:
        """Whether the answer arrives, in every IP version that both have."""
        return self.found.ok

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the nodes that the packet visits on its way there, as far as it comes."""
        return self.found.path(self.source, self.target)

    @property
    def reason(self) -> str:
        """Why not, in one sentence; empty when `ok`."""
        return self.found.reason(self.source, self.target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[str, str, Told]:
        return self.source, self.target, Told(self.ok, self.path, self.reason)

    def told(
        self,
        *,
        ok: bool | None = None,
        path: tuple[str, ...] | None = None,
        reason: str | None = None,
    ) -> Pair:
        """Return the same pair with something else said of it."""
        said = Told(
            self.ok if ok is None else ok,
            self.path if path is None else path,
            self.reason if reason is None else reason,
        )
        return Pair(self.source, self.target, said)


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
    return tuple(_pairs(judge, _ends(judge, all_nodes=all_nodes)))


def pair(plan: Plan, source: str, target: str) -> Pair:
    """Return whether node *source* reaches another, *target*.

    Raises:
        KeyError: there is no node of that name.
    """
    judge = Judge(plan)
    return next(_pairs(judge, [(judge.node(source), judge.node(target))]))


def pings(
    plan: Plan, among: Iterable[Ends] | None = None, *, all_nodes: bool = False
) -> dict[Ends, tuple[Ping, ...]]:
    """Return, by source and target, the pings that a pair of `matrix` stands for.

    None at all where the two have no IP version in common.

    Args:
        plan: The lab.
        among: The pairs to tell of; else all, as in `matrix`.
        all_nodes: Whether those are the pairs of routers too.

    Raises:
        KeyError: there is no node of a name in *among*.
    """
    judge = Judge(plan)
    if among is None:
        pairs = _ends(judge, all_nodes=all_nodes)
    else:
        pairs = ((judge.node(source), judge.node(target)) for source, target in among)
    return {
        (source.name, target.name): tuple(
            Ping(source.name, plane.text(asked)) for plane, asked in judge.questions(source, target)
        )
        for source, target in pairs
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


def _pairs(judge: Judge, asked: Iterable[tuple[Node, Node]]) -> Iterator[Pair]:
    known: dict[tuple[int, int], Foretold] = {}
    for source, target in asked:
        kinds = judge.kind(source), judge.kind(target)
        found = known.get(kinds)
        if found is None:
            found = known[kinds] = Foretold(judge.judgement(source, target), judge)
        yield Pair(source.name, target.name, found)
