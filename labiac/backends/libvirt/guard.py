"""Lets guests go on whose labiac was killed: ``python -m labiac.backends.libvirt.guard``."""

from __future__ import annotations

import sys
from contextlib import suppress

from labiac.backends.libvirt.connection import connect, found, library
from labiac.backends.libvirt.still import wake
from labiac.backends.still import guard
from labiac.errors import LabError


def _woken(uuid: str) -> bool:
    """Return whether a guest needs nothing more: libvirt is busy with it, or away, where not."""
    with suppress(LabError, library().libvirtError):
        domain = found(connect().lookupByUUIDString, uuid)
        if domain is not None:
            wake(domain)
        return True
    return False


if __name__ == "__main__":
    guard(sys.argv[1:], _woken)
