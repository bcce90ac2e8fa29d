"""Disks, seeds and base images: volumes of one storage pool, so that the host may be far away."""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, fromstring

from labiac.backends.libvirt.connection import found, own_user
from labiac.backends.libvirt.elements import add, text_of
from labiac.backends.mark import uuid_of
from labiac.backends.room import image_of
from labiac.host.home import data
from labiac.host.lock import take
from labiac.images.store import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator

POOL: Final = "labiac"
"""The pool's name; one of that name that is there already is used as it is."""
_IMAGES: Final = "libvirt/images/labiac"
"""The pool's folder, below where a host's programs keep data, or a user's own."""
_POOLING: Final = Lock()
_CHUNK: Final = 1 << 20
_MIB: Final = 1 << 20
_DIGITS: Final = 32
"""So many of an image's hash tell it from all others."""
_MOST: Final = 1 << 18
"""Bytes of a console that are read: its last words are what is wanted."""


def pool(connection: Any) -> Any:
    """Return labiac's storage pool, made and started when it is not there."""
    with _POOLING:
        known = found(connection.storagePoolLookupByName, POOL)
        if known is None:
            root = Element("pool", type="dir")
            add(root, "name", POOL)
            add(root, "uuid", str(uuid_of(POOL)))
            kept = Path("/var/lib") if own_user() is None else data()
            add(add(root, "target"), "path", str(kept / _IMAGES))
            known = connection.storagePoolDefineXML(text_of(root))
            known.setAutostart(1)
        if not known.isActive():
            if known.UUIDString() == str(uuid_of(POOL)):
                known.build()  # a folder that is there stays as it is
            known.create()
    return known


def free_mib(connection: Any) -> float:
    """Return how much is free in the pool, in MiB; infinite before it is there."""
    known = found(connection.storagePoolLookupByName, POOL)
    if known is None or not known.isActive():
        return math.inf
    known.refresh()
    return float(known.info()[3] / _MIB)


def path(where: Any) -> str:
    """Return the pool's folder on its host."""
    return fromstring(where.XMLDesc()).findtext("target/path") or ""  # noqa: S314  # libvirt's own


def volume(where: Any, name: str) -> Any:
    """Return the volume called *name*, or None when there is none."""
    return found(where.storageVolLookupByName, name)


def overlay(where: Any, name: str, base: Any, gib: int) -> None:
    """Make the disk *name* of *gib* GiB, which holds only what differs from *base*."""
    root = Element("volume", type="file")
    add(root, "name", name)
    add(root, "capacity", str(gib), unit="GiB")
    add(add(root, "target"), "format", type="qcow2")
    backing = add(root, "backingStore")
    add(backing, "path", base.path())
    add(backing, "format", type="qcow2")
    where.createXML(text_of(root))


def put(where: Any, name: str, data: bytes) -> None:
    """Make the volume *name* hold *data*, whatever it held before."""
    remove(where, name)
    made = _raw(where, name, len(data))
    if data:
        _send(where, made, (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)))


def remove(where: Any, name: str) -> None:
    """Delete the volume *name*. Already gone is fine."""
    old = volume(where, name)
    if old is not None:
        old.delete()


def tail(where: Any, name: str) -> str:
    """Return the last that was written to the volume *name*, as text."""
    file = volume(where, name)
    if file is None:
        return ""
    stream, parts = where.connect().newStream(), b""
    file.download(stream, 0, 0)
    while part := stream.recv(_CHUNK):
        parts = (parts + part)[-_MOST:]
    stream.finish()
    return parts.decode(errors="replace")


def base(where: Any, name: str) -> Any:
    """Return the volume of the base image *name*, brought to the pool when it is not there."""
    image = image_of("libvirt", name)
    of_image = _called(image.sha256)
    if (whole := _whole(where, of_image)) is not None:
        return whole
    file = file_of(image)
    with _alone_with(file):
        if (whole := _whole(where, of_image)) is None:
            remove(where, of_image)
            with file.open("rb") as source:
                made = _raw(where, of_image, file.stat().st_size)
                _send(where, made, iter(lambda: source.read(_CHUNK), b""))
            put(where, f"{of_image}.whole", b"")
            whole = volume(where, of_image)
    return whole


def base_of(where: Any, sha256: str) -> Any:
    """Return the volume of the base image with that content, or None where it is not, or partly."""
    return _whole(where, _called(sha256))


def _called(sha256: str) -> str:
    return f"image-{sha256[:_DIGITS]}.qcow2"


def _whole(where: Any, name: str) -> Any:
    """Return the image's volume if all of it was brought, which a volume beside it says."""
    return volume(where, name) if volume(where, f"{name}.whole") is not None else None


@contextmanager
def _alone_with(file: Path) -> Iterator[None]:
    """Keep others who bring the same image meanwhile away: the threads and processes of here."""
    with file.open("rb") as held:
        take(held)
        yield


def _raw(where: Any, name: str, size: int) -> Any:
    root = Element("volume", type="file")
    add(root, "name", name)
    add(root, "capacity", str(size), unit="bytes")
    add(root, "allocation", "0")
    add(add(root, "target"), "format", type="raw")
    return where.createXML(text_of(root))


def _send(where: Any, to: Any, parts: Iterator[bytes]) -> None:
    stream = where.connect().newStream()
    to.upload(stream, 0, 0)
    try:
        for part in parts:
            sent = 0
            while sent < len(part):
                sent += stream.send(part[sent:])
    except BaseException:
        stream.abort()
        raise
    stream.finish()
