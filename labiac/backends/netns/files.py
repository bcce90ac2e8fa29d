"""A machine's own files of ``/etc``, in the folder where ``ip netns exec`` looks for them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.plan.model import Machine

_NO_RESOLVER: Final = "# This lab has no name server; /etc/hosts knows its nodes.\n"


def write(folder: Path, machine: Machine) -> None:
    """Write the files of *machine* into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("hosts", machine.hosts), ("resolv.conf", _NO_RESOLVER)):
        (folder / name).write_text(text, encoding="utf-8")


def hosts(folder: Path) -> str:
    """Return the text of the machine's ``/etc/hosts``, empty when it has none."""
    try:
        return (folder / "hosts").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def remove(folder: Path) -> None:
    """Remove what `write` wrote, and the folder unless somebody put more into it."""
    for name in ("hosts", "resolv.conf"):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
