"""What keeps copies of a class apart that this one host has addresses in."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from labiac.backends.subnets import Wanted, of_lans, overlap
from labiac.errors import Problem, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.cli.classes.room import Room
    from labiac.fleet.roster import Student
    from labiac.plan.model import Plan


def insist_apart(whole: Room, students: Sequence[Student], first: Plan) -> None:
    """Refuse to begin where the host would be in one subnet for two of *students*.

    Args:
        whole: The class.
        students: Those of it who are to be worked for.
        first: The plan of one of them.

    Raises:
        UnsupportedError: two copies have a LAN of one subnet with an address of the host.
    """
    if not any(of_lans(first)):
        return
    taken: dict[str, list[Wanted]] = {}
    for student in students:
        wanted = [*of_lans(whole.plan(student))]
        for other, theirs in taken.items():
            if problems := [*_shared(first.backend, (student.student, wanted), (other, theirs))]:
                raise UnsupportedError(problems)
        taken[student.student] = wanted


def _shared(
    backend: str, one: tuple[str, list[Wanted]], other: tuple[str, list[Wanted]]
) -> Iterator[Problem]:
    """Yield the LANs of *one* student in whose subnet the host would be for the *other* too."""
    (student, wanted), (before, theirs) = one, other
    for ours, held in product(wanted, theirs):
        if overlap(ours.address, held.address):
            yield Problem(
                f"{backend} {ours.item}",
                ours.field,
                f"the host would have {held.address} for {before} and {ours.address} for"
                f" {student}: it can't tell the two subnets apart",
                "make the LAN internal, or bring up one copy a host (--only)",
            )
