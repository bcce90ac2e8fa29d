"""Snapshots of whole copies: a checkpoint a machine, all of them taken while all stand still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.hyperv import box as boxes
from labiac.backends.hyperv import files, host, marks, networks, parts
from labiac.backends.hyperv.shell import Statement, command, select
from labiac.backends.moments import (
    Part,
    fresh_name,
    insist_whole,
    moment_of,
    named,
    plan_of,
    restorable,
    used_networks,
    whole,
)
from labiac.errors import BackendError
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labiac.backends.base import Copy, Snapshot
    from labiac.backends.hyperv.parts import Checkpoint
    from labiac.backends.mark import Mark
    from labiac.backends.moments import Moment

_SNAPSHOT_S: Final = 1800.0
"""Memory of all machines is written to a disk."""


def take(copy: Copy, name: str) -> Snapshot:
    """Keep all machines of *copy* as they are now, under *name*.

    Raises:
        UsageError: that is no name of a snapshot, or there is one of that name.
        BackendError: the copy is not up, or the host refused; nothing is kept then.
    """
    here = _Here(copy)
    fresh_name(name, here.snapshots())
    insist_whole(here.plan, here.marks)
    on = [guest for guest in here.guests if guest.is_on]
    _insist_room(on)
    moment = moment_of(here.plan, name)
    try:
        here.change(*_still(on), *(each for guest in here.guests for each in guest.kept(moment)))
    except BaseException:
        _undo(copy, moment)
        raise
    finally:
        _go_on(copy, on)
    return named(name, _Here(copy).snapshots())


def snapshots(copy: Copy) -> list[Snapshot]:
    """Return all snapshots of *copy*, the oldest first."""
    return _Here(copy).snapshots()


def restore(copy: Copy, name: str) -> Snapshot:
    """Make *copy* what it was in the snapshot called *name*.

    Raises:
        UsageError: there is no such snapshot.
        BackendError: a part of it is lost, the copy is another by now, or the host refused.
    """
    here = _Here(copy)
    snapshot = named(name, here.snapshots())
    restorable(snapshot)
    kept = here.called(name)
    for lan in used_networks([each.part for each in kept]):
        networks.create(here.owner, lan)
    off = command("Stop-VM", TurnOff=True, Force=True, Confirm=False)
    here.change(*(guest.box | off for guest in here.guests if guest.is_on))
    here.change(*(each for one in kept for each in _restored(one)))
    here.change(*(each for one in kept if one.part.goes_on for each in _resumed(one)))
    return snapshot


def forget(copy: Copy, name: str) -> None:
    """Delete all parts of the snapshot called *name*; Hyper-V merges their disks in its own time.

    Raises:
        UsageError: there is no such snapshot.
        BackendError: the host refused.
    """
    here = _Here(copy)
    named(name, here.snapshots())
    here.change(*map(_removed, here.called(name)))


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


class _Here:
    """What the host has of one copy: its machines, and what is kept of these."""

    def __init__(self, copy: Copy) -> None:
        self._where = f"hyperv {copy.lab} of {copy.student}"
        every = host_name(copy.lab, copy.student, "*")
        machines = Statement((command("Get-VM", Name=[every]),))
        rows = host.look(
            machines | select(*marks.KEYS),
            networks.reads_all(copy.lab, copy.student),
            parts.reads(machines),
            where=self._where,
        )
        marked = ((row, marks.mark_of(row)) for row in rows if "VMId" not in row)
        ours = [(row, mark) for row, mark in marked if mark and _whose(mark.copy) == _whose(copy)]
        self.owner = next((mark.copy for _, mark in ours), copy)
        self.marks = [mark for _, mark in ours]
        self.plan = plan_of("hyperv", copy, self.marks)
        self.guests = [
            _Guest(UUID(str(row["Id"])), mark, str(row["State"]))
            for row, mark in ours
            if mark.kind == "machine"
        ]
        ids = {guest.id for guest in self.guests}
        self.kept = [each for each in parts.checkpoints(rows) if each.machine in ids]

    def called(self, name: str) -> list[Checkpoint]:
        """Return what is kept of the snapshot called *name*."""
        return [each for each in self.kept if each.part.moment.name == name]

    def snapshots(self) -> list[Snapshot]:
        """Return all snapshots, the oldest first."""
        return whole(self.plan, [each.part for each in self.kept])

    def change(self, *statements: Statement) -> None:
        """Run *statements*; the first error ends them.

        Raises:
            BackendError: the host refused one.
        """
        host.change(*statements, where=self._where, timeout_s=_SNAPSHOT_S)


def _whose(copy: Copy) -> tuple[str, str]:
    return copy.lab, copy.student


def _still(on: Sequence[_Guest]) -> Iterator[Statement]:
    """Yield what lets those that are *on* stand still, then writes their memory down.

    A checkpoint can be taken of what runs, is off or is saved; only what is saved stands still.
    """
    yield from (guest.box | command("Suspend-VM") for guest in on if guest.state == "Running")
    yield from (guest.box | command("Save-VM") for guest in on)


def _go_on(copy: Copy, on: Sequence[_Guest]) -> None:
    """Let those that were *on* run again, each whatever becomes of the others."""
    here, ids = _Here(copy), {guest.id for guest in on}
    here.change(
        *(
            each
            for guest in here.guests
            if guest.id in ids
            for each in boxes.switched_on(guest.id, guest.state, ErrorAction="Continue")
        )
    )


def _undo(copy: Copy, moment: Moment) -> None:
    """Delete what was kept of *moment*, and give the machines their own notes again."""
    here = _Here(copy)
    made: Iterable[Checkpoint] = (each for each in here.kept if each.part.moment == moment)
    here.change(*map(_removed, made), *(guest.noted for guest in here.guests))


def _insist_room(on: Sequence[_Guest]) -> None:
    """Refuse where the memory of all that are *on* does not fit: one whose disk is full stops.

    It is there twice for a while: saved, and in the checkpoint.
    """
    wanted = 2 * sum(guest.mark.machine.memory_mib for guest in on)
    free = files.free_mib() if wanted else wanted
    if wanted > free:
        problem = f"a snapshot may take {wanted} MiB of disk, and {free:.0f} MiB are free"
        fix = "labiac snapshot delete frees what an older one takes; or free some disk"
        raise BackendError(f"hyperv {files.root()}", problem, fix=fix)
