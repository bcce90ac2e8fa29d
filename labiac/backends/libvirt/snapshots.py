"""Snapshots of whole copies: a part a machine, inside its disk, all of them of one moment."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import agent, forwards, networks, storage
from labiac.backends.libvirt.connection import library, told
from labiac.backends.libvirt.files import Files
from labiac.backends.libvirt.held import Held, all_held
from labiac.backends.libvirt.moment import definition, part_of
from labiac.backends.libvirt.still import still
from labiac.backends.moments import (
    fresh_name,
    insist_whole,
    moment_of,
    named,
    plan_of,
    restorable,
    used_networks,
    whole,
)
from labiac.backends.still import side_by_side
from labiac.errors import BackendError
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Copy, Snapshot
    from labiac.backends.moments import Moment, Part

_MIB: Final = 1 << 20
_WRONG_S: Final = 5
"""A clock that is off by more is not set."""
_TRIES: Final = 3
_AGENT_S: Final = 120
"""How long a guest that was restored may be silent: many may go on at once, without KVM."""


def take(connection: Any, copy: Copy, name: str) -> Snapshot:
    """Keep all machines of *copy* as they are now, under *name*.

    Raises:
        UsageError: that is no name of a snapshot, or there is one of that name.
        BackendError: the copy is not up, or libvirt refused; nothing is kept then.
    """
    here = _Here(connection, copy)
    fresh_name(name, here.snapshots())
    insist_whole(here.plan, (each.mark for each in here.machines))
    _insist_room(connection, here.machines)
    moment = moment_of(here.plan, name)
    try:
        with still([each.object for each in here.machines if each.is_active]):
            side_by_side(partial(_take, moment), here.machines)
        snapshot = named(name, _Here(connection, copy).snapshots())
        _insist_still(snapshot)
    except BaseException:
        made = (each for each in _Here(connection, copy).kept if each.part.moment == moment)
        side_by_side(_delete, made)
        raise
    return snapshot


def snapshots(connection: Any, copy: Copy) -> list[Snapshot]:
    """Return all snapshots of *copy*, the oldest first."""
    return _Here(connection, copy).snapshots()


def restore(connection: Any, copy: Copy, name: str) -> Snapshot:
    """Make *copy* what it was in the snapshot called *name*.

    Raises:
        UsageError: there is no such snapshot.
        BackendError: a part of it is lost, the copy is another by now, or libvirt refused.
    """
    here = _Here(connection, copy)
    snapshot = named(name, here.snapshots())
    restorable(snapshot)
    parts = here.parts(name)
    for lan in used_networks([each.part for each in parts]):
        networks.create(connection, parts[0].machine.mark.copy, lan)
    with still([each.machine.object for each in parts]):
        side_by_side(_revert, parts)
    side_by_side(_bring_to_now, (each.machine for each in parts if each.part.goes_on))
    return snapshot


def forget(connection: Any, copy: Copy, name: str) -> None:
    """Delete all parts of the snapshot called *name*.

    Raises:
        UsageError: there is no such snapshot.
    """
    here = _Here(connection, copy)
    named(name, here.snapshots())
    side_by_side(_delete, here.parts(name))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part of labiac's, the machine that it is of, and where libvirt has it."""

    part: Part
    machine: Held
    object: Any


class _Here:
    """What libvirt has of one copy: its networks and machines, and what is kept of these."""

    def __init__(self, connection: Any, copy: Copy) -> None:
        whose = copy.lab, copy.student
        found = (each for each in all_held(connection) if _whose(each) == whose)
        ours = sorted(found, key=lambda each: each.mark.item.name)
        self.plan = plan_of("libvirt", copy, (each.mark for each in ours))
        self.machines = [each for each in ours if isinstance(each.mark.item, Machine)]
        self.kept = [
            _Kept(part, machine, each)
            for machine in self.machines
            if Files(connection, machine.mark.machine).has_disk()
            for each in machine.object.listAllSnapshots()
            if (part := part_of(each.getXMLDesc())) is not None
        ]

    def parts(self, name: str) -> list[_Kept]:
        """Return what is kept of the snapshot called *name*."""
        return [each for each in self.kept if each.part.moment.name == name]

    def snapshots(self) -> list[Snapshot]:
        """Return all snapshots, the oldest first."""
        return whole(self.plan, [each.part for each in self.kept])


def _whose(ours: Held) -> tuple[str, str]:
    return ours.mark.copy.lab, ours.mark.copy.student


def _insist_room(connection: Any, machines: Sequence[Held]) -> None:
    """Refuse where the memory of all guests does not fit: a guest whose disk is full stops."""
    pool = storage.pool(connection)
    pool.refresh()
    free = pool.info()[3] // _MIB
    wanted = sum(each.mark.machine.memory_mib for each in machines if each.is_active)
    if wanted > free:
        problem = f"a snapshot may take {wanted} MiB of disk, and {free} MiB are free in the pool"
        fix = "labiac snapshot delete frees what an older one takes; or free some disk there"
        raise BackendError("libvirt", problem, fix=fix)


def _insist_still(snapshot: Snapshot) -> None:
    if snapshot.lost:
        problem = f"something woke {', '.join(snapshot.lost)} meanwhile"
        raise BackendError(f"snapshot {snapshot.name}", problem, fix="take it again")


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
