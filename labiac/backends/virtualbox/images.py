"""Base images in VirtualBox: a template machine each, which no lab's end takes its disk from.

A node's disk holds only what differs from a snapshot of the template, so that the template stays
behind all of them: `unregistervm --delete` deletes every disk that nobody else's stands on. There
is one template a size of disk, each with a copy of the image: of a disk that is larger than the one
it stands on, VirtualBox can't read what is beyond the end of that one.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
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
_USUAL_GIB: Final = 4
"""The size of disks of nodes that say nothing of it: the template that an image is brought with."""
_MIB: Final = 1 << 20
_READY: Final[set[str]] = set()
"""UUIDs of templates that this process has seen."""


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
    _have(image, _USUAL_GIB)
    return _described(name, image.sha256)


def brought(name: str, sha256: str) -> BaseImage | None:
    """Return the image *name* as its template holds it, or None when there is none."""
    here = known(name)
    content = sha256 or (here.sha256 if here else "")
    return _described(name, content) if _is_there(content, _USUAL_GIB) else None


def _described(name: str, sha256: str) -> BaseImage:
    return BaseImage(name, sha256, "vdi", _disk(sha256, _USUAL_GIB).stat().st_size)


def _clone(machine: Machine, uuid: str) -> None:
    image, gib = image_of(f"virtualbox {machine.name}", machine.image), machine.disk_gib
    template = _template(image.sha256, gib)
    if template not in _READY:
        _have(image, gib)
        _READY.add(template)
    manage(
        "clonevm", template, f"--snapshot={_BASE}", "--options=link", f"--uuid={uuid}",
        f"--name={machine.host_name}", f"--basefolder={marks.machines()}", "--register",
        where=f"virtualbox {machine.name}",
    )  # fmt: skip


def _template(sha256: str, gib: int) -> str:
    """Return the UUID of the template of an image, by the hash of its content, and a size."""
    return str(uuid_of(f"image/{sha256}/{gib}"))


def _disk(sha256: str, gib: int) -> Path:
    return marks.folder() / "images" / sha256[:_DIGITS] / f"{gib}-gib" / "image.vdi"


def _have(image: Image, gib: int) -> None:
    """Have the template of *image* for disks of *gib* GiB, and keep others away meanwhile."""
    lock = _disk(image.sha256, gib).parent.with_suffix(".lock")
    with locked(lock, f"waiting for image {image.name}"):
        if not _is_there(image.sha256, gib):
            _make(image, gib)


def _is_there(sha256: str, gib: int) -> bool:
    """Return whether an image's template is whole: its last step is its snapshot."""
    if not _disk(sha256, gib).exists():
        return False
    try:
        said = manage("snapshot", _template(sha256, gib), "list", "--machinereadable")
    except RefusedError:  # it has none, or there is no such machine
        return False
    return _BASE in scan(said).values()


def _make(image: Image, gib: int) -> None:
    """Make the template of *image*, anew where a killed run has left a part of it."""
    template, disk = _template(image.sha256, gib), _disk(image.sha256, gib)
    folder = disk.parent
    with suppress(RefusedError):
        manage("unregistervm", template, "--delete")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    convert(file_of(image), disk, "vdi")
    name = f"labiac-image-{image.sha256[:_DIGITS]}-{gib}-gib"
    larger = gib * _MIB_A_GIB * _MIB > image.disk
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
        *([["modifymedium", "disk", str(disk), f"--resize={gib * _MIB_A_GIB}"]] if larger else []),
        ["snapshot", template, "take", _BASE],
    ):
        manage(*call, where=f"virtualbox image {image.name}")
    # fmt: on
