"""Lets guests go on whose labiac was killed: ``python -m labiac.backends.libvirt.guard UUID...``.

It waits on its standard input, which ends with the process that made it.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any, Final

from labiac.backends.libvirt.connection import connect, found, library
from labiac.backends.libvirt.still import WOKEN, wake

_PATIENCE_S: Final = 300
"""How long libvirt may be busy with what the dead labiac had asked of it."""
_POLL_S: Final = 1


def main(*domains: str) -> None:
    """Wait for the end of the input; unless it says that all is well, wake *domains*."""
    if sys.stdin.buffer.read() == WOKEN:
        return
    connection, end = connect(), time.monotonic() + _PATIENCE_S
    asleep = [found(connection.lookupByUUIDString, each) for each in domains]
    while (asleep := [each for each in asleep if each is not None and not _woken(each)]) and (
        time.monotonic() < end
    ):
        time.sleep(_POLL_S)


def _woken(domain: Any) -> bool:
    """Return whether *domain* needs nothing more: libvirt refuses while it works on one."""
    with suppress(library().libvirtError):
        wake(domain)
        return True
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])
