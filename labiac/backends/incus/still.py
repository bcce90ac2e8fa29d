"""Containers that stand still together for a moment, and go on after it whatever becomes of us."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from labiac.backends.incus import api
from labiac.backends.still import guarded, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.incus.held import Held

_RUNS: Final = "Running"
_STILL: Final = "Frozen"


@contextmanager
def still(machines: Sequence[Held]) -> Iterator[None]:
    """Stop all containers of *machines* that run; in the end all that stand still go on.

    A guard sees to that where this process does not live to do it.
    """
    states = [each.place.path("state") for each in machines]
    with guarded("labiac.backends.incus.guard", states):
        try:
            side_by_side(_stop, states)
            yield
        finally:
            side_by_side(wake, states)  # what fails here is tried again by the guard


def wake(state: str) -> None:
    """Let a container go on that stands still, by the path of its *state*; no other changes."""
    there = api.get(state)
    if there and there["status"] == _STILL:
        api.call("PUT", state, {"action": "unfreeze", "timeout": -1})


def _stop(state: str) -> None:
    there = api.get(state)
    if there and there["status"] == _RUNS:
        api.call("PUT", state, {"action": "freeze", "timeout": -1})
