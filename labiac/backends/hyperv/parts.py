"""One machine's part of a snapshot: a checkpoint of Hyper-V's, whose notes say what it is. Pure.

A checkpoint has the notes that its machine had then. While it is taken these are labiac's mark, and
beside it what the whole snapshot is; so a part is there, or it is not, and never lacks its meaning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.hyperv import marks
from labiac.backends.hyperv.shell import Statement, command, select
from labiac.backends.moments import Moment, Part
from labiac.plan.document import from_data, to_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.hyperv.shell import Row

KEYS: Final = ("Id", "VMId", "Name", "Notes")
_BESIDE: Final = "part"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A part that Hyper-V keeps.

    Args:
        id: What Hyper-V knows it by.
        machine: What Hyper-V knows the machine by that it is of.
        part: What it is.
    """

    id: UUID
    machine: UUID
    part: Part

    @property
    def found(self) -> Statement:
        """The statement that returns it."""
        return Statement((command("Get-VMSnapshot", Id=self.id),))


def notes(part: Part, machine: UUID) -> str:
    """Return the notes of a *machine* while *part* is taken: labiac's mark, and what that is."""
    known = json.loads(marks.notes(part.mark, machine))
    beside = {"moment": to_data(part.moment), "goes_on": part.goes_on}
    return json.dumps({**known, _BESIDE: beside})


def reads(machines: Statement) -> Statement:
    """Return what reads all checkpoints of *machines*."""
    return machines | command("Get-VMSnapshot") | select(*KEYS)


def checkpoints(rows: Sequence[Row]) -> Iterator[Checkpoint]:
    """Yield those that are labiac's of the checkpoints that *rows* tell of."""
    for row in rows:
        part = _part(row) if row.keys() == set(KEYS) else None
        if part:
            yield Checkpoint(UUID(str(row["Id"])), UUID(str(row["VMId"])), part)


def _part(row: Row) -> Part | None:
    """Return what a checkpoint is a part of; None of one that somebody took by hand."""
    mark = marks.mark_of(row)
    said = json.loads(str(row["Notes"])).get(_BESIDE) if mark else None
    if mark is None or said is None:
        return None
    moment = from_data(Moment, said["moment"])
    if moment.name != row["Name"]:  # notes of a take that was killed, and a checkpoint after it
        return None
    return Part(moment, mark, still=True, goes_on=said["goes_on"])
