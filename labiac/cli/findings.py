"""Everything that `check` has to say about a lab that can be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from labiac.backends import open_backend
from labiac.cli.options import chosen, located
from labiac.plan.checks import AllPingCheck
from labiac.plan.model import unstarted
from labiac.plan.resolve import plan_of, resolve
from labiac.reach.checks import ends_of, evaluate, node_of
from labiac.reach.findings import findings
from labiac.reach.matrix import matrix
from labiac.reach.student import students_pairs
from labiac.schema.load import read, sound
from labiac.schema.source import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.errors import Problem
    from labiac.plan.checks import Asked
    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path, Source


class Examined(NamedTuple):
    """A lab that can be meant, and what is to be said of it.

    Args:
        plan: Its plan.
        unmakeable: Why its backend can't make it here, and what is odd about that.
        doubts: All that is odd about the plan itself, and its checks that will not hold; a fault
            that is planted in it is meant, and nothing of it is said.
    """

    plan: Plan
    unmakeable: list[Problem]
    doubts: tuple[Problem, ...]


def examined(file: str, student: str, backend: str, *, start: bool = True) -> Examined:
    """Return what is to be said of the lab that the user named.

    Args:
        file: The lab.
        student: Whose copy it is.
        backend: What makes it real.
        start: Whether machines that boot are to be started, and not just made.

    Raises:
        UsageError: there is no such lab, or no such backend.
        DescriptionError: the lab has problems.
    """
    located(file)
    found = read(file)
    plan = plan_of(found, student, chosen(backend))
    opened = open_backend(plan.backend)
    if opened.features.boots and not start:
        plan = unstarted(plan)
    lab = sound(found)
    meant = resolve(lab, student, plan.backend, faulty=False) if plan.quiet else plan
    stages = [
        problem
        for index, stage in enumerate(lab.stages)
        for problem in _stage_problems(
            resolve(lab, student, plan.backend, stage=stage.name), index, lab
        )
    ]
    doubts = in_order([*lab_problems(meant, lab.source), *stages])
    return Examined(plan, opened.check(plan), doubts)


def lab_problems(plan: Plan, source: Source) -> tuple[Problem, ...]:
    """Return all that is odd about *plan*, and its checks that will not hold, in file order."""
    return in_order([*finding_problems(plan, source), *forecast_problems(plan, source)])


def finding_problems(plan: Plan, source: Source) -> Iterator[Problem]:
    """Yield the findings of *plan*, each at its line in *source*."""
    for path, problem, fix, level in findings(plan):
        yield source.problem(_written(path, source), problem, fix, level)


def forecast_problems(plan: Plan, source: Source) -> list[Problem]:
    """Return a problem for each check of *plan* that will not hold, at its line in *source*.

    Where a student's node decides a check, it is what the student's work shall bring about.
    """
    if not plan.checks:
        return []
    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    theirs = students_pairs(plan, predicted)
    fix = "change the lab, or the check; labiac reach and labiac plan say what there will be"
    found = []
    for number, result in enumerate(evaluate(plan, predicted)):
        if result is None or result.ok or result.check.stage:
            continue
        if _is_open_work(plan, result.check.asked, theirs):
            continue
        problem = f"{result.check} will not hold: {result.reason}"
        found.append(source.problem(("checks", number), problem, fix))
    return found


def _stage_problems(done: Plan, index: int, lab: Lab) -> Iterator[Problem]:
    """Yield a problem for each check of a stage of *lab* that its own reference breaks.

    Args:
        done: The lab as it is when the stage is done.
        index: Which stage of the file it is.
        lab: What the file says.
    """
    pairs = {pair.ends: pair for pair in matrix(done, all_nodes=True)}
    results = zip(done.checks, evaluate(done, pairs), strict=True)
    mine = [result for check, result in results if check.stage == lab.stages[index].name]
    for number, result in enumerate(mine):
        if result is not None and not result.ok:
            problem = f"{result.check} will not hold when the stage is done: {result.reason}"
            place = ("stages", index, "checks", number)
            yield lab.source.problem(place, problem, "complete the reference, or change the check")


def _is_open_work(plan: Plan, asked: Asked, theirs: set[Ends]) -> bool:
    """Return whether the student decides *asked*, where the pairs of *theirs* are the student's."""
    if isinstance(asked, AllPingCheck):
        return bool(theirs)
    node = node_of(asked)
    return plan.machine(node).student if node else ends_of(plan, asked) in theirs


def _written(path: Path, source: Source) -> Path:
    """Return the part of the file that *path* is about, as the user wrote it.

    A NIC may stand on the node itself; what is a default stands nowhere, but its node does.
    """
    in_short = (*path[:2], *path[4:]) if path[2:3] == ("nics",) else path
    return max(_nearest(path, source), _nearest(in_short, source), key=len)


def _nearest(path: Path, source: Source) -> Path:
    lengths = range(len(path), 0, -1)
    return next((path[:length] for length in lengths if path[:length] in source.lines), ())
