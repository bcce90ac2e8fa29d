"""Guests that stand still together for a moment, and go on after it whatever becomes of labiac."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends import still as together
from labiac.backends.libvirt.connection import library

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager


def still(domains: Iterable[Any]) -> AbstractContextManager[None]:
    """Stop all guests of *domains* that run; in the end whichever of them stand still go on."""
    by_id = {domain.UUIDString(): domain for domain in domains}
    return together.still(by_id, _stop, wake, guard="labiac.backends.libvirt.guard")


def wake(domain: Any) -> None:
    """Let a guest go on that stands still; any other is left as it is."""
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()


def _stop(domain: Any) -> None:
    libvirt = library()
    if domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
        domain.suspend()
