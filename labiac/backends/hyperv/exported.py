r"""A whole copy as a folder on the host, which another Hyper-V takes in: a folder a machine.

Hyper-V writes a machine's settings and all its disks, the image below them too, but no medium: its
seed is put beside them, ``seed.iso``. Nothing is there of the switches.
"""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.exports import Exported, insist_off
from labiac.backends.hyperv import box as boxes
from labiac.backends.hyperv import doors, files, host, marks
from labiac.backends.hyperv.shell import command, select
from labiac.errors import BackendError, UsageError
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Copy
    from labiac.backends.hyperv.shell import Command, Row, Statement
    from labiac.backends.mark import Mark

_WRITE_S: Final = 6 * 3600.0
"""Each disk is copied whole, and the image once for each machine."""


def export(copy: Copy, place: str) -> Exported:
    """Write all machines of *copy* to the folder *place* of the host, where nothing is yet.

    Raises:
        UsageError: *place* does not say on which drive it is.
        BackendError: there is such a folder, the copy is not up, one of its machines is on, or the
            host refused.
    """
    folder = _folder(copy, place)
    where = f"hyperv {folder}"
    guests = _guests(copy)
    if host.look(_listed(folder), where=where):
        raise BackendError(where, "is there already", fix="remove it, or choose another with -o")
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        host.change(
            files.removed(partial),
            files.folder(partial) | command("Out-Null"),
            *(each for row, mark in guests for each in _written(row, mark, partial)),
            command("Move-Item", LiteralPath=str(partial), Destination=str(folder)),
            where=where,
            timeout_s=_WRITE_S,
        )
    except BaseException:
        host.change(files.removed(partial), where=where)
        raise
    content = command("Get-ChildItem", LiteralPath=str(folder), Recurse=True, File=True)
    rows = host.look(content | select("Length"), where=where)
    size = sum(int(str(row["Length"])) for row in rows)
    return Exported(tuple(mark.item.name for _, mark in guests), str(folder), size)


def _folder(copy: Copy, place: str) -> PureWindowsPath:
    folder = PureWindowsPath(place or files.root() / "exports" / f"{copy.lab}-{copy.student}")
    if not folder.is_absolute() or not folder.name:
        problem = "is no folder of the host"
        raise UsageError(f"-o {place}", problem, fix=r"begin with the drive: D:\exports\lab")
    return folder


def _guests(copy: Copy) -> list[tuple[Row, Mark]]:
    """Return the machines of *copy*, which are all off.

    Raises:
        BackendError: there are none, or one is not.
    """
    where = f"hyperv {copy.lab} of {copy.student}"
    every = command("Get-VM", Name=[host_name(copy.lab, copy.student, "*")]) | select(*marks.KEYS)
    marked = ((row, marks.mark_of(row)) for row in host.look(every, where=where))
    guests = [(row, mark) for row, mark in marked if mark and mark.copy.whose == copy.whose]
    insist_off("hyperv", copy, {mark.item.name: str(row["State"]) == "Off" for row, mark in guests})
    return sorted(guests, key=lambda each: each[1].item.name)


def _listed(folder: PureWindowsPath) -> Statement:
    found = command("Get-ChildItem", LiteralPath=str(folder.parent), Filter=folder.name)
    return found | select("FullName")


def _written(row: Row, mark: Mark, folder: PureWindowsPath) -> Iterator[Statement | Command]:
    machine = mark.machine
    copied = folder / machine.host_name / "seed.iso"
    seed = files.machine(machine.host_name) / boxes.seed_name(doors.seed(machine))
    yield boxes.by_id(UUID(str(row["Id"]))) | command("Export-VM", Path=str(folder))
    yield command("Copy-Item", LiteralPath=str(seed), Destination=str(copied))
