"""What every backend refuses alike, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.errors import BackendError

if TYPE_CHECKING:
    from labiac.backends.base import Copy


def gone(where: str) -> BackendError:
    """Return the error that what was made is not there any more."""
    return BackendError(where, "it is gone", fix="refresh, then bring it up")


def not_up(copy: Copy, backend: str) -> BackendError:
    """Return the error that a *backend* has nothing of a copy."""
    fix = f"labiac up {copy.lab} --backend {backend}"
    return BackendError(f"{copy.lab} of {copy.student}", f"is not up on {backend}", fix=fix)


def missing(where: str) -> BackendError:
    """Return the error that there is no such machine to do anything with."""
    return BackendError(where, "there is no such machine", fix="labiac status lists what is up")


def off(where: str) -> BackendError:
    """Return the error that a machine must be on for what is asked of it."""
    return BackendError(where, "it is off", fix="labiac start switches it on")


def another_kind(where: str) -> BackendError:
    """Return the error that an update would make a network a machine, or the other way round."""
    return BackendError(where, "a network can't become a machine")
