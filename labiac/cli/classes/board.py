"""Who of a class is where, and how far: a live table, or a line for each who is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from labiac.cli.classes.room import counted
from labiac.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from rich.console import Group

    from labiac.fleet.classroom import Outcome
    from labiac.fleet.events import News
    from labiac.fleet.roster import Student

T = TypeVar("T")

FAILED_SHOWN = 8
"""Of who failed, so many are in the live table; all of them are told at the end."""


@dataclass(slots=True)
class _Seat:
    """One student at work: since when, LANs and nodes done, and the last that was said."""

    since: float
    steps: int = 0
    last: str = ""


class Board:
    """Shows, for as long as the ``with`` block lasts, how far the class is.

    On a terminal it is a table of who is being worked on, and who failed; elsewhere a line for
    each student who is done. Threads of the work may tell it news.

    Args:
        what: What goes on: ``up three-lans``.
        of: How many students there are.
        steps: How many LANs and nodes one of them has; zero where nobody counts.
    """

    def __init__(self, what: str, of: int, steps: int = 0) -> None:
        self._what, self._of, self._steps = what, of, steps
        self._seats: dict[str, _Seat] = {}
        self._failed: list[tuple[str, str]] = []
        self._done = 0
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        """Start showing."""
        self._started = time.monotonic()
        if self._terminal:
            from rich.console import Console
            from rich.live import Live

            where = Console(stderr=True, highlight=False, markup=False)
            self._live = Live(get_renderable=self._view, console=where, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and leave a terminal as it was found."""
        if self._terminal:
            self._live.stop()

    def begin(self, student: Student) -> None:
        """Show that work for *student* has begun."""
        self._seats[student.student] = _Seat(time.monotonic())

    def news(self, student: Student, news: News) -> None:
        """Show *news* of the engine about the copy of *student*."""
        from labiac.cli.changes import ITEMS, OURS, step_title
        from labiac.fleet.events import Message

        seat = self._seats[student.student]
        if isinstance(news, Message):
            seat.last = news.text
        elif news.state == "done" and news.type.startswith(OURS):
            seat.steps, seat.last = seat.steps + (news.type in ITEMS), step_title(news)

    def end(self, student: Student, said: str, *, ok: bool) -> None:
        """Show that work for *student* has ended, and in a line what came of it."""
        self._seats.pop(student.student, None)
        self._done += 1
        if not ok:
            self._failed.append((student.student, said))
        if not self._terminal:
            note(f"{student.student}: {said}")

    def follow(
        self,
        outcomes: Iterable[Outcome[T]],
        told: Callable[[Outcome[T]], tuple[bool, str]],
    ) -> tuple[list[Outcome[T]], bool]:
        """Show *outcomes* as they come, and return them, and whether the user stopped it.

        Args:
            outcomes: From `labiac.fleet.classroom.each`.
            told: Says whether one is well, and in a line what came of it.
        """
        found: list[Outcome[T]] = []
        try:
            for outcome in outcomes:
                ok, said = told(outcome)
                self.end(outcome.student, said.partition("\n")[0], ok=ok)
                found.append(outcome)
        except KeyboardInterrupt:
            return found, True
        return found, False

    def _view(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        from labiac.cli.tables import table

        seconds = time.monotonic() - self._started
        failed = f", {len(self._failed)} failed" if self._failed else ""
        head = f"{self._what}: {self._done} of {counted(self._of)}{failed}   {seconds:.0f} s"
        rows = table("student", "how far", "", "seconds")
        for name, far, last, time_s in self._rows():
            rows.add_row(name, far, last, time_s)
        return Group(Text(head, "bold"), rows)

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for name, said in self._failed[-FAILED_SHOWN:]:
            yield name, "failed", said, ""
        for name, seat in list(self._seats.items()):  # threads add and remove meanwhile
            far = f"{seat.steps} of {self._steps}" if self._steps else ""
            last = seat.last.partition("\n")[0]
            yield name, far, last, f"{time.monotonic() - seat.since:.1f}"
