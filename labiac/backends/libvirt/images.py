"""Base images in libvirt's pool: brought once, for all copies, and never taken away."""

from __future__ import annotations

from typing import Any

from labiac.backends.base import BaseImage
from labiac.backends.libvirt import storage
from labiac.images.store import image, known


def bring(connection: Any, name: str) -> BaseImage:
    """Have the image *name* of this machine in the pool, unless it is there."""
    where = storage.pool(connection)
    volume = storage.base(where, name)
    return _described(name, image(name).sha256, volume)


def brought(connection: Any, name: str, sha256: str) -> BaseImage | None:
    """Return the image *name* of that content, or else of this machine's; None: it is not there."""
    here = known(name)
    wanted = sha256 or (here.sha256 if here else "")
    volume = storage.base_of(storage.pool(connection), wanted)
    return None if volume is None else _described(name, wanted, volume)


def _described(name: str, sha256: str, volume: Any) -> BaseImage:
    _kind, _capacity, allocation = volume.info()
    return BaseImage(name, sha256, "qcow2", allocation)
