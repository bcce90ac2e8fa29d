"""Labs as virtual machines of VirtualBox, through its own command VBoxManage."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.backends.virtualbox.backend import VirtualBox


def open() -> VirtualBox:  # noqa: A001  # what every backend calls it
    """Return the backend; it looks for VirtualBox when it is first used."""
    from labiac.backends.virtualbox.backend import VirtualBox

    return VirtualBox()


def is_here() -> bool:
    """Return whether VirtualBox is installed."""
    from labiac.backends.virtualbox.manage import program

    return bool(program())
