"""Every live copy of a class measured: does it do what it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from labiac.cli.classes.board import Board
from labiac.cli.classes.room import counted
from labiac.cli.classes.work import in_order
from labiac.cli.reports.report import Report
from labiac.fleet.classroom import each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from labiac.backends.base import Backend
    from labiac.cli.classes.room import Room
    from labiac.fleet.classroom import Outcome
    from labiac.fleet.roster import Student
    from labiac.host.process import Interrupts

T = TypeVar("T")


def measure(whole: Room, at_once: int) -> tuple[tuple[Outcome[Report], ...], bool]:
    """Return what was found of each copy of *whole*, and whether the user stopped it."""
    return over(whole, at_once, report_of, _told)


def over(
    whole: Room,
    at_once: int,
    look: Callable[[Room, Backend, Student], T],
    told: Callable[[Outcome[T]], tuple[bool, str]],
) -> tuple[tuple[Outcome[T], ...], bool]:
    """Return what *look* finds of each copy of *whole*, and whether the user stopped it.

    Nothing is changed. It takes no longer than the matrix and the slowest check may, for each
    student of those who are looked at in a row.
    """
    from labiac.backends import open_backend

    there = open_backend(whole.backend)

    def work(student: Student, _interrupts: Interrupts) -> T:
        return look(whole, there, student)

    with Board(f"measure {whole.lab.name}", len(whole.students)) as board:
        found, stopped = board.follow(each(whole.students, work, at_once=at_once), told)
    return in_order(found, whole.students), stopped


def report_of(whole: Room, there: Backend, student: Student) -> Report:
    """Return what is found of the copy of *student* now.

    Raises:
        LabError: it is not up, cannot be measured, or the host refused.
    """
    from datetime import datetime

    from labiac.cli.measure import insist_up
    from labiac.cli.verify import found_of

    plan = whole.plan(student)
    insist_up(plan, there, whole.file)
    when = datetime.now().astimezone()
    return Report(plan, when, found_of(plan, there))


def _told(outcome: Outcome[Report]) -> tuple[bool, str]:
    if outcome.result is None:
        return False, f"failed: {outcome.reason}"
    return outcome.result.found.ok, said(outcome.result)


def said(report: Report) -> str:
    """Return in a line what was found: what differs from the prediction, and which checks fail."""
    from labiac.cli.reports.report import called
    from labiac.reach.finding import shortened

    failed = [called(each.check) for each in report.found.checks if not each.ok]
    parts = [
        report.disagreement,
        f"{report.found.failing}: {shortened(failed)}" if failed else "",
    ]
    return "; ".join(filter(None, parts)) or "all is as it should be"


def verdicts_view(outcomes: Sequence[Outcome[Report]]) -> Table:
    """Return a table of what was found, a line a student."""
    from rich.text import Text

    from labiac.cli.tables import table

    rows = table("student", "", "pairs", "checks", "points", "what is not as it should be")
    for outcome in outcomes:
        report = outcome.result
        if report is None:
            reason = outcome.reason.partition("\n")[0]
            rows.add_row(outcome.student.student, Text("?", "yellow"), "", "", "", reason)
            continue
        found = report.found
        holds = sum(each.ok for each in found.checks)
        rows.add_row(
            outcome.student.student,
            Text("ok", "green") if found.ok else Text("no", "bold red"),
            f"{sum(pair.ok for pair in found.live)} of {len(found.live)}",
            f"{holds} of {len(found.checks)}" if found.checks else "",
            f"{found.got:g} of {found.of:g}" if found.checks else "",
            "" if found.ok else said(report),
        )
    return rows


def summed_up(outcomes: Sequence[Outcome[Report]]) -> str:
    """Return in a line how many copies are as they should be."""
    well = sum(bool(each.result and each.result.found.ok) for each in outcomes)
    absent = sum(each.result is None for each in outcomes)
    more = f", {absent} not measured" if absent else ""
    return f"{counted(len(outcomes))}: {well} as they should be{more}"


def verdict_of(outcome: Outcome[Report]) -> dict[str, Any]:
    """Return what was found of one copy as programs read it."""
    from labiac.cli.verdict import verdict_data

    known = verdict_data(outcome.result.found) if outcome.result else {"agree": False}
    return {
        "student": outcome.student.student,
        "copy": outcome.student.copy,
        "ok": bool(outcome.result and outcome.result.found.ok),
        **known,
        "seconds": round(outcome.seconds, 3),
        "reason": outcome.reason,
    }
