"""Nodes in Hyper-V: a machine each, with its disk and its seed."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends import guest, within
from labiac.backends.base import Copy, Observed
from labiac.backends.hyperv import adapters, doors, files, host, images, marks, networks
from labiac.backends.hyperv import box as boxes
from labiac.backends.hyperv.shell import RefusedError, command, select
from labiac.backends.mark import Mark
from labiac.backends.room import image_of
from labiac.backends.seed import iso
from labiac.errors import UsageError
from labiac.plan.model import Machine
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Watch
    from labiac.backends.hyperv.box import Box
    from labiac.backends.hyperv.shell import Command, Row, Statement
    from labiac.backends.ssh import Door

FIRMWARE: Final = "LABIAC_HYPERV_FIRMWARE"
"""Names what machines boot with: ``secure``, ``uefi`` or ``bios``."""
_BOOT_S: Final = 600.0
"""How long a guest may take to boot beside all others of its lab."""
_SHUTDOWN_S: Final = 60.0
_POLL_S: Final = 0.5


def create(copy: Copy, item: Machine, watch: Watch) -> Observed:
    """Make *item* so, whatever there is of it, and return when its guest is ready.

    One that must change for it restarts. Where labiac has no way in, nobody knows of ready.

    Raises:
        ForeignError: its name is another one's.
        BackendError: the host refused, there is no such image, a LAN of it is missing, the guest
            does not get ready, or *watch* is cancelled.
    """
    mark = Mark(copy, item, whole=False)
    where = f"hyperv {item.name}"
    rows = host.look(*_reads(mark.ref), where=where)
    wanted = boxes.wanted(copy, item, networks.insist(copy, item, rows))
    was = _mine(mark, rows)
    wakes = item.start or (was is not None and was.state == "Running")
    was_entered = was is not None and _is_entered(was)
    if was is not None and (not was.disk or _another_disk(was, item)):
        _remove(was, item.host_name, where)
        was = None
    doors.prepare(item)
    rows = _mend(mark, was, wanted, wakes=wakes) if was else _make(mark, wanted, wakes=wakes)
    if was_entered and item.management is None:
        doors.close(mark.ref)
    if not wakes or item.management is None:
        return _seen(mark.ref, rows) or Observed(mark.ref, item, running=False)
    _wait(mark, watch)
    return _mended(mark) or Observed(mark.ref, item, running=False)


def observed(ref: str) -> Observed | None:
    """Return the machine behind *ref* as it is now, inside too, or None when it is gone.

    What labiac has no way into can't be looked at.
    """
    outside = glimpsed(ref)
    if not outside or not isinstance(outside.item, Machine) or not outside.item.management:
        return outside
    return guest.observed(outside, lambda there: within.look(doors.way(_copy(ref), there), there))


def glimpsed(ref: str) -> Observed | None:
    """Return the machine behind *ref* as Hyper-V has it, or None when it is gone.

    One that is not whole, or is off, does not run.
    """
    return _seen(ref, host.look(*_reads(ref), where=f"hyperv {ref}"))


def _copy(ref: str) -> Copy:
    lab, student, _, _ = ref.split("/")
    return Copy(lab, student)


def _reads(ref: str) -> list[Statement]:
    """Return what reads the machine behind *ref*, and the switches of its copy."""
    lab, student, _, name = ref.split("/")
    return [networks.reads_all(lab, student), *boxes.reads(host_name(lab, student, name))]


def _seen(ref: str, rows: Sequence[Row]) -> Observed | None:
    """Return the machine behind *ref* as *rows* tell of it."""
    there = _ours(boxes.boxes(rows), ref)
    mark = marks.mark_of(there.row) if there else None
    if there is None or mark is None:
        return None
    lans = networks.lans(mark.copy, mark.machine, rows)
    item = boxes.observed(mark.copy, mark.machine, there, lans, doors.seed(mark.machine))
    return Observed(ref, item, running=mark.whole and there.state == "Running")


def mark_of(ref: str) -> Mark | None:
    """Return the mark of the machine behind *ref*, or None when it is gone."""
    lab, student, _, name = ref.split("/")
    row = marks.ours(host.look(boxes.brief(host_name(lab, student, name)), where="hyperv"), ref)
    return marks.mark_of(row) if row else None


def delete(ref: str) -> None:
    """Delete a machine, its files, and the way into it. Already gone is fine."""
    lab, student, _, name = ref.split("/")
    own = host_name(lab, student, name)
    where = f"hyperv {name}"
    there = boxes.boxes(host.look(*boxes.reads(own), where=where))
    was = _ours(there, ref)
    if was is not None:
        _remove(was, own, where)
    elif not any(_is_in_our_folder(each, own) for each in there):
        _empty(own, where)
    if was is None or _is_entered(was):
        doors.close(ref)


def reset(ref: str, watch: Watch) -> Observed:
    """Make a machine anew, with a new disk; on again if it was on.

    Raises:
        BackendError: it is gone, there is no image for a new disk, the host refused, the guest
            does not get ready, or *watch* is cancelled.
    """
    was, mark = _insisted(ref)
    item = mark.machine
    where = f"hyperv {item.name}"
    image_of(where, item.image)  # where there is none the old disk stays
    _remove(was, item.host_name, where)
    made = create(mark.copy, item, watch)
    if was.state == "Running" and not item.start:
        start(ref, watch)
    return observed(ref) or made


def start(ref: str, watch: Watch) -> None:
    """Switch a machine on, and return when its guest is ready; on already is fine.

    Raises:
        BackendError: it is gone, the host refused, the guest does not get ready, or *watch* is
            cancelled.
    """
    was, mark = _insisted(ref)
    host.change(*boxes.switched_on(was.id, was.state), where=f"hyperv {mark.item.name}")
    if mark.machine.management:
        _wait(mark, watch)


def door(ref: str) -> Door | None:
    """Return the way into a machine's guest; None when it is off.

    Raises:
        BackendError: it is gone, or labiac has no way into it.
    """
    was, mark = _insisted(ref)
    return doors.door(mark.copy, mark.machine) if was.state == "Running" else None


def stop(ref: str) -> None:
    """Shut a machine down, and cut it off if it does not heed that; off already is fine.

    Raises:
        BackendError: it is gone.
    """
    was, mark = _insisted(ref)
    _switch_off(was, f"hyperv {mark.item.name}")


def firmware() -> str:
    """Return what machines boot with.

    Raises:
        UsageError: the variable that names it names another.
    """
    said = os.environ.get(FIRMWARE) or "secure"
    if said not in boxes.FIRMWARES:
        known = ", ".join(boxes.FIRMWARES)
        raise UsageError(FIRMWARE, f"{said!r} is none of {known}", fix="use one of them")
    return said


def _wait(mark: Mark, watch: Watch) -> None:
    """Wait until the guest of a machine that labiac has a way into is ready."""
    run, name = doors.way(mark.copy, mark.machine), mark.item.name
    within.wait(run, name, where=f"hyperv {name}", timeout_s=_BOOT_S, watch=watch)


def _mended(mark: Mark) -> Observed | None:
    """Make the guest inside what it is to be, where that differs; return it as it is."""
    way = partial(doors.way, mark.copy, mark.machine)
    return within.mended(partial(observed, mark.ref), way, mark.machine)


def _make(mark: Mark, wanted: dict[str, adapters.Adapter], *, wakes: bool) -> list[Row]:
    """Make a machine of which nothing is there, and read it: two round trips, beside its way in."""
    item, where = mark.machine, f"hyperv {mark.item.name}"
    image, boots = images.disk(item.image, where), firmware()
    folder = files.machine(item.host_name)
    read = doors.seed(item)
    seed = folder / boxes.seed_name(read)
    (row,) = host.change(
        files.removed(folder),
        files.folder(folder) | command("Out-Null"),
        files.written(seed, iso(read)),
        *boxes.added(item, mark.to_json(), folder, image, boots),
        where=where,
    )
    doors.open_to(mark.copy, item)
    made = UUID(str(row["Id"]))
    box = boxes.by_id(made)
    return host.change(
        *boxes.furnished(item, box, boots, str(seed)),
        *adapters.changes(box, {}, wanted),
        box | _whole(mark, made),
        *([box | command("Start-VM")] if wakes else []),
        *_reads(mark.ref),
        where=where,
    )


def _mend(mark: Mark, was: Box, wanted: dict[str, adapters.Adapter], *, wakes: bool) -> list[Row]:
    """Bring a machine to what it is to be, off meanwhile if it *was* otherwise, and read it."""
    item, where = mark.machine, f"hyperv {mark.item.name}"
    box, folder = boxes.by_id(was.id), files.machine(item.host_name)
    doors.open_to(mark.copy, item)
    changes = list(boxes.changes(was, item, wanted))
    before = marks.mark_of(was.row)
    read = doors.seed(item)
    seed = folder / boxes.seed_name(read)
    if before is None or not before.whole:  # a killed run left it: of what it gets once, who knows
        changes = [*boxes.unfurnished(was), *boxes.furnished(item, box, firmware(), str(seed))]
        changes += adapters.changes(box, {}, wanted)
        changes = [_statement(files.written(seed, iso(read))), *changes]
    elif PureWindowsPath(was.seed) != seed:
        changes += _inserted(was, seed, iso(read))
    if changes:
        _switch_off(was, where)
    done = [] if before == replace(mark, whole=True) else [box | _whole(mark, was.id)]
    on = boxes.switched_on(was.id, "Off" if changes else was.state) if wakes else ()
    return host.change(*changes, *done, *on, *_reads(mark.ref), where=where)


def _inserted(was: Box, seed: PureWindowsPath, medium: bytes) -> list[Statement]:
    older = PureWindowsPath(was.seed)
    ours = older.parent == seed.parent and older.name.startswith("seed-")
    return [
        _statement(files.written(seed, medium)),
        boxes.inserted(was, str(seed)),
        *([_statement(files.removed(older))] if ours else []),
    ]


def _statement(each: Command) -> Statement:
    return each | command("Out-Null")


def _whole(mark: Mark, made: UUID) -> Command:
    return command("Set-VM", Notes=marks.notes(replace(mark, whole=True), made))


def _is_entered(was: Box) -> bool:
    """Return whether labiac may have had a way into it."""
    mark = marks.mark_of(was.row)
    return mark is None or mark.machine.management is not None


def _another_disk(was: Box, item: Machine) -> bool:
    mark = marks.mark_of(was.row)
    if mark is None:
        return True
    before = mark.machine
    return (before.image, before.disk_gib) != (item.image, item.disk_gib)


def _mine(mark: Mark, rows: Sequence[Row]) -> Box | None:
    """Return the machine that is there of what is to be made, or None.

    Raises:
        ForeignError: its name is another one's.
    """
    item = mark.machine
    there = boxes.boxes(rows)
    was = _ours(there, mark.ref)
    if was is None and there:
        raise marks.foreign(item.name, "machine", item.host_name, there[0].row)
    return was


def _ours(there: Sequence[Box], ref: str) -> Box | None:
    """Return the one that is marked as *ref*; or one that a killed run left without any mark."""
    for each in there:
        mark = marks.mark_of(each.row)
        if mark and mark.ref == ref:
            return each
    bare = (each for each in there if not each.row["Notes"])
    lab, student, _, name = ref.split("/")
    own = host_name(lab, student, name)
    return next((each for each in bare if _is_in_our_folder(each, own)), None)


def _is_in_our_folder(there: Box, own: str) -> bool:
    return PureWindowsPath(there.path) == files.machine(own)


def _found(ref: str) -> Box | None:
    lab, student, _, name = ref.split("/")
    rows = host.look(*boxes.reads(host_name(lab, student, name)), where=f"hyperv {name}")
    return _ours(boxes.boxes(rows), ref)


def _insisted(ref: str) -> tuple[Box, Mark]:
    there = _found(ref)
    mark = marks.mark_of(there.row) if there else None
    if there is None or mark is None:
        raise marks.gone(ref)
    return there, mark


def _switch_off(was: Box, where: str) -> None:
    """End what runs: politely, so that its disk is whole, and else by force."""
    if was.state == "Off":
        return
    box = boxes.by_id(was.id)
    if was.state == "Running":
        polite = command("Stop-VM", Force=True, AsJob=True, Confirm=False)
        host.change(box | polite | command("Out-Null"), where=where)
        end = time.monotonic() + _SHUTDOWN_S
        while time.monotonic() < end:
            rows = host.look(box | select("State"), where=where)
            if not rows or str(rows[0]["State"]) == "Off":
                return
            time.sleep(_POLL_S)
    _cut_off(was, where)


def _cut_off(was: Box, where: str) -> None:
    """End what runs, or is kept in a saved state, as if its power failed."""
    off = command("Stop-VM", TurnOff=True, Force=True, Confirm=False)
    try:
        host.change(boxes.by_id(was.id) | off, where=where)
    except RefusedError:
        rows = host.look(boxes.by_id(was.id) | select("State"), where=where)
        if rows and str(rows[0]["State"]) != "Off":
            raise


def _remove(was: Box, own: str, where: str) -> None:
    """Take a machine from Hyper-V, then its files; never what its disk stands on."""
    if was.state != "Off":
        _cut_off(was, where)
    taken = boxes.by_id(was.id) | command("Remove-VM", Force=True, Confirm=False)
    if was.is_merged:
        host.change(taken, files.removed(files.machine(own)), where=where)
        return
    host.change(taken, where=where)
    _empty(own, where)


def _empty(own: str, where: str) -> None:
    """Delete the files of a machine that is gone, once its disks are merged."""
    files.merged(files.machine(own))
    host.change(files.removed(files.machine(own)), where=where)
