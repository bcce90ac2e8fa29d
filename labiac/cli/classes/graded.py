"""Every live copy of a class graded: its checks, its drawing, what differs from the hand-out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from labiac.backends.base import Copy
from labiac.cli.classes.measured import over, report_of, said
from labiac.cli.reports.grades import Graded, Grades
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Backend
    from labiac.backends.live import AsItIs
    from labiac.cli.classes.room import Room
    from labiac.cli.draw.picture import Picture
    from labiac.cli.reports.report import Report
    from labiac.fleet.classroom import Outcome
    from labiac.fleet.roster import Student
    from labiac.plan.model import Item, Plan
    from labiac.reach.matrix import Ends


class _Looked(NamedTuple):
    """What was found of one copy, and how it is."""

    report: Report
    now: AsItIs


def grade(whole: Room, at_once: int) -> tuple[Grades, bool]:
    """Return what the class *whole* has achieved, and whether the user stopped the measuring."""
    when = datetime.now().astimezone()
    of = sum(check.points for check in whole.plan(whole.students[0]).checks)
    outcomes, stopped = over(whole, at_once, _look, _told)
    return Grades(whole.lab.name, when, of, tuple(map(_graded, outcomes))), stopped


def _look(whole: Room, there: Backend, student: Student) -> _Looked:
    from labiac.backends.live import as_it_is

    report = report_of(whole, there, student)
    plan = report.plan
    networks = [network.name for network in plan.networks]
    machines = [machine.name for machine in plan.machines]
    return _Looked(report, as_it_is(there, Copy(plan.lab, plan.student), networks, machines))


def _told(outcome: Outcome[_Looked]) -> tuple[bool, str]:
    if outcome.result is None:
        return False, f"failed: {outcome.reason}"
    found = outcome.result.report.found
    return True, f"{found.got:g} of {found.of:g} points; {said(outcome.result.report)}"


def _graded(outcome: Outcome[_Looked]) -> Graded:
    if outcome.result is None:
        return Graded(outcome.student, None, outcome.reason)
    report, now = outcome.result
    theirs = {machine.name for machine in report.plan.machines if machine.student}
    changed = list(_changed(report.plan, now.plan))
    return Graded(
        outcome.student,
        report,
        "",
        work=tuple(line for name, line in changed if name in theirs),
        drift=(*now.broken.values(), *(line for name, line in changed if name not in theirs)),
        picture=_picture(report, now.plan),
    )


def _changed(plan: Plan, now: Plan) -> Iterator[tuple[str, str]]:
    """Yield the items of *plan* that are otherwise *now*, each with what differs, in words."""
    from labiac.cli.comparison import field_lines
    from labiac.plan.said import differences

    here = {item.name: item for item in _items(now)}
    for item in _items(plan):
        if item.name in here:
            for difference in differences(item, _as_handed_out(here[item.name], item)):
                for line in field_lines(difference):
                    yield item.name, f"{item.name}: {line.strip()}"


def _as_handed_out(now: Item, planned: Item) -> Item:
    """Return *now* with what nobody changes on a node as *planned*.

    A seed that was carried to a host has the key of its copy, which no plan knows.
    """
    if isinstance(now, Machine) and isinstance(planned, Machine):
        return replace(now, seed=planned.seed, start=planned.start)
    return now


def _items(plan: Plan) -> tuple[Item, ...]:
    return (*plan.networks, *plan.machines)


def _picture(report: Report, now: Plan) -> Picture:
    """Return the lab in the colours of what was found; what a check asks for is predicted."""
    from labiac.cli.draw.live import live
    from labiac.cli.draw.topology import topology
    from labiac.fleet.measured import outcomes

    found = report.found
    predicted = {pair.ends: pair for pair in found.predicted}
    measured = {pair.ends: pair for pair in found.live}
    asked = _asked(report)
    pairs = [
        each._replace(predicted=True, students=False)
        if (each.source, each.target) in asked
        else each
        for each in outcomes(report.plan, predicted, measured)
    ]
    what = replace(topology(report.plan), title=report.plan.lab)
    running = {machine.name for machine in now.machines}
    return live(what, pairs, running, ("predicted: with what the checks ask for",))


def _asked(report: Report) -> set[Ends]:
    """Return the pairs that the checks which fail want to reach each other."""
    from labiac.plan.checks import AllPingCheck, denies
    from labiac.reach.checks import ends_of

    asked: set[Ends] = set()
    for each in report.found.checks:
        if each.ok or denies(each.check.asked):
            continue
        if isinstance(each.check.asked, AllPingCheck):
            asked |= {pair.ends for pair in report.found.live}
        elif ends := ends_of(report.plan, each.check.asked):
            asked.add(ends)
    return asked
