"""Base images in VirtualBox: a template machine each, which no lab's end takes its disk from.

A node's disk holds only what differs from a snapshot of the template, so that the template stays
behind all of them: `unregistervm --delete` deletes every disk that nobody else's stands on. There
is one snapshot a size of disk, on one base::

    image.vdi <- base <- 4 GiB <- the disks of nodes
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.base import BaseImage
from labiac.backends.mark import uuid_of
from labiac.backends.room import image_of
from labiac.backends.virtualbox import marks
from labiac.backends.virtualbox.box import DISKS
from labiac.backends.virtualbox.info import scan
from labiac.backends.virtualbox.manage import NOT_FOUND, RefusedError, manage
from labiac.host.lock import locked
from labiac.images.store import convert, file_of, known

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.images.store import Image
    from labiac.plan.model import Machine

_BASE: Final = "base"
_DIGITS: Final = 16
"""So many of an image's hash tell it from all others here."""
_MIB_A_GIB: Final = 1024
_READY: Final[set[tuple[str, str]]] = set()
"""Snapshots, by their template's UUID, that this process has seen."""


def clone(machine: Machine, uuid: str) -> None:
    """Make *machine* with a disk of its size on its image, and nothing else."""
    try:
        _clone(machine, uuid)
    except RefusedError as error:
        if error.code != NOT_FOUND:
            raise
        _READY.clear()  # somebody has deleted the template meanwhile
        _clone(machine, uuid)


def bring(name: str) -> BaseImage:
    """Have the template of the image *name*, unless it is there.

    Raises:
        BackendError: this machine has no such image, or VirtualBox refused.
    """
    image = image_of("virtualbox", name)
    with _alone_with(image):
        if _BASE not in _snapshots(image.sha256):
            _make(image)
    return _described(name, image.sha256)


def brought(name: str, sha256: str) -> BaseImage | None:
    """Return the image *name* as its template holds it, or None when there is none."""
    here = known(name)
    content = sha256 or (here.sha256 if here else "")
    return _described(name, content) if _BASE in _snapshots(content) else None


def _described(name: str, sha256: str) -> BaseImage:
    return BaseImage(name, sha256, "vdi", _disk(sha256).stat().st_size)


def _clone(machine: Machine, uuid: str) -> None:
    template, snapshot = _snapshot(machine)
    manage(
        "clonevm", template, f"--snapshot={snapshot}", "--options=link", f"--uuid={uuid}",
        f"--name={machine.host_name}", f"--basefolder={marks.machines()}", "--register",
        where=f"virtualbox {machine.name}",
    )  # fmt: skip


def _snapshot(machine: Machine) -> tuple[str, str]:
    """Return the template of the image of *machine*, and its snapshot with a disk of its size."""
    image = image_of(f"virtualbox {machine.name}", machine.image)
    template, size = _template(image.sha256), f"{machine.disk_gib} GiB"
    if (template, size) not in _READY:
        with _alone_with(image):
            if _BASE not in (there := _snapshots(image.sha256)):
                _make(image)
            if size not in there:
                _resize(template, machine.disk_gib, size)
        _READY.add((template, size))
    return template, size


def _template(sha256: str) -> str:
    """Return the UUID of the template of an image by the hash of its content."""
    return str(uuid_of(f"image/{sha256}"))


def _disk(sha256: str) -> Path:
    return marks.folder() / "images" / sha256[:_DIGITS] / "image.vdi"


def _alone_with(image: Image) -> AbstractContextManager[None]:
    """Keep others who work on the template of *image* away meanwhile."""
    lock = _disk(image.sha256).parent.with_suffix(".lock")
    return locked(lock, f"waiting for image {image.name}")


def _snapshots(sha256: str) -> set[str]:
    """Return the names of all snapshots of an image's template; none where it has lost its disk."""
    if not _disk(sha256).exists():
        return set()
    try:
        said = manage("snapshot", _template(sha256), "list", "--machinereadable")
    except RefusedError:  # it has none, or there is no such machine
        return set()
    return {value for key, value in scan(said).items() if key.startswith("SnapshotName")}


def _make(image: Image) -> None:
    """Make the template of *image*, anew where a killed run has left a part of it."""
    template, disk = _template(image.sha256), _disk(image.sha256)
    folder = disk.parent
    with suppress(RefusedError):
        manage("unregistervm", template, "--delete")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    convert(file_of(image), disk, "vdi")
    name = f"labiac-image-{image.sha256[:_DIGITS]}"
    # fmt: off
    for call in (
        ["createvm", f"--name={name}", "--ostype=Debian_64", f"--uuid={template}",
         f"--basefolder={folder}", "--register"],
        ["modifyvm", template, "--groups=/labiac/images", "--nic1=none",
         f"--description=The disk of image {image.name}, which labs' disks stand on."],
        ["storagectl", template, "--name", DISKS, "--add", "sata", "--controller", "IntelAhci",
         "--portcount", "2", "--bootable", "on", "--hostiocache", "on"],
        ["storageattach", template, f"--storagectl={DISKS}", "--port=0", "--device=0",
         "--type=hdd", f"--medium={disk}"],
        ["snapshot", template, "take", _BASE],
    ):
        manage(*call, where=f"virtualbox image {image.name}")
    # fmt: on


def _resize(template: str, gib: int, snapshot: str) -> None:
    """Take a *snapshot* of *template* with a disk of *gib* GiB."""
    manage("snapshot", template, "restore", _BASE)
    disk = scan(manage("showvminfo", template, "--machinereadable"))[f"{DISKS}-ImageUUID-0-0"]
    manage("modifymedium", "disk", disk, f"--resize={gib * _MIB_A_GIB}")
    manage("snapshot", template, "take", snapshot)
