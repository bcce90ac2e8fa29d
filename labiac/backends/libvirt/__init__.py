"""Labs as virtual machines under libvirt: QEMU guests that cloud-init configures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.backends.libvirt.backend import LibvirtBackend


def open() -> LibvirtBackend:  # noqa: A001  # what every backend calls it
    """Return the backend; it connects to libvirt when it is first used."""
    from labiac.backends.libvirt.backend import LibvirtBackend

    return LibvirtBackend()
