"""Containers that stand still together for a moment, and go on after it whatever becomes of us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends import still as together
from labiac.backends.incus import api

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from labiac.backends.incus.held import Held

_RUNS: Final = "Running"
_STILL: Final = "Frozen"


def still(machines: Iterable[Held]) -> AbstractContextManager[None]:
    """Stop all containers of *machines* that run; in the end all that stand still go on."""
    states = (each.place.path("state") for each in machines)
    by_name = {state: state for state in states}
    return together.still(by_name, _stop, wake, guard="labiac.backends.incus.guard")


def wake(state: str) -> None:
    """Let a container go on that stands still, by the path of its *state*; no other changes."""
    there = api.get(state)
    if there and there["status"] == _STILL:
        api.call("PUT", state, {"action": "unfreeze", "timeout": -1})


def _stop(state: str) -> None:
    there = api.get(state)
    if there and there["status"] == _RUNS:
        api.call("PUT", state, {"action": "freeze", "timeout": -1})
