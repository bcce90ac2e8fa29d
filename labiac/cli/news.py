"""What goes on at the same time, for people: a line for what is done, and one line of progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.cli.changes import OURS, step_title
from labiac.cli.output import note
from labiac.fleet.events import Message

if TYPE_CHECKING:
    from labiac.fleet.events import News, Step
    from labiac.host.progress import Progress

_DONE = {"create": "+", "update": "~", "delete": "-", "replace": "±"}
"""Sign of each thing that the engine can do to a resource; what stays the same goes unsaid."""
_MACHINE = f"{OURS}Machine"


class UnderWay:
    """One line of progress of many things: how many of them are done, and the last of the others.

    Args:
        progress: Shows the line.
        of: How many there are to be counted.
        done: What they are then: ``ready``.
    """

    def __init__(self, progress: Progress, of: int, done: str) -> None:
        self._progress, self._of, self._word = progress, of, done
        self._done: set[str] = set()
        self._said: dict[str, str] = {}

    def say(self, name: str, text: str) -> None:
        """Show *text* as the last news of *name*."""
        self._said[name] = text
        self._show()

    def end(self, name: str, *, counts: bool) -> None:
        """Say no more of *name*, and with *counts* that one more is done."""
        self._said.pop(name, None)
        if counts:
            self._done.add(name)
        self._show()

    def _show(self) -> None:
        count = [f"{len(self._done)} of {self._of} {self._word}"] if self._of else []
        self._progress.last = "; ".join([*count, *list(self._said.values())])


class Ticker:
    """Takes the news of one operation of the engine.

    Args:
        progress: Shows what is under way.
        machines: How many machines there will be; zero where nobody waits for them.
        lines: Whether to note what is done, a line each.
    """

    def __init__(self, progress: Progress, *, machines: int, lines: bool) -> None:
        self._lines, self._under_way = lines, UnderWay(progress, machines, "ready")

    def __call__(self, news: News) -> None:
        """Show *news*: in passing, or to stay."""
        if isinstance(news, Message):
            if news.passing:
                self._under_way.say(news.name, news.text)
        elif news.state != "running":
            self._ended(news)

    def _ended(self, step: Step) -> None:
        done = step.state == "done"
        ready = done and step.type == _MACHINE and step.op != "refresh"  # that is but a look at it
        self._under_way.end(step.name, counts=ready)
        if done and self._lines and step.op in _DONE and step.type.startswith(OURS):
            note(f"  {_DONE[step.op]} {step_title(step)}   {step.seconds:.2f} s")
