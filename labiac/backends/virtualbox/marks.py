"""labiac's mark on what it makes in VirtualBox: a file beside it, written before it.

VirtualBox has no place for a mark on networks, and takes one on machines in its argv only, where
all users of the host see it; a seed may hold secrets. In labiac's folder there is ::

    virtualbox/machines/HOST_NAME/labiac.json    beside the machine's settings, disk and seed
    virtualbox/networks/HOST_NAME.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.backends.mark import Mark, is_machine, legible
from labiac.errors import ForeignError
from labiac.host.home import home, keep
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE = "labiac.json"


def folder() -> Path:
    """Return where all is that labiac makes in VirtualBox."""
    return home() / "virtualbox"


def machines() -> Path:
    """Return the folder of all machines; VirtualBox makes one in it for each."""
    return folder() / "machines"


def mark_of(ref: str) -> Mark | None:
    """Return the mark of *ref*, or None when labiac made nothing of it here."""
    lab, student, _, name = ref.split("/")
    mark = _read(_path(host_name(lab, student, name), machine=is_machine(ref)))
    return mark if mark and mark.ref == ref else None


def claim(mark: Mark) -> None:
    """Keep *mark*, before what it is about is made.

    Raises:
        ForeignError: its name on the host is taken by another lab's or student's.
    """
    file = _path(mark.item.host_name, machine=mark.kind == "machine")
    there = _read(file)
    if there and there.ref != mark.ref:
        raise ForeignError(
            f"virtualbox {mark.item.name}",
            f"{mark.item.host_name} is {there.ref} already",
            fix="rename the lab, or destroy the other one",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    keep(file, mark.to_json())


def drop(mark: Mark) -> None:
    """Forget *mark*, after what it is about. Already forgotten is fine."""
    _path(mark.item.host_name, machine=mark.kind == "machine").unlink(missing_ok=True)


def marks() -> Iterator[Mark]:
    """Yield all marks: of machines, then of networks, by name."""
    files = [*machines().glob(f"*/{_FILE}"), *(folder() / "networks").glob("*.json")]
    for file in sorted(files):
        if mark := _read(file):
            yield mark


def _path(name: str, *, machine: bool) -> Path:
    return machines() / name / _FILE if machine else folder() / "networks" / f"{name}.json"


def _read(file: Path) -> Mark | None:
    try:
        return legible(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
