r"""Files on the host: labiac's folder there, and how what is here gets into it.

In the folder that Hyper-V has for virtual disks there is ::

    labiac\images\HASH.vhdx              a base image, read-only, which labs' disks stand on
    labiac\machines\HOST_NAME\disk.vhdx  what differs from it
    labiac\machines\HOST_NAME\seed-HASH.iso
"""

from __future__ import annotations

import math
import time
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final

from labiac.backends.hyperv import host
from labiac.backends.hyperv.shell import command, select
from labiac.errors import BackendError

if TYPE_CHECKING:
    from labiac.backends.hyperv.shell import Command

_ROOTS: Final[dict[str, PureWindowsPath]] = {}
"""labiac's folder on each host that this process has asked."""
_MERGE_S: Final = 600.0
_POLL_S: Final = 1.0
_MIB: Final = 1 << 20
_LEGACY_EDITION: Final = 5
"""Windows PowerShell; what came after it calls bytes otherwise."""


def root() -> PureWindowsPath:
    """Return labiac's folder on the host.

    Raises:
        BackendError: the host refused, or has no folder for virtual disks.
    """
    name = host.name()
    if name not in _ROOTS:
        rows = host.look(command("Get-VMHost") | select("VirtualHardDiskPath"), where="hyperv")
        if not rows or not rows[0]["VirtualHardDiskPath"]:
            raise BackendError("hyperv", "the host has no folder for virtual disks")
        _ROOTS[name] = PureWindowsPath(str(rows[0]["VirtualHardDiskPath"])) / "labiac"
    return _ROOTS[name]


def free_mib() -> float:
    """Return how much is free on the disk of labiac's folder, in MiB; infinite on a share.

    Raises:
        BackendError: the host refused, or has no folder for virtual disks.
    """
    disks = command("Get-CimInstance", ClassName="Win32_LogicalDisk")
    rows = host.look(disks | select("DeviceID", "FreeSpace"), where="hyperv")
    free = {str(row["DeviceID"]): int(str(row["FreeSpace"] or 0)) for row in rows}
    return free.get(root().drive, math.inf) / _MIB


def machine(host_name: str) -> PureWindowsPath:
    """Return the folder of the machine of that name."""
    return root() / "machines" / host_name


def folder(path: PureWindowsPath) -> Command:
    """Return what makes a folder, and those above it, unless it is there."""
    return command("New-Item", Path=str(path), ItemType="Directory", Force=True)


def removed(path: PureWindowsPath) -> Command:
    """Return what deletes a file or folder with all in it; none is fine."""
    return command(
        "Remove-Item",
        LiteralPath=str(path),
        Recurse=True,
        Force=True,
        Confirm=False,
        ErrorAction="SilentlyContinue",
    )


def written(path: PureWindowsPath, data: bytes, *, more: bool = False) -> Command:
    """Return what writes *data* to a file; with *more*, to its end."""
    legacy = host.edition() <= _LEGACY_EDITION
    as_bytes: dict[str, object] = {"Encoding": "Byte"} if legacy else {"AsByteStream": True}
    name = "Add-Content" if more else "Set-Content"
    return command(name, LiteralPath=str(path), Value=data, **as_bytes)


def merged(path: PureWindowsPath) -> None:
    """Wait until no disk in the folder *path* is being merged into another.

    Raises:
        BackendError: that takes too long.
    """
    disks = command("Get-ChildItem", LiteralPath=str(path), Filter="*.avhdx") | select("FullName")
    end = time.monotonic() + _MERGE_S
    while host.look(disks, where="hyperv"):
        if time.monotonic() > end:
            problem = f"disks in {path} are being merged for {_MERGE_S:g} s"
            raise BackendError("hyperv", problem, fix="run the same command again later")
        time.sleep(_POLL_S)
