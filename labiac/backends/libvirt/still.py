"""Guests that stand still together for a moment, and go on after it whatever becomes of labiac."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from labiac.backends import run
from labiac.backends.libvirt.connection import library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

WOKEN: Final = b"woken"
"""What a guard hears when there is nothing left to do for it."""
_AT_ONCE: Final = 4
"""Long calls at the same time: libvirtd hears 5 of a client, and needs one to know that it lives.

Source:
    ``max_client_requests`` in libvirtd.conf.
"""


@contextmanager
def still(domains: Sequence[Any]) -> Iterator[None]:
    """Stop all guests of *domains* that run; in the end whichever of them stand still go on.

    A guard sees to that where this process does not live to do it.
    """
    ids = [domain.UUIDString() for domain in domains]
    guard_argv = [sys.executable, "-m", "labiac.backends.libvirt.guard", *ids]
    with run.partner(guard_argv, environment=os.environ) as guard:
        try:
            side_by_side(_stop, domains)
            yield
        finally:
            side_by_side(wake, domains)  # what fails here is tried again by the guard
        with suppress(BrokenPipeError):  # somebody ended it
            guard.communicate(WOKEN)


def wake(domain: Any) -> None:
    """Let a guest go on that stands still; any other is left as it is."""
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()


def side_by_side(work: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Do *work* on all *things*, a few at a time; raise what one raises once all have ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, things))


def _stop(domain: Any) -> None:
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
        domain.suspend()
