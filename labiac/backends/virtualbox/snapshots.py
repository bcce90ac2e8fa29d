"""Snapshots of whole copies: a part a machine, all of them taken while all machines stand still."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from labiac.backends.moments import Part, insist_room
from labiac.backends.refusals import gone
from labiac.backends.virtualbox import machines, marks, parts
from labiac.backends.virtualbox.box import LOST
from labiac.backends.virtualbox.info import scan
from labiac.backends.virtualbox.manage import (
    LIMITED,
    NOT_FOUND,
    RefusedError,
    manage,
    unreadable,
)
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from labiac.backends.base import Copy
    from labiac.backends.mark import Mark
    from labiac.backends.moments import Moment
    from labiac.backends.virtualbox.parts import Entry

_MIB: Final = 1 << 20
_SNAPSHOT_S: Final = 600.0
"""Memory is written to a disk, or two disks become one."""
_ON: Final = frozenset({"running", "paused"})


@dataclass(frozen=True, slots=True)
class _Guest:
    """A machine of labiac's, and what VirtualBox says of it."""

    mark: Mark
    info: Mapping[str, str]

    @property
    def state(self) -> str:
        """VirtualBox's word, or the empty string of one that is gone."""
        return self.info.get("VMState", "")

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return machines.folder(self.mark.machine)

    def manage(self, command: str, *arguments: str) -> None:
        """Call VBoxManage with a *command* about it."""
        uuid, where = str(self.mark.uuid), f"virtualbox {self.mark.item.name}"
        manage(command, uuid, *arguments, where=where, timeout_s=_SNAPSHOT_S)

    def insist_there(self) -> None:
        """Refuse one that is gone, or that VirtualBox can't read.

        Raises:
            BackendError: it is.
        """
        if not self.info:
            raise gone(f"virtualbox {self.mark.item.name}")
        if self.state == LOST:
            raise unreadable(self.mark.item.name)

    def take(self, moment: Moment) -> None:
        """Keep it as it is, as a part of *moment*."""
        part = Part(moment, self.mark, still=False, goes_on=self.state in _ON)
        parts.remember(self.folder, part)
        said = ["--description", parts.description(moment)]
        self.manage("snapshot", "take", moment.name, *said)
        parts.remember(self.folder, replace(part, still=True))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part of labiac's, the machine that it is of, and what VirtualBox has of it."""

    part: Part
    guest: _Guest
    entry: Entry

    def insist_deletable(self) -> None:
        """Refuse one that VirtualBox can't delete: more than one disk stands on its disk.

        Raises:
            BackendError: they do.
        """
        if len(self.entry.followers) > 1:
            first, *_ = self.entry.followers
            problem = f"{' and '.join(self.entry.followers)} stand on its disks"
            fix = f"labiac snapshot delete FILE {first}, then this one"
            raise BackendError(f"snapshot {self.entry.name}", problem, fix=fix)

    def delete(self) -> None:
        """Delete it; its machine stays as it is."""
        self.guest.manage("snapshot", "delete", self.entry.uuid)
        parts.drop(self.guest.folder, self.part)


class Inventory:
    """What VirtualBox has of one copy; see `labiac.backends.snapshots`."""

    def __init__(self, copy: Copy) -> None:
        self.marks = [mark for mark in marks.marks() if mark.copy.whose == copy.whose]
        self.guests = [_Guest(mark, _info(mark)) for mark in self.marks if mark.kind == "machine"]
        self.kept = [
            _Kept(part, guest, entry)
            for guest in self.guests
            for part, entry in parts.kept(guest.folder, parts.entries(guest.info))
        ]

    def keep(self, moment: Moment) -> None:
        """Keep memory and disk of each machine, at a *moment* when all stand still."""
        for guest in self.guests:
            guest.insist_there()
        wanted = sum(each.mark.machine.memory_mib for each in self.guests if each.state in _ON)
        free = shutil.disk_usage(marks.machines()).free // _MIB
        insist_room(f"virtualbox {marks.machines()}", wanted_mib=wanted, free_mib=free)
        with _still(self.guests):
            for guest in self.guests:
                guest.take(moment)

    def restore(self, kept: Sequence[_Kept]) -> None:
        """Make all machines what they were by the parts *kept*."""
        for each in kept:
            machines.halt(each.guest.mark)
        for each in kept:
            each.guest.manage("snapshot", "restore", each.entry.uuid)
        for each in kept:
            if each.part.goes_on:
                machines.switch_on(each.guest.mark)

    def delete(self, kept: Sequence[_Kept]) -> None:
        """Delete the parts *kept*.

        Raises:
            BackendError: two or more things stand on the disks of one; then none is deleted.
        """
        for each in kept:
            each.insist_deletable()
        for each in kept:
            each.delete()


def _info(mark: Mark) -> Mapping[str, str]:
    """Return what VirtualBox says of a machine: nothing of one that is gone."""
    try:
        return scan(manage("showvminfo", str(mark.uuid), "--machinereadable"))
    except RefusedError as error:
        if error.code == LIMITED:
            return {"VMState": LOST}
        if error.code != NOT_FOUND:
            raise
        return {}


@contextmanager
def _still(guests: Sequence[_Guest]) -> Iterator[None]:
    """Let all *guests* that run stand still; whatever happens they go on in the end."""
    paused = []
    try:
        for guest in guests:
            if guest.state == "running":
                guest.manage("controlvm", "pause")
                paused.append(guest)
        yield
    finally:
        for guest in paused:
            with suppress(RefusedError):  # somebody ended it, or let it go on
                guest.manage("controlvm", "resume")
