"""Guests that stand still together for a moment, and go on after it whatever becomes of labiac."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labiac.backends.libvirt.connection import library
from labiac.backends.still import guarded, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def still(domains: Sequence[Any]) -> Iterator[None]:
    """Stop all guests of *domains* that run; in the end whichever of them stand still go on.

    A guard sees to that where this process does not live to do it.
    """
    ids = [domain.UUIDString() for domain in domains]
    with guarded("labiac.backends.libvirt.guard", ids):
        try:
            side_by_side(_stop, domains)
            yield
        finally:
            side_by_side(wake, domains)  # what fails here is tried again by the guard


def wake(domain: Any) -> None:
    """Let a guest go on that stands still; any other is left as it is."""
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()


def _stop(domain: Any) -> None:
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
        domain.suspend()
