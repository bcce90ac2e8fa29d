"""Machines that stand still together for a moment, and go on after it whatever becomes of labiac.

A guard sees to that: a process of its own, which waits on its standard input; that ends with the
process that made it.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from labiac.backends import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")
R = TypeVar("R")

_WOKEN: Final = b"woken"
"""What a guard hears when there is nothing left to do for it."""
_AT_ONCE: Final = 4
"""Long calls at the same time: libvirtd hears 5 of a client, and needs one to know that it lives.

Source:
    ``max_client_requests`` in libvirtd.conf.
"""
_PATIENCE_S: Final = 300
"""How long a host may be busy with what the dead labiac had asked of it."""
_POLL_S: Final = 1


@contextmanager
def still(
    machines: Mapping[str, T], stop: Callable[[T], None], wake: Callable[[T], None], *, guard: str
) -> Iterator[None]:
    """Stop all *machines* that run; in the end whichever of them stand still go on.

    Args:
        machines: What *stop* and *wake* take, by the names that the guard has for them.
        stop: Stops one that runs.
        wake: Lets one go on that stands still.
        guard: Module of the guard.
    """
    argv = [sys.executable, "-m", guard, *machines]
    with run.partner(argv, environment=os.environ) as process:
        try:
            side_by_side(stop, machines.values())
            yield
        finally:
            side_by_side(wake, machines.values())  # what fails here is tried again by the guard
        with suppress(BrokenPipeError):  # somebody ended it
            process.communicate(_WOKEN)


def guard(names: Iterable[str], woken: Callable[[str], bool]) -> None:
    """Wait for the end of the input; unless it says that all is well, wake all *names*.

    Args:
        names: What the backend calls its machines.
        woken: Wakes one, and returns whether it needs nothing more.
    """
    if sys.stdin.buffer.read() == _WOKEN:
        return
    end = time.monotonic() + _PATIENCE_S
    while not all(side_by_side(woken, names)) and time.monotonic() < end:
        time.sleep(_POLL_S)


def side_by_side(work: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Do *work* on all *things*, a few at a time; raise what one raises once all have ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, things))
