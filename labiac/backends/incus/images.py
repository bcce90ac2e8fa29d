"""Base images where containers begin: the files of a disk image, brought once for all copies."""

from __future__ import annotations

from typing import Any, Final

from labiac.backends.base import BaseImage
from labiac.backends.incus import api
from labiac.errors import BackendError
from labiac.host.lock import locked
from labiac.images import container, store

_ALIAS: Final = "labiac-"
_HEX: Final = 32


def bring(name: str) -> BaseImage:
    """Have the image *name* of this machine in Incus, unless it is there.

    Raises:
        BackendError: this machine has no such image, or Incus refused.
    """
    here = store.image(name)
    there = brought(name, here.sha256)
    if there:
        return there
    with locked(store.folder() / "incus.lock", "waiting for another labiac, which brings an image"):
        if not brought(name, here.sha256):
            file = container.archive(here)
            with file.open("rb") as content:
                path = api.path_of("images")
                made = api.upload(path, content, {"X-Incus-filename": f"{name}.tar"})
            file.unlink()
            alias = {"name": _alias(here.sha256), "target": made["fingerprint"]}
            api.call("POST", api.path_of("images", "aliases"), alias)
    there = brought(name, here.sha256)
    if there is None:
        raise BackendError(f"incus image {name}", "went while it was brought", fix="try again")
    return there


def brought(name: str, sha256: str) -> BaseImage | None:
    """Return the image *name* of that content, or else of this machine's; None: it is not there."""
    here = store.known(name)
    wanted = sha256 or (here.sha256 if here else "")
    there = _image(wanted) if wanted else None
    return None if there is None else BaseImage(name, wanted, "tar", there["size"])


def fingerprint(name: str) -> str:
    """Return what Incus calls the image *name*; it is brought unless it is there.

    Raises:
        BackendError: this machine has no such image, or Incus refused.
    """
    brought_now = bring(name)
    there = _image(brought_now.sha256)
    return str(there["fingerprint"]) if there else ""


def pool() -> str:
    """Return the storage pool that containers go to: as the default profile says, or the first.

    Raises:
        BackendError: there is none.
    """
    profile = api.get(api.path_of("profiles", "default")) or {}
    for device in profile.get("devices", {}).values():
        if device.get("type") == "disk" and device.get("path") == "/":
            return str(device["pool"])
    pools = api.get(api.path_of("storage-pools", recursion="1"))
    if not pools:
        raise BackendError("incus", "it has no storage pool", fix="incus admin init makes one")
    return str(pools[0]["name"])


def _alias(sha256: str) -> str:
    return f"{_ALIAS}{sha256[:_HEX]}"


def _image(sha256: str) -> Any:
    alias = api.get(api.path_of("images", "aliases", _alias(sha256)))
    return api.get(api.path_of("images", alias["target"])) if alias else None
