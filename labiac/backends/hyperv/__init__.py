"""Labs as virtual machines of Hyper-V, through PowerShell's own remoting protocol."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labiac.backends.hyperv.backend import HyperV

_SERVICE: Final = Path(os.environ.get("SYSTEMROOT", ""), "System32", "vmms.exe")
"""Hyper-V's own service, which is where Hyper-V is on."""


def open() -> HyperV:  # noqa: A001  # what every backend calls it
    """Return the backend; it looks for Hyper-V when it is first used."""
    from labiac.backends.hyperv.backend import HyperV

    return HyperV()


def is_here() -> bool:
    """Return whether this is a Windows with Hyper-V on."""
    return sys.platform == "win32" and _SERVICE.exists()
