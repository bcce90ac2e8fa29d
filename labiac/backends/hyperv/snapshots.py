"""Snapshots of whole copies: a checkpoint a machine, all of them taken while all stand still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.hyperv import box as boxes
from labiac.backends.hyperv import files, host, marks, networks, parts
from labiac.backends.hyperv.shell import Statement, command, select
from labiac.backends.moments import Part, insist_room
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.base import Copy
    from labiac.backends.hyperv.parts import Checkpoint
    from labiac.backends.mark import Mark
    from labiac.backends.moments import Moment

_SNAPSHOT_S: Final = 1800.0
"""Memory of all machines is written to a disk."""


def _restored(kept: Checkpoint) -> Iterator[Statement]:
    yield kept.found | command("Restore-VMSnapshot", Confirm=False)
    yield boxes.by_id(kept.machine) | command(
        "Set-VM", Notes=marks.notes(kept.part.mark, kept.machine)
    )


def _resumed(kept: Checkpoint) -> Iterator[Statement]:
    yield from boxes.switched_on(kept.machine, "Saved")


def _removed(kept: Checkpoint) -> Statement:
    return kept.found | command("Remove-VMSnapshot", Confirm=False)


@dataclass(frozen=True, slots=True)
class _Guest:
    """A machine of labiac's, and Hyper-V's word for what it does."""

    id: UUID
    mark: Mark
    state: str

    @property
    def box(self) -> Statement:
        """The statement that returns it."""
        return boxes.by_id(self.id)

    @property
    def is_on(self) -> bool:
        """Whether its memory is in use; a take that was killed may have left it paused."""
        return self.state in ("Running", "Paused")

    def kept(self, moment: Moment) -> Iterator[Statement]:
        """Yield what keeps it as it is, as a part of *moment*."""
        part = Part(moment, self.mark, still=True, goes_on=self.is_on)
        yield self.box | command("Set-VM", Notes=parts.notes(part, self.id))
        yield self.box | command("Checkpoint-VM", SnapshotName=moment.name)
        yield self.noted

    @property
    def noted(self) -> Statement:
        """What gives it its own notes again."""
        return self.box | command("Set-VM", Notes=marks.notes(self.mark, self.id))


class Inventory:
    """What the host has of one copy; see `labiac.backends.snapshots`."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._where = f"hyperv {copy.lab} of {copy.student}"
        machines = Statement((command("Get-VM", Name=[host_name(*copy.whose, "*")]),))
        rows = host.look(
            machines | select(*marks.KEYS),
            networks.reads_all(*copy.whose),
            parts.reads(machines),
            where=self._where,
        )
        marked = ((row, marks.mark_of(row)) for row in rows if "VMId" not in row)
        ours = [(row, mark) for row, mark in marked if mark and mark.copy.whose == copy.whose]
        self.marks = [mark for _, mark in ours]
        self.guests = [
            _Guest(UUID(str(row["Id"])), mark, str(row["State"]))
            for row, mark in ours
            if mark.kind == "machine"
        ]
        ids = {guest.id for guest in self.guests}
        self.kept = [each for each in parts.checkpoints(rows) if each.machine in ids]

    def keep(self, moment: Moment) -> None:
        """Keep memory and disk of each machine, at a *moment* when all stand still."""
        on = [guest for guest in self.guests if guest.is_on]
        _insist_room(on)
        kept = (each for guest in self.guests for each in guest.kept(moment))
        try:
            self._change(*_still(on), *kept)
        except BaseException:
            self._change(*(guest.noted for guest in self.guests))
            raise
        finally:
            self._go_on(on)

    def restore(self, kept: Sequence[Checkpoint]) -> None:
        """Make all machines what they were by the parts *kept*."""
        off = command("Stop-VM", TurnOff=True, Force=True, Confirm=False)
        self._change(*(guest.box | off for guest in self.guests if guest.is_on))
        self._change(*(each for one in kept for each in _restored(one)))
        self._change(*(each for one in kept if one.part.goes_on for each in _resumed(one)))

    def delete(self, kept: Sequence[Checkpoint]) -> None:
        """Delete the parts *kept*; Hyper-V merges their disks in its own time."""
        self._change(*map(_removed, kept))

    def _go_on(self, on: Sequence[_Guest]) -> None:
        """Let those that were *on* run again, each whatever becomes of the others."""
        ids = {guest.id for guest in on}
        self._change(
            *(
                each
                for guest in Inventory(self._copy).guests
                if guest.id in ids
                for each in boxes.switched_on(guest.id, guest.state, ErrorAction="Continue")
            )
        )

    def _change(self, *statements: Statement) -> None:
        """Run *statements*; the first error ends them."""
        host.change(*statements, where=self._where, timeout_s=_SNAPSHOT_S)


def _still(on: Sequence[_Guest]) -> Iterator[Statement]:
    """Yield what lets those that are *on* stand still, then writes their memory down.

    A checkpoint can be taken of what runs, is off or is saved; only what is saved stands still.
    """
    yield from (guest.box | command("Suspend-VM") for guest in on if guest.state == "Running")
    yield from (guest.box | command("Save-VM") for guest in on)


def _insist_room(on: Sequence[_Guest]) -> None:
    """Refuse where the memory of all that are *on* does not fit.

    It is there twice for a while: saved, and in the checkpoint.
    """
    wanted = 2 * sum(guest.mark.machine.memory_mib for guest in on)
    free = files.free_mib() if wanted else wanted
    insist_room(f"hyperv {files.root()}", wanted_mib=wanted, free_mib=free)
