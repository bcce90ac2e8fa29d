"""Base images on the host: one file each, read-only, that the disks of all labs stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends.base import BaseImage
from labiac.backends.hyperv import files, host
from labiac.backends.hyperv.shell import command, select
from labiac.backends.room import image_of
from labiac.host.home import home
from labiac.host.lock import locked
from labiac.host.progress import Progress
from labiac.images.store import file_of, known

if TYPE_CHECKING:
    from pathlib import Path, PureWindowsPath

    from labiac.images.store import Image

_DIGITS: Final = 16
"""So many of an image's hash tell it from all others here."""
_PIECE: Final = 1 << 20
"""Bytes of an image that travel at once to a host that does not read our files."""
_READY: Final[set[tuple[str, str]]] = set()
"""Images, by host, that this process has seen there."""


def disk(name: str, where: str) -> PureWindowsPath:
    """Return the file of the image *name* on the host; brought now if it is not there yet.

    Raises:
        BackendError: this machine has no such image, or the host refused.
    """
    image = image_of(where, name)
    if (host.name(), image.sha256) not in _READY:
        with locked(home() / "hyperv" / "images.lock", f"waiting for image {name}"):
            if _size(image.sha256) is None:
                _bring(image)
        _READY.add((host.name(), image.sha256))
    return _place(image.sha256)


def bring(name: str) -> BaseImage:
    """Have the image *name* on the host, unless it is there.

    Raises:
        BackendError: this machine has no such image, or the host refused.
    """
    image = image_of("hyperv", name)
    disk(name, "hyperv")
    return BaseImage(name, image.sha256, "vhdx", _size(image.sha256) or 0)


def brought(name: str, sha256: str) -> BaseImage | None:
    """Return the image *name* as the host has it, or None when it does not."""
    here = known(name)
    content = sha256 or (here.sha256 if here else "")
    size = _size(content) if content else None
    return None if size is None else BaseImage(name, content, "vhdx", size)


def _place(sha256: str) -> PureWindowsPath:
    return files.root() / "images" / f"{sha256[:_DIGITS]}.vhdx"


def _size(sha256: str) -> int | None:
    """Return the bytes that an image takes on the host, or None when it is not there."""
    file = _place(sha256)
    there = command("Get-ChildItem", LiteralPath=str(file.parent), Filter=file.name)
    rows = host.look(there | select("Length"), where="hyperv")
    return int(str(rows[0]["Length"])) if rows else None


def _bring(image: Image) -> None:
    """Bring *image* to the host: whole, or not at all."""
    source, target = file_of(image, "vhdx"), _place(image.sha256)
    partial = target.with_suffix(".partial")
    where = f"hyperv image {image.name}"
    host.change(files.folder(target.parent) | command("Out-Null"), where=where)
    if host.is_here():
        host.change(
            command("Copy-Item", LiteralPath=str(source), Destination=str(partial)), where=where
        )
    else:
        _send(source, partial, where)
    host.change(
        command("Move-Item", LiteralPath=str(partial), Destination=str(target)),
        command("Set-ItemProperty", LiteralPath=str(target), Name="IsReadOnly", Value=True),
        where=where,
    )


def _send(source: Path, target: PureWindowsPath, where: str) -> None:
    """Send the file *source* to the host, piece by piece."""
    size, done = source.stat().st_size, 0
    with source.open("rb") as stream, Progress(f"bringing {where}") as progress:
        while piece := stream.read(_PIECE):
            host.change(files.written(target, piece, more=done > 0), where=where)
            done += len(piece)
            progress.last = f"{done * 100 // size}% of it is there"
