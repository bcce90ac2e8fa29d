"""What of a backend only a report asks for: which version of a hypervisor it is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Versioned(Protocol):
    """A backend that can tell which version of what it works with."""

    def version(self) -> str:
        """Return what that calls itself, with its version: ``libvirt 9.0.0, QEMU 7.2.22``.

        Raises:
            BackendError: it is not there, or does not say.
        """
