"""Every error labiac raises on purpose.

LabError
├── ProblemsError      several problems at once
│   ├── DescriptionError   what the user wrote is wrong
│   └── UnsupportedError   this backend cannot do it here; nothing was created
├── UsageError         the command line names what is not there
└── BackendError       the host refused, or was lost, while we acted
    ├── CommandError   a host command exited non-zero
    └── ForeignError   an object of that name exists and is not labiac's
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in the words of the user's file.

    Args:
        where: ``file:line``, or ``backend item`` where there is no file.
        field: Path of the field (``routers.r1.nics[0].ipv4``), or empty.
        problem: One sentence with the offending value and the limit it broke.
        fix: What to do next, or empty when labiac knows of nothing.
        level: ``error`` stops; ``warning`` and ``note`` are said: it is hardly, or may be, meant.
    """

    where: str
    field: str
    problem: str
    fix: str = ""
    level: str = "error"

    def __str__(self) -> str:
        """Return the problem as people read it: place, field, sentence, remedy."""
        place = f"{self.where} {self.field}".strip()
        text = f"{place}: {self.problem}" if place else self.problem
        return f"{text}\n  fix: {self.fix}" if self.fix else text


class LabError(Exception):
    """An error a user can act on.

    Args:
        where: What it is about: ``file:line path`` or ``backend item``.
        problem: One sentence with the offending value and the limit it broke.
        fix: What to do next, or empty when labiac knows of nothing.
        detail: Verbatim evidence (a command, its output), or empty.
    """

    def __init__(self, where: str, problem: str, *, fix: str = "", detail: str = "") -> None:
        super().__init__(where, problem, fix, detail)
        self.where, self.problem, self.fix, self.detail = where, problem, fix, detail

    def __str__(self) -> str:
        """Return the message as people read it: place, sentence, evidence, remedy."""
        lines = [f"{self.where}: {self.problem}" if self.where else self.problem]
        lines += [f"  {line}" for line in self.detail.splitlines()]
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state, because subclasses take other arguments than they store."""
        return (_rebuild, (type(self), self.__dict__))


def _rebuild(cls: type[LabError], state: dict[str, object]) -> LabError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    return error


class ProblemsError(LabError):
    """Several problems at once; `problems` holds them all, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.where} {first.field}".strip(), first.problem, fix=first.fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return every problem, one after the other."""
        return "\n".join(str(problem) for problem in self.problems)


class DescriptionError(ProblemsError):
    """What the user wrote is wrong."""


class UnsupportedError(ProblemsError):
    """This backend cannot realise the plan here; nothing was created."""


class UsageError(LabError):
    """The command line asks for what is not there: a lab, a node, a backend."""


class BackendError(LabError):
    """The host refused, or was lost, while we acted."""


class ForeignError(BackendError):
    """An object of that name exists and does not carry labiac's mark; it is left alone."""


class CommandError(BackendError):
    """A host command exited non-zero.

    Args:
        where: ``backend item``.
        argv: What was run; secrets never travel in an argv, so it is shown whole.
        code: Its exit status.
        stderr: All it said; the message shows the last three lines.
    """

    def __init__(self, where: str, argv: Sequence[str], code: int, stderr: str) -> None:
        last = stderr.strip().splitlines()[-3:]
        detail = "\n".join([f"$ {shlex.join(argv)}", *last])
        super().__init__(where, f"{argv[0]} exited {code}", detail=detail)
        self.argv, self.code, self.stderr = tuple(argv), code, stderr
