"""Labs as virtual machines of Hyper-V, through PowerShell's own remoting protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.backends.hyperv.backend import HyperV


def open() -> HyperV:  # noqa: A001  # what every backend calls it
    """Return the backend; it looks for Hyper-V when it is first used."""
    from labiac.backends.hyperv.backend import HyperV

    return HyperV()
