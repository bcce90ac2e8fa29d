"""Lets containers go on whose labiac was killed: ``python -m labiac.backends.incus.guard``."""

from __future__ import annotations

import sys
from contextlib import suppress

from labiac.backends.incus.still import wake
from labiac.backends.still import guard
from labiac.errors import BackendError


def _woken(state: str) -> bool:
    """Return whether a container needs nothing more: Incus is busy with it, or away, where not."""
    with suppress(BackendError):
        wake(state)
        return True
    return False


if __name__ == "__main__":
    guard(sys.argv[1:], _woken)
