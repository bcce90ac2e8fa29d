"""A whole copy as one file that VirtualBox takes in elsewhere: an OVA, with disks and seeds."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.exports import Exported, insist_off
from labiac.backends.virtualbox import console, machines, marks
from labiac.backends.virtualbox.manage import manage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.base import Copy
    from labiac.backends.mark import Mark

_WRITE_S: Final = 3600.0
"""Each disk is read whole, and packed."""


def export(copy: Copy, place: str) -> Exported:
    """Write all machines of *copy* to the file *place*, in the place of any other.

    Raises:
        BackendError: the copy is not up, one of its machines is on, or VirtualBox refused.
    """
    ours = (mark for mark in marks.marks() if mark.copy.whose == copy.whose)
    guests = [mark for mark in ours if mark.kind == "machine"]
    insist_off("virtualbox", copy, {mark.item.name: machines.is_off(mark) for mark in guests})
    file = Path(place)
    partial = file.with_name(f".{file.stem}.partial.ova")
    partial.unlink(missing_ok=True)
    try:
        with _without_consoles(guests):
            _write(guests, partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return Exported(tuple(mark.item.name for mark in guests), place, file.stat().st_size)


def _write(guests: Sequence[Mark], file: Path) -> None:
    uuids = [str(mark.uuid) for mark in guests]
    how = ["--ovf20", "--options=manifest,iso"]
    manage(
        "export", *uuids, f"--output={file}", *how, where=f"virtualbox {file}", timeout_s=_WRITE_S
    )


@contextmanager
def _without_consoles(guests: Sequence[Mark]) -> Iterator[None]:
    """Let the serial ports of *guests* lead nowhere: their socket is none on another machine."""
    try:
        for mark in guests:
            manage("modifyvm", str(mark.uuid), "--uart-mode1", "disconnected")
        yield
    finally:
        for mark in guests:
            manage("modifyvm", str(mark.uuid), "--uart-mode1", *console.mode(mark.machine))
