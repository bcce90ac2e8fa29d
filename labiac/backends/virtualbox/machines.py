"""Nodes in VirtualBox: a machine each, with its disk, its seed, and its console."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends import guest, within
from labiac.backends.base import Copy, Observed
from labiac.backends.mark import Mark
from labiac.backends.refusals import gone, off
from labiac.backends.room import image_of
from labiac.backends.seed import iso
from labiac.backends.virtualbox import box as boxes
from labiac.backends.virtualbox import console, doors, images, marks, networks
from labiac.backends.virtualbox.box import DISKS, LOST, Box, Wanted
from labiac.backends.virtualbox.info import scan
from labiac.backends.virtualbox.manage import (
    IN_USE,
    LIMITED,
    NOT_FOUND,
    RefusedError,
    manage,
    unreadable,
)
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from labiac.backends.base import Watch
    from labiac.backends.ssh import Door

_BOOT_S: Final = 600.0
"""How long a guest may take to boot beside all others of its lab."""
_SHUTDOWN_S: Final = 60.0
_POLL_S: Final = 1.0


def create(copy: Copy, item: Machine, watch: Watch) -> Observed:
    """Make *item* so, whatever there is of it, and return when its guest is ready.

    One that must change for it restarts. Where labiac has no way in, nobody knows of ready.

    Raises:
        ForeignError: its name is another one's.
        BackendError: VirtualBox refused, there is no such image, a LAN of it is missing, the guest
            does not get ready, or *watch* is cancelled.
    """
    mark = Mark(copy, item, whole=False)
    networks.insist(copy, item)
    before, want = marks.mark_of(mark.ref), _wanted(mark)
    was = _there(want)
    if was is not None and (not was.disk or (before and _another_disk(before.machine, item))):
        _remove(want, was)
        was = None
    marks.claim(mark)
    runs = was is not None and not (was.is_off or was.is_kept)
    doors.prepare(item, runs=runs)
    console.prepare(item, runs=runs)
    want = _wanted(mark)
    if was is None:
        _clear(item)
        images.clone(item, want.uuid)
        was = boxes.bare()
    running, ran = _changed(want, was), was.state == "running"
    if (item.start or ran) and not running:
        _switch_on(want)
    if item.start or ran:
        _wait(item, want.port, watch)
    done = replace(mark, whole=True)
    marks.claim(done)
    return _mended(done) or Observed(mark.ref, item, running=False)


def observed(mark: Mark) -> Observed | None:
    """Return a machine as it is now, inside too, or None when it is gone.

    What labiac has no way into can't be looked at.
    """
    outside, machine = glimpsed(mark), mark.machine
    if not outside or not isinstance(outside.item, Machine):
        return outside
    if machine.management is None or outside.item.management is None:
        return outside

    def look(there: Machine) -> Machine | None:
        return within.look(doors.way(machine, doors.port(machine)), there)

    return guest.observed(outside, look)


def glimpsed(mark: Mark) -> Observed | None:
    """Return a machine as VirtualBox has it, or None when it is gone.

    One that is not whole, or is off, does not run.
    """
    want = _wanted(mark)
    now = _there(want)
    if now is None:
        return None
    running = mark.whole and now.state == "running"
    return Observed(mark.ref, boxes.observed(want, now), running=running)


def reset(mark: Mark, watch: Watch) -> Observed:
    """Make a machine anew, with a new disk; on again if it was on.

    Raises:
        BackendError: it is gone, there is no image for a new disk, or VirtualBox refused.
    """
    item = mark.machine
    image_of(f"virtualbox {item.name}", item.image)  # where there is none the old disk stays
    want = _wanted(mark)
    if (was := _there(want)) is None:
        raise gone(f"virtualbox {item.name}")
    _remove(want, was)
    made = create(mark.copy, item, watch)
    if was.state == "running" and not item.start:
        start(mark, watch)
    return observed(mark) or made


def delete(mark: Mark) -> None:
    """Delete a machine, its files, and last its mark. Already gone is fine."""
    want = _wanted(mark)
    if (was := _there(want)) is not None:
        _remove(want, was)
    _clear(mark.machine)
    marks.drop(mark)
    shutil.rmtree(folder(mark.machine), ignore_errors=True)


def start(mark: Mark, watch: Watch) -> None:
    """Switch a machine on, and return when its guest is ready; on already is fine.

    Raises:
        BackendError: it is gone, VirtualBox refused, the guest does not get ready, or *watch* is
            cancelled.
    """
    switch_on(mark)
    _wait(mark.machine, doors.port(mark.machine), watch)


def switch_on(mark: Mark) -> None:
    """Switch a machine on, and leave it to boot; on already is fine.

    Raises:
        BackendError: it is gone, or VirtualBox refused.
    """
    want = _wanted(mark)
    if not _runs(want, _insisted(want)):
        _switch_on(want)


def insist_on(mark: Mark) -> Box:
    """Return a machine that runs.

    Raises:
        BackendError: it is off, or gone.
    """
    there = _insisted(_wanted(mark))
    if there.state != "running":
        raise off(f"virtualbox {mark.item.name}")
    return there


def door(mark: Mark) -> Door | None:
    """Return the way into a machine's guest; None when it is off.

    Raises:
        BackendError: it is gone, or labiac has no way into it.
    """
    there = _insisted(_wanted(mark))
    if there.state != "running":
        return None
    return doors.door(mark.machine, boxes.port(mark.machine, there))


def stop(mark: Mark) -> None:
    """Shut a machine down, and cut it off if it does not heed that; off already is fine.

    Raises:
        BackendError: it is gone.
    """
    want = _wanted(mark)
    _switch_off(want, _insisted(want))


def halt(mark: Mark) -> None:
    """End what a machine does, and whatever memory it keeps; off already is fine.

    Raises:
        BackendError: it is gone, or VirtualBox refused.
    """
    want = _wanted(mark)
    _end(want, _insisted(want))


def is_off(mark: Mark) -> bool:
    """Return whether a machine is off, with no memory that it goes on from.

    Raises:
        BackendError: it is gone, or VirtualBox can't read it.
    """
    return _insisted(_wanted(mark)).is_off


def _wanted(mark: Mark) -> Wanted:
    wires = networks.wires(mark.copy, mark.machine)
    seed, port = doors.seed(mark.machine), doors.port(mark.machine)
    return Wanted(mark.copy, mark.machine, wires, console.mode(mark.machine), seed, port)


def folder(machine: Machine) -> Path:
    """Return the folder that VirtualBox makes for *machine*, called like it."""
    return marks.machines() / machine.host_name


def _another_disk(was: Machine, now: Machine) -> bool:
    return (was.image, was.disk_gib) != (now.image, now.disk_gib)


def _manage(want: Wanted, *arguments: str) -> str:
    return manage(*arguments, where=f"virtualbox {want.machine.name}")


def _there(want: Wanted) -> Box | None:
    """Return the machine that is there, or None."""
    try:
        info = scan(_manage(want, "showvminfo", want.uuid, "--machinereadable"))
    except RefusedError as error:
        if error.code == NOT_FOUND:
            return None
        if error.code == LIMITED:
            return boxes.bare(LOST)
        raise
    return boxes.box(info, Path(info["CfgFile"]).read_text(encoding="utf-8"))


def _insisted(want: Wanted) -> Box:
    """Return the machine that is there, and that VirtualBox can read."""
    if (there := _there(want)) is None:
        raise gone(f"virtualbox {want.machine.name}")
    if there.state == LOST:
        raise unreadable(want.machine.name)
    return there


def _changed(want: Wanted, was: Box) -> bool:
    """Bring what *was* to what we *want*, off meanwhile if it must be; return whether it runs."""
    seed = folder(want.machine) / boxes.seed_name(want.seed)
    calls = boxes.changes(was, want)
    if not calls and Path(was.seed) == seed:
        return _runs(want, was)
    live = boxes.live(was, want) if was.state == "running" and Path(was.seed) == seed else None
    for call in live or ():
        _manage(want, *call)
    if live:
        return True
    _switch_off(want, was)
    for call in calls:
        _manage(want, *call)
    if Path(was.seed) != seed:
        _insert(want, seed)
    return False


def _runs(want: Wanted, was: Box) -> bool:
    """Return whether a machine runs; one that a killed snapshot left standing goes on."""
    if was.state == "paused":
        _manage(want, "controlvm", want.uuid, "resume")
        return True
    return was.state == "running"


def _wait(machine: Machine, port: int, watch: Watch) -> None:
    """Wait until the guest of *machine* is ready, if labiac has a way in that says so."""
    if machine.management:
        where, run = f"virtualbox {machine.name}", doors.way(machine, port)
        within.wait(run, machine.name, where=where, timeout_s=_BOOT_S, watch=watch)


def _mended(mark: Mark) -> Observed | None:
    """Make the guest inside what it is to be, where that differs; return it as it is."""
    way = partial(doors.way, mark.machine, doors.port(mark.machine))
    return within.mended(partial(observed, mark), way, mark.machine)


def _insert(want: Wanted, seed: Path) -> None:
    """Put the seed into the drive of a machine that is off, in the place of any other."""
    older = [file for file in seed.parent.glob("seed-*.iso") if file != seed]
    partial = seed.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_bytes(iso(want.seed))
    partial.replace(seed)
    drive = [f"--storagectl={DISKS}", "--port=1", "--device=0", "--type=dvddrive"]
    _manage(want, "storageattach", want.uuid, *drive, f"--medium={seed}")
    for file in older:
        _forget("dvd", file)


def _switch_on(want: Wanted) -> None:
    _manage(want, "startvm", want.uuid, "--type=headless")


def _switch_off(want: Wanted, was: Box) -> None:
    """End what runs: politely, so that its disk is whole, and else by force."""
    if was.is_off:
        return
    if was.is_kept:
        _manage(want, "discardstate", want.uuid)
        return
    end = time.monotonic() + _SHUTDOWN_S
    with suppress(RefusedError):  # it is off by now, or stuck
        _manage(want, "controlvm", want.uuid, "acpipowerbutton")
        while time.monotonic() < end:
            time.sleep(_POLL_S)
            if (now := _there(want)) is None or now.is_off:
                return
    _cut_off(want)


def _end(want: Wanted, was: Box) -> None:
    """End what a machine does or goes on from, at once."""
    if was.is_kept:
        _manage(want, "discardstate", want.uuid)
    elif not was.is_off:
        _cut_off(want)


def _cut_off(want: Wanted) -> None:
    """End what runs as if its power failed."""
    with suppress(RefusedError):  # it ended by itself: what comes next will say if not
        _manage(want, "controlvm", want.uuid, "poweroff")


def _remove(want: Wanted, was: Box) -> None:
    """Take a machine from VirtualBox, and its disk with it; never what its disk stands on."""
    if was.state == LOST:
        _manage(want, "unregistervm", want.uuid)
        return
    _end(want, was)
    _manage(want, "unregistervm", want.uuid, "--delete")


def _clear(machine: Machine) -> None:
    """Delete what is left in the folder of a *machine* that VirtualBox does not have."""
    beside = folder(machine)
    for disk in beside.glob("Snapshots/*.vdi"):
        _forget("disk", disk)
    for seed in beside.glob("seed-*.iso"):
        _forget("dvd", seed)
    for file in [*beside.glob(f"{machine.host_name}.*"), *beside.glob("snapshot-*.json")]:
        file.unlink()


def _forget(kind: str, file: Path) -> None:
    """Have VirtualBox forget the medium in *file*, and delete it, unless a snapshot has it."""
    try:
        manage("closemedium", kind, str(file))
    except RefusedError as error:  # else it knows of none
        if error.code == IN_USE:
            return
    file.unlink(missing_ok=True)
