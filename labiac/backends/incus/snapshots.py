"""Snapshots of whole copies: a part a container, its disk, all of them of one moment.

Containers stand still meanwhile. Their memory is not kept: Incus keeps that of virtual machines
alone. So one that ran is booted when it is restored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.incus import api, machines, network, networks
from labiac.backends.incus.held import Held, all_held
from labiac.backends.incus.names import MARK, project
from labiac.backends.incus.still import still
from labiac.backends.mark import legible
from labiac.backends.moments import (
    Moment,
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
from labiac.backends.still import side_by_side
from labiac.plan.document import from_data, to_data

if TYPE_CHECKING:
    from labiac.backends.base import Copy, Snapshot, Watch

_PART: Final = "user.labiac.part"
"""Key of the configuration of a container, which its snapshots keep: what they are part of."""


def take(copy: Copy, name: str) -> Snapshot:
    """Keep all machines of *copy* as they are now, under *name*.

    Raises:
        UsageError: that is no name of a snapshot, or there is one of that name.
        BackendError: the copy is not up, or Incus refused; nothing is kept then.
    """
    here = _Here(copy)
    fresh_name(name, here.snapshots())
    insist_whole(here.plan, (each.mark for each in here.machines))
    moment = moment_of(here.plan, name)
    try:
        side_by_side(partial(_announce, moment), here.machines)
        with still(here.machines):
            side_by_side(partial(_take, moment), here.machines)
        return named(name, _Here(copy).snapshots())
    except BaseException:
        made = (each for each in _Here(copy).kept if each.part.moment == moment)
        side_by_side(_delete, made)
        raise
    finally:
        side_by_side(partial(_say, ""), here.machines)


def snapshots(copy: Copy) -> list[Snapshot]:
    """Return all snapshots of *copy*, the oldest first."""
    return _Here(copy).snapshots()


def restore(copy: Copy, name: str, watch: Watch) -> Snapshot:
    """Make *copy* what it was in the snapshot called *name*; what ran boots, and is ready then.

    Raises:
        UsageError: there is no such snapshot.
        BackendError: a part of it is lost, the copy is another by now, or Incus refused.
    """
    here = _Here(copy)
    snapshot = named(name, here.snapshots())
    restorable(snapshot)
    parts = here.parts(name)
    for lan in used_networks([each.part for each in parts]):
        networks.create(parts[0].machine.mark.copy, lan)
    side_by_side(machines.cut, (each.machine for each in parts))
    side_by_side(_revert, parts)
    goes_on = {each.part.mark.ref for each in parts if each.part.goes_on}
    there = _Here(copy).machines
    side_by_side(partial(_say, ""), there)  # they have the configuration of then
    started = (each for each in there if each.mark.ref in goes_on)
    side_by_side(partial(machines.start, watch=watch), started)
    return snapshot


def forget(copy: Copy, name: str) -> None:
    """Delete all parts of the snapshot called *name*.

    Raises:
        UsageError: there is no such snapshot.
    """
    here = _Here(copy)
    named(name, here.snapshots())
    side_by_side(_delete, here.parts(name))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part of labiac's, and the machine that it is of."""

    part: Part
    machine: Held


class _Here:
    """What Incus has of one copy: its networks and machines, and what is kept of these."""

    def __init__(self, copy: Copy) -> None:
        found = (each for each in all_held() if project(each.mark.copy) == project(copy))
        ours = sorted(found, key=lambda each: each.mark.item.name)
        self.machines = [each for each in ours if each.mark.kind == "machine"]
        names = [each.mark.item.name for each in self.machines]
        lans = (each.mark for each in ours if each.mark.kind == "network")
        own = (lan for lan in lans if not any(network.is_behind(lan.item.name, n) for n in names))
        self.plan = plan_of("incus", copy, (*own, *(each.mark for each in self.machines)))
        self.kept = [
            _Kept(part, machine)
            for machine in self.machines
            for each in api.get(machine.place.path("snapshots") + "&recursion=1") or ()
            if (part := _part(each)) is not None
        ]

    def parts(self, name: str) -> list[_Kept]:
        """Return what is kept of the snapshot called *name*."""
        return [each for each in self.kept if each.part.moment.name == name]

    def snapshots(self) -> list[Snapshot]:
        """Return all snapshots, the oldest first."""
        return whole(self.plan, [each.part for each in self.kept])


def _part(there: dict[str, Any]) -> Part | None:
    """Return the part that a snapshot of Incus is, or None when labiac made it not."""
    mark = legible(there["config"].get(MARK, ""))
    try:
        told = json.loads(there["config"][_PART])
        moment = from_data(Moment, told["moment"])
    except (KeyError, TypeError, ValueError):
        return None  # somebody else's
    if mark is None or there["name"].rpartition("/")[2] != moment.name:
        return None
    return Part(moment, mark, still=True, goes_on=told["goes_on"])


def _announce(moment: Moment, machine: Held) -> None:
    """Have the next snapshot of a container say what it is part of."""
    _say(json.dumps({"moment": to_data(moment), "goes_on": machine.is_active}), machine)


def _say(part: str, machine: Held) -> None:
    """Have a container say what *part* its next snapshot is; the empty string: of nothing."""
    api.call("PATCH", machine.place.path(), {"config": {_PART: part}})


def _take(moment: Moment, machine: Held) -> None:
    api.call("POST", machine.place.path("snapshots"), {"name": moment.name, "stateful": False})


def _delete(kept: _Kept) -> None:
    api.call("DELETE", kept.machine.place.path("snapshots", kept.part.moment.name))


def _revert(kept: _Kept) -> None:
    """Make a container, which is off, what it was."""
    api.call("PUT", kept.machine.place.path(), {"restore": kept.part.moment.name})
