"""Which class, which lab: the arguments that its commands share, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.backends.base import Copy
from labiac.cli.options import chosen, located
from labiac.fleet.classroom import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.fleet.roster import Student
    from labiac.plan.model import Plan
    from labiac.schema.lab import Lab

Roster = Annotated[
    str,
    typer.Option(
        "--roster",
        metavar="FILE",
        help="Who is in the class: CSV with a head, or YAML.",
        show_default=False,
    ),
]
Only = Annotated[
    str, typer.Option("--only", metavar="NAMES", help="Just these students: ana,luis.")
]
Parallel = Annotated[
    int, typer.Option("--parallel", metavar="N", min=1, max=64, help="Students at a time.")
]
PARALLEL = AT_ONCE


@dataclass(frozen=True, slots=True)
class Room:
    """A class at work on a lab.

    Args:
        file: The lab, as the user names it.
        lab: What its file says.
        backend: What makes it real.
        students: Who is in it: all of the roster, or those that the user named.
    """

    file: str
    lab: Lab
    backend: str
    students: Sequence[Student]

    def plan(self, student: Student) -> Plan:
        """Return the plan of the copy of *student*.

        Raises:
            DescriptionError: the parts or the numbers of the lab do not go together.
        """
        from labiac.plan.resolve import resolve

        return resolve(self.lab, student.student, self.backend)

    def copy(self, student: Student) -> Copy:
        """Return whose copy of which lab that of *student* is."""
        return Copy(self.lab.name, student.copy)


def room(file: str, roster: str, only: str, backend: str) -> Room:
    """Return the class that the user named.

    Raises:
        UsageError: there is no such lab, backend or student.
        DescriptionError: lab file or roster have problems.
    """
    from labiac.schema.load import load

    located(file)
    students = members(roster, only)
    return Room(file, load(file), chosen(backend), students)


def members(roster: str, only: str) -> tuple[Student, ...]:
    """Return those of a *roster* that *only* names, or all.

    Raises:
        UsageError: one of them is not in it.
        DescriptionError: it has problems.
    """
    from labiac.fleet import roster as rosters

    return rosters.chosen(rosters.load(roster), only)


def counted(number: int, of: str = "student") -> str:
    """Return *number* and what is counted: ``1 student``, ``12 students``."""
    return f"{number} {of}{'' if number == 1 else 's'}"
