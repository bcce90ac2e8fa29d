"""What `check` finds odd about a lab that can be made. A good lab has no findings.

What a student's node decides is the student's work, and no finding: its routes, its addresses on a
trunk, and the ways that lead over it.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.lower import raised
from labiac.reach.cabling import cabling
from labiac.reach.conversation import exchange
from labiac.reach.finding import Finding, node_path, shortened
from labiac.reach.judge import Judge
from labiac.reach.next_hops import next_hops
from labiac.reach.subnets import subnets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.model import Plan
    from labiac.reach.conversation import Exchange
    from labiac.reach.fabric import Node
    from labiac.reach.matrix import Ends
    from labiac.reach.walk import Plane, Way

_LOOP = "loop: "
"""How the problem of a way that comes back to where it was begins."""
_ARROW = " -> "


class _Talk(NamedTuple):
    """A question and its answer, between two nodes or any two that are like them.

    Args:
        sources: Who asks: nodes that are alike.
        targets: Who shall answer.
        there: Names of the nodes on the way of the question, as far as it comes.
        back: Of those on the way of the answer.
        astray: The nodes that only one of the two passes, where that is worth a word.
        loop: The nodes that one of the two visits again and again, or nothing.
    """

    sources: tuple[Node, ...]
    targets: tuple[Node, ...]
    there: tuple[str, ...]
    back: tuple[str, ...]
    astray: frozenset[str]
    loop: str

    def pairs(self) -> Iterator[Ends]:
        """Yield the pairs, by name."""
        both = product(self.sources, self.targets)
        return ((source.name, target.name) for source, target in both if source is not target)


def findings(plan: Plan) -> tuple[Finding, ...]:
    """Return all that is odd about *plan*."""
    judge = Judge(plan)
    return (
        *cabling(raised(plan)),
        *next_hops(plan, judge),
        *subnets(plan, judge.whole),
        *_on_the_way(plan, judge),
    )


def _on_the_way(plan: Plan, judge: Judge) -> Iterator[Finding]:
    students = {machine.name for machine in plan.machines if machine.student}
    talks = [
        talk
        for talk in _talks(judge, students)
        if (talk.astray or talk.loop) and students.isdisjoint((*talk.there, *talk.back))
    ]
    yield from _loops(plan, [talk for talk in talks if talk.loop])
    yield from _turns(plan, [talk for talk in talks if talk.astray and not talk.loop])


def _loops(plan: Plan, talks: list[_Talk]) -> Iterator[Finding]:
    if talks:
        first = next(
            each for each in plan.machines if talks[0].loop.startswith(f"{each.name}{_ARROW}")
        )
        loops = shortened(dict.fromkeys(talk.loop for talk in talks))
        pairs = shortened(f"{a} -> {b}" for talk in talks for a, b in talk.pairs())
        fix = "change the routes of one of them; labiac reach shows the way hop by hop"
        problem = f"packets go round in circles: {loops} ({pairs})"
        yield Finding((*node_path(first), "routes"), problem, fix)


def _turns(plan: Plan, talks: list[_Talk]) -> Iterator[Finding]:
    if not talks:
        return
    pairs = shortened(
        f"{source} -> {target} by {_by(talk.there)}, back by {_by(talk.back)}"
        for talk in _one_way(talks)
        for source, target in talk.pairs()
    )
    problem = f"answers take another way than questions: {pairs}"
    astray = {name for talk in talks for name in talk.astray}
    boxes = [m for m in plan.machines if m.name in astray and (m.policy or m.translation)]
    if boxes:
        who = shortened(box.name for box in boxes)
        fix = f"lead both ways over {who}: a firewall or NAT has to see both"
        yield Finding(node_path(boxes[0]), problem, fix)
    else:
        fix = "make one router the gateway of both ends, or leave it: plain routers don't mind"
        yield Finding((), problem, fix, "note")


def _one_way(talks: Iterable[_Talk]) -> Iterable[_Talk]:
    """Return *talks* without those that are another's other direction, or IP version."""
    told: dict[frozenset[int], _Talk] = {}
    for talk in talks:
        ends = frozenset((talk.sources[0].number, talk.targets[0].number))
        told.setdefault(ends, talk)
    return told.values()


def _by(names: tuple[str, ...]) -> str:
    return " ".join(names) or "no router"


def _talks(judge: Judge, students: set[str]) -> Iterator[_Talk]:
    """Yield what is between any two end nodes that are no student's, kind by kind."""
    alike: dict[int, list[Node]] = defaultdict(list)
    for node in judge.nodes:
        if not node.router and node.name not in students:
            alike[judge.kind(node)].append(node)
    for sources, targets in product(map(tuple, alike.values()), repeat=2):
        apart = ((s, t) for s, t in product(sources, targets) if s is not t)
        for source, target in islice(apart, 1):
            for plane, asked in judge.questions(source, target):
                found = exchange(plane, source, target, asked)
                yield _talk(plane, found, sources, targets)


def _talk(
    plane: Plane, found: Exchange, sources: tuple[Node, ...], targets: tuple[Node, ...]
) -> _Talk:
    there, back = (_passed(plane, ways) for ways in (found.there, found.back))
    problem = (found.back or found.there)[-1].problem
    loop = _circle(problem.removeprefix(_LOOP)) if problem.startswith(_LOOP) else ""
    return _Talk(sources, targets, there, back, _astray(plane, found), loop)


def _circle(loop: str) -> str:
    """Return *loop* from the same node on, wherever a packet comes into it."""
    *names, _ = loop.split(_ARROW)
    first = names.index(min(names))
    return _ARROW.join([*names[first:], *names[: first + 1]])


def _passed(plane: Plane, ways: tuple[Way, ...]) -> tuple[str, ...]:
    """Return the names of the nodes on *ways*, but for the one that the last of them leads to."""
    names = [plane.nodes[port.node].name for way in ways for port in way.visits]
    return tuple(names if not ways or ways[-1].problem else names[:-1])


def _astray(plane: Plane, found: Exchange) -> frozenset[str]:
    """Return the nodes that only the question passes, or only its answer, where that matters.

    It does not where one of the two only passes a plain router more: the gateway of a LAN that
    has a second router. A firewall or a NAT has to see both.
    """
    if not found.back:
        return frozenset()
    there, back = (set(_passed(plane, ways)) for ways in (found.there, found.back))
    missed = set() if found.back[-1].problem else there - back
    astray = missed | back - there
    boxes = {plane.nodes[number].name for number in plane.boxes}
    matters = (missed and back - there) or astray & boxes
    return frozenset(astray if matters else ())
