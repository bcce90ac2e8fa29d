"""Lets guests go on whose labiac was killed: ``python -m labiac.backends.libvirt.guard UUID...``.

It waits on its standard input, which ends with the process that made it.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Final

from labiac.backends.libvirt.connection import connect, found, library
from labiac.backends.libvirt.still import WOKEN, side_by_side, wake
from labiac.errors import LabError

_PATIENCE_S: Final = 300
"""How long libvirt may be busy with what the dead labiac had asked of it."""
_POLL_S: Final = 1


def main(*domains: str) -> None:
    """Wait for the end of the input; unless it says that all is well, wake *domains*."""
    if sys.stdin.buffer.read() == WOKEN:
        return
    end = time.monotonic() + _PATIENCE_S
    while not all(side_by_side(_woken, domains)) and time.monotonic() < end:
        time.sleep(_POLL_S)


def _woken(uuid: str) -> bool:
    """Return whether a guest needs nothing more: libvirt is busy with it, or away, where not."""
    with suppress(LabError, library().libvirtError):
        domain = found(connect().lookupByUUIDString, uuid)
        if domain is not None:
            wake(domain)
        return True
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])
