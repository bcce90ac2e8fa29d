"""One operation of the Pulumi engine for every student, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from labiac.backends.base import Copy
from labiac.cli.classes.board import Board
from labiac.cli.classes.room import counted
from labiac.cli.output import INTERRUPTED, console
from labiac.errors import LabError
from labiac.fleet.classroom import each
from labiac.fleet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from labiac.fleet.classroom import Outcome
    from labiac.fleet.engine import Engine, Result
    from labiac.fleet.events import News
    from labiac.fleet.roster import Student
    from labiac.host.process import Interrupts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of the work for a class.

    Args:
        outcomes: One for each student, in the order of the roster.
        stopped: Whether the user stopped it.
    """

    outcomes: tuple[Outcome[Result], ...]
    stopped: bool

    @property
    def well(self) -> tuple[tuple[Student, Result], ...]:
        """The students for whom all of it was done, with what came of it."""
        return tuple(
            (outcome.student, outcome.result)
            for outcome in self.outcomes
            if outcome.result and outcome.result.ok
        )


@dataclass(frozen=True, slots=True)
class Work:
    """One operation of the engine.

    Args:
        what: What the user asked for: ``up``.
        lab: Name of the lab.
        run: Lets an engine work for a student.
        steps: How many LANs and nodes a copy has; zero where nobody counts.
        kept: Whether it changes what runs: then the ledger keeps what came of it.
    """

    what: str
    lab: str
    run: Callable[[Engine, Student], Result]
    steps: int = 0
    kept: bool = False

    def all(self, students: Sequence[Student], at_once: int) -> Done:
        """Do it for all *students*, showing how far it is."""
        ledger = Ledger(self.lab)
        if self.kept:
            for student in students:
                ledger.begin(student.copy, self.what)
        with Board(f"{self.what} {self.lab}", len(students), self.steps) as board:
            outcomes = each(students, partial(self._one, board, ledger), at_once=at_once)
            found, stopped = board.follow(outcomes, _told)
        return Done(in_order(found, students), stopped)

    def _one(
        self, board: Board, ledger: Ledger, student: Student, interrupts: Interrupts
    ) -> Result:
        from labiac.fleet.engine import Engine

        def tell(news: News) -> None:
            board.news(student, news)
            ledger.news(student.copy, news)

        board.begin(student)
        try:
            result = self.run(Engine(Copy(self.lab, student.copy), tell, interrupts), student)
        except LabError as error:
            self._keep(ledger, student, str(error))
            raise
        self._keep(ledger, student, why(result))
        return result

    def _keep(self, ledger: Ledger, student: Student, reason: str) -> None:
        if self.kept:
            ledger.end(student.copy, self.what, reason)


def in_order(found: Iterable[Outcome[T]], students: Sequence[Student]) -> tuple[Outcome[T], ...]:
    """Return the outcomes *found*, which came as they ended, in the order of *students*."""
    order = {student.copy: place for place, student in enumerate(students)}
    return tuple(sorted(found, key=lambda outcome: order[outcome.student.copy]))


def why(result: Result) -> str:
    """Return why *result* is not what was asked for, or the empty string."""
    if result.ok:
        return ""
    return "interrupted" if result.cancelled else "\n".join(result.errors)


def reason(outcome: Outcome[Result]) -> str:
    """Return why the work was not done for a student, or the empty string."""
    return outcome.reason or (why(outcome.result) if outcome.result else "")


def _told(outcome: Outcome[Result]) -> tuple[bool, str]:
    from labiac.cli.deploy import counted as changes

    failed = reason(outcome)
    if outcome.result is None or failed:
        return False, f"failed: {failed}"
    return True, changes(outcome.result)


def outcome_data(outcome: Outcome[Result]) -> dict[str, Any]:
    """Return what came of the work for one student as programs read it."""
    from labiac.cli.deploy import result_data

    said: dict[str, Any] = result_data(outcome.result) if outcome.result else {"ok": False}
    return {
        "student": outcome.student.student,
        "copy": outcome.student.copy,
        **said,
        "seconds": round(outcome.seconds, 3),
        "reason": reason(outcome),
    }


def show_failures(work: Work, done: Done) -> None:
    """Print for whom *work* was not done, why not, and where to read more."""
    out, ledger = console(), Ledger(work.lab)
    for outcome in done.outcomes:
        why_not = reason(outcome)
        if not why_not:
            continue
        first, *more = why_not.splitlines()
        log = ledger.log_file(outcome.student.copy)
        shown = [f"log: {log}"] if log.exists() else []
        out.print(f"{outcome.student.student}: {first}", style="red", soft_wrap=True)
        for line in (*more, *shown):
            out.print(f"  {line}", soft_wrap=True)


def summary(work: Work, done: Done, seconds: float) -> str:
    """Return in a line for how many *work* was done, and how long it took."""
    failed = len(done.outcomes) - len(done.well)
    more = f", {failed} not" if failed else ""
    return f"{counted(len(done.outcomes))}: {work.what} for {len(done.well)}{more}, {seconds:.1f} s"


def leave(done: Done, *, holds: bool = True) -> None:
    """Exit with the status of what was interrupted, failed, or does not hold."""
    if done.stopped:
        raise typer.Exit(INTERRUPTED)
    if not holds or len(done.well) < len(done.outcomes):
        raise typer.Exit(1)
