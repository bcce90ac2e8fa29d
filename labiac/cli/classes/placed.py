"""What the roster says of hosts, held against the cluster that is to have the copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.backends import found_here, open_backend
from labiac.backends.spare import Spreads
from labiac.errors import Problem, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.cli.classes.room import Room
    from labiac.fleet.roster import Student


def insist_placed(whole: Room, students: Sequence[Student]) -> None:
    """Refuse to begin where the host that the roster names for a new copy can't have it.

    A copy that is up stays where it is, whatever the roster says by now.

    Args:
        whole: The class.
        students: Those of it who are to be worked for.

    Raises:
        UnsupportedError: with each student whose host is not there, or takes nothing now.
    """
    backend = open_backend(whole.backend)
    named = {student.host for student in students} - {""}
    if not named or not isinstance(backend, Spreads):
        return
    why = {host: backend.misplaced(host) for host in named}
    up = {found.copy.student for found in found_here() if found.copy.lab == whole.lab.name}
    problems = [
        Problem(student.student, "host", why[student.host], "name another, or none, in the roster")
        for student in students
        if student.host and why[student.host] and student.copy not in up
    ]
    if problems:
        raise UnsupportedError(problems)
