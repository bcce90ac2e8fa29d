"""What every backend refuses alike, in the same words."""

from __future__ import annotations

from labiac.errors import BackendError


def gone(where: str) -> BackendError:
    """Return the error that what was made is not there any more."""
    return BackendError(where, "it is gone", fix="refresh, then bring it up")


def missing(where: str) -> BackendError:
    """Return the error that there is no such machine to do anything with."""
    return BackendError(where, "there is no such machine", fix="labiac status lists what is up")


def off(where: str) -> BackendError:
    """Return the error that a machine must be on for what is asked of it."""
    return BackendError(where, "it is off", fix="labiac start switches it on")


def another_kind(where: str) -> BackendError:
    """Return the error that an update would make a network a machine, or the other way round."""
    return BackendError(where, "a network can't become a machine")
