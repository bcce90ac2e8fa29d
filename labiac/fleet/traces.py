"""What labiac keeps in its own folder of a copy, beside the copy itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.fleet import measured
from labiac.fleet.ledger import Ledger

if TYPE_CHECKING:
    from labiac.backends.base import Copy


def forget(copy: Copy) -> None:
    """Delete measurements and logs of *copy*, which is gone: they name a student."""
    measured.forget(copy)
    Ledger(copy.lab).forget(copy.student)
