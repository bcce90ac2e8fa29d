"""Snapshots of whole copies: a part a machine, inside its disk, all of them of one moment."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import agent, forwards, storage
from labiac.backends.libvirt.connection import connect, library, told
from labiac.backends.libvirt.files import Files
from labiac.backends.libvirt.held import Held, all_held
from labiac.backends.libvirt.moment import definition, part_of
from labiac.backends.libvirt.still import still
from labiac.backends.moments import insist_room
from labiac.backends.still import side_by_side
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.base import Copy
    from labiac.backends.moments import Moment, Part

_MIB: Final = 1 << 20
_WRONG_S: Final = 5
"""A clock that is off by more is not set."""
_TRIES: Final = 3
_AGENT_S: Final = 120
"""How long a guest that was restored may be silent: many may go on at once, without KVM."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part of labiac's, the machine that it is of, and where libvirt has it."""

    part: Part
    machine: Held
    object: Any


class Inventory:
    """What libvirt has of one copy; see `labiac.backends.snapshots`."""

    def __init__(self, copy: Copy) -> None:
        self._where = "/".join(copy.whose)
        with told(self._where):
            self._connection = connect()
            held = all_held(self._connection)
            found = (each for each in held if each.mark.copy.whose == copy.whose)
            ours = sorted(found, key=lambda each: each.mark.item.name)
            self.marks = [each.mark for each in ours]
            self.machines = [each for each in ours if each.mark.kind == "machine"]
            self.kept = [kept for each in self.machines for kept in _kept(self._connection, each)]

    def keep(self, moment: Moment) -> None:
        """Keep memory and disk of each machine, at a *moment* when all stand still."""
        with told(self._where):
            self._insist_room()
            with still([each.object for each in self.machines if each.is_active]):
                side_by_side(partial(_take, moment), self.machines)

    def restore(self, kept: Sequence[_Kept]) -> None:
        """Make all machines what they were by the parts *kept*, with the time of now."""
        with told(self._where):
            with still([each.machine.object for each in kept]):
                side_by_side(_revert, kept)
            side_by_side(_bring_to_now, (each.machine for each in kept if each.part.goes_on))

    def delete(self, kept: Sequence[_Kept]) -> None:
        """Delete the parts *kept*."""
        side_by_side(_delete, kept)

    def _insist_room(self) -> None:
        pool = storage.pool(self._connection)
        pool.refresh()
        wanted = sum(each.mark.machine.memory_mib for each in self.machines if each.is_active)
        free = pool.info()[3] // _MIB
        insist_room("libvirt", wanted_mib=wanted, free_mib=free, place="the pool")


def _kept(connection: Any, machine: Held) -> Iterator[_Kept]:
    if Files(connection, machine.mark.machine).has_disk():
        for each in machine.object.listAllSnapshots():
            if (part := part_of(each.getXMLDesc())) is not None:
                yield _Kept(part, machine, each)


def _take(moment: Moment, machine: Held) -> None:
    with told(f"{machine.mark.item.name} of snapshot {moment.name}"):
        machine.object.snapshotCreateXML(definition(moment))


def _delete(kept: _Kept) -> None:
    with told(f"{kept.machine.mark.item.name} of snapshot {kept.part.moment.name}"):
        kept.object.delete()


def _revert(kept: _Kept) -> None:
    """Make a machine what it was; one that ran then stands still, whatever it does now."""
    libvirt = library()
    # Forced, since its hardware may have been changed by hand: it shall be as it was.
    how = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE
    if kept.part.goes_on:
        how |= libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED
    name = kept.machine.mark.item.name
    with told(f"{name} of snapshot {kept.part.moment.name}"):
        kept.machine.object.revertToSnapshot(kept.object, how)


def _bring_to_now(machine: Held) -> None:
    """Give a guest what no snapshot keeps: the ports of its host, and the time."""
    with told(f"ports of {machine.mark.item.name}"):
        forwards.settle(machine.object, machine.mark.machine)
    _set_clock(machine)


def _set_clock(machine: Held) -> None:
    """Tell the guest the time of now: its own clock went on where it stood."""
    name = machine.mark.item.name
    with told(f"clock of {name}"):
        if agent.answers(machine.object, _AGENT_S):
            off_s = _told_now(machine.object)
            wrong = f"its clock is wrong by {off_s:.0f} s" if off_s > _WRONG_S else ""
        else:
            wrong = f"its clock is not set: its agent does not answer for {_AGENT_S} s"
    if wrong:
        fix = "set it there, or restart the node"
        raise BackendError(f"libvirt {name}", f"it is restored, and {wrong}", fix=fix)


def _told_now(domain: Any) -> float:
    """Tell a guest the time; return by how much it is wrong then, s: a busy one may be late."""
    off_s = 0.0
    for _ in range(_TRIES):
        with suppress(library().libvirtError):  # the time is set, and the clock of its board not
            agent.ask(domain, "guest-set-time", time=time.time_ns())
        off_s = abs(agent.ask(domain, "guest-get-time") - time.time_ns()) / 1e9
        if off_s <= _WRONG_S:
            break
    return off_s
