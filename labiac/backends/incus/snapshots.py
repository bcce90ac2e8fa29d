"""Snapshots of whole copies: a part a container, its disk, all of them of one moment.

Containers stand still meanwhile. Their memory is not kept: Incus keeps that of virtual machines
alone. So one that ran is booted when it is restored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.incus import api, machines, network
from labiac.backends.incus.held import Held, all_held
from labiac.backends.incus.names import MARK, project
from labiac.backends.incus.still import still
from labiac.backends.mark import legible
from labiac.backends.moments import Moment, Part
from labiac.backends.still import side_by_side
from labiac.plan.document import from_data, to_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Copy, Watch

_PART: Final = "user.labiac.part"
"""Key of the configuration of a container, which its snapshots keep: what they are part of."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part of labiac's, and the machine that it is of."""

    part: Part
    machine: Held


class Inventory:
    """What Incus has of one copy; see `labiac.backends.snapshots`."""

    def __init__(self, copy: Copy, watch: Watch) -> None:
        self._copy, self._watch = copy, watch
        found = (each for each in all_held() if project(each.mark.copy) == project(copy))
        ours = sorted(found, key=lambda each: each.mark.item.name)
        self.machines = [each for each in ours if each.mark.kind == "machine"]
        names = [each.mark.item.name for each in self.machines]
        lans = (each.mark for each in ours if each.mark.kind == "network")
        own = (lan for lan in lans if not any(network.is_behind(lan.item.name, n) for n in names))
        self.marks = [*(each.mark for each in self.machines), *own]
        self.kept = [
            _Kept(part, machine)
            for machine in self.machines
            for each in api.get(machine.place.path("snapshots") + "&recursion=1") or ()
            if (part := _part(each)) is not None
        ]

    def keep(self, moment: Moment) -> None:
        """Keep the disk of each machine, at a *moment* when all stand still."""
        try:
            side_by_side(partial(_announce, moment), self.machines)
            with still(self.machines):
                side_by_side(partial(_take, moment), self.machines)
        finally:
            side_by_side(partial(_say, ""), self.machines)

    def restore(self, kept: Sequence[_Kept]) -> None:
        """Give all machines the disks *kept*; what ran boots, and is ready then."""
        side_by_side(machines.cut, (each.machine for each in kept))
        side_by_side(_revert, kept)
        goes_on = {each.part.mark.ref for each in kept if each.part.goes_on}
        there = Inventory(self._copy, self._watch).machines
        side_by_side(partial(_say, ""), there)  # they have the configuration of then
        started = (each for each in there if each.mark.ref in goes_on)
        side_by_side(partial(machines.start, watch=self._watch), started)

    def delete(self, kept: Sequence[_Kept]) -> None:
        """Delete the parts *kept*."""
        side_by_side(_delete, kept)


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
