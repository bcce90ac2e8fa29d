"""The images that labiac knows how to get: ``catalogue.yaml``, and what gets one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from labiac.errors import UsageError
from labiac.host.progress import Progress
from labiac.images import fetch, store

if TYPE_CHECKING:
    from labiac.images.store import Image


@dataclass(frozen=True, slots=True)
class Entry:
    """An image that can be had.

    Args:
        name: What lab files call it.
        about: What it is, in a line.
        firmware: What it boots under: ``bios``, ``uefi``.
        licence: What its publisher says one may do with it.
        url: Where the publisher has it, or empty where it is built.
        checksums: Where the publisher's digests are.
    """

    name: str
    about: str
    firmware: tuple[str, ...]
    licence: str
    url: str = ""
    checksums: str = ""


@cache
def entries() -> tuple[Entry, ...]:
    """Return the whole catalogue, in its order."""
    text = Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    return tuple(
        Entry(**{**each, "firmware": tuple(each["firmware"])}) for each in yaml.safe_load(text)
    )


def entry(name: str) -> Entry:
    """Return what the catalogue has under *name*.

    Raises:
        UsageError: nothing.
    """
    for each in entries():
        if each.name == name:
            return each
    names = ", ".join(each.name for each in entries())
    fix = f"the catalogue has {names}; labiac image import takes any other from a file"
    raise UsageError(f"image {name}", "is not in the catalogue", fix=fix)


def pull(wanted: Entry) -> Image:
    """Return the image of *wanted*, as its publisher has it now; downloaded unless it is here.

    Raises:
        UsageError: it is one that is built.
        LabError: the publisher is out of reach, or sends something else than they say.
    """
    if not wanted.url:
        raise UsageError(f"image {wanted.name}", "is not downloaded", fix="labiac image build")
    digest = fetch.published(wanted.checksums, Path(wanted.url).name)
    here = store.known(wanted.name)
    if here and here.key == digest:
        return here
    file = store.folder() / f"download-{digest[:32]}"  # what is there of it is of that digest
    with Progress(f"downloading image {wanted.name}") as progress:
        fetch.download(wanted.url, file, digest, progress)
    return store.take(wanted.name, file, origin=wanted.url, key=digest)
