"""Labs as Linux network namespaces: no hypervisor, no image, no root needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.backends.base import Backend


def open() -> Backend:  # noqa: A001  # what every backend package calls it
    """Return the backend for the rights that this process has."""
    from labiac.backends.netns.backend import NetnsBackend

    return NetnsBackend()
