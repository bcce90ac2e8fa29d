"""One answer for all who got the same: a class of a hundred is read in a few lines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from labiac.cli.classes.room import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAMED = 8
"""Of students with the same answer, so many are named; the rest are counted."""


class Answer(NamedTuple):
    """What some students have in common: its lines, and who they are."""

    lines: tuple[str, ...]
    students: tuple[str, ...]


def alike(said: Mapping[str, tuple[str, ...]]) -> list[Answer]:
    """Return each answer in *said*, by student, once; the one of most students comes first."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for student, lines in said.items():
        groups[lines].append(student)
    answers = [Answer(lines, tuple(students)) for lines, students in groups.items()]
    return sorted(answers, key=lambda answer: -len(answer.students))


def answers_view(answers: Sequence[Answer], *, empty: str) -> Iterator[str]:
    """Yield what shows *answers*, line by line; *empty* stands for one without lines."""
    for number, answer in enumerate(answers):
        most = number == 0 and len(answers) > 1 and len(answer.students) > NAMED
        who = "" if len(answers) == 1 or most else f" ({_named(answer.students)})"
        yield f"{counted(len(answer.students))}{who}: {'' if answer.lines else empty}".rstrip()
        yield from (f"  {line}".rstrip() for line in answer.lines)


def _named(students: Sequence[str]) -> str:
    names = ", ".join(students[:NAMED])
    more = len(students) - NAMED
    return f"{names} and {more} more" if more > 0 else names
