"""Labs as system containers of Incus, on one machine or on a cluster of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.backends.base import Backend


def open() -> Backend:  # noqa: A001  # what every backend's module has
    """Return the backend; it connects when first used."""
    from labiac.backends.incus.backend import IncusBackend

    return IncusBackend()
