"""The files of one machine on libvirt's host: volumes, called after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends.libvirt import storage
from labiac.backends.libvirt.domain import Accelerator, Host
from labiac.backends.seed import iso

if TYPE_CHECKING:
    from labiac.plan.model import Machine


class Files:
    """A machine's disk, its seed, and what its console said."""

    def __init__(self, connection: Any, machine: Machine) -> None:
        self._pool = storage.pool(connection)
        self._disk, self._seed, self._console = (
            f"{machine.host_name}.{suffix}" for suffix in ("qcow2", "iso", "console")
        )

    def host(self, accelerator: Accelerator) -> Host:
        """Return what a domain's XML says of them, made or not."""
        folder = storage.path(self._pool)
        disk, seed, console = (
            f"{folder}/{name}" for name in (self._disk, self._seed, self._console)
        )
        return Host(accelerator, disk, seed, console)

    def make(self, machine: Machine) -> None:
        """Make what the next boot of *machine* needs: a disk that is there stays."""
        if not self.has_disk():
            base = storage.base(self._pool, machine.image)
            storage.overlay(self._pool, self._disk, base, machine.disk_gib)
        storage.put(self._pool, self._seed, iso(machine.seed))
        storage.put(self._pool, self._console, b"")

    def has_disk(self) -> bool:
        """Return whether the disk is there."""
        return storage.volume(self._pool, self._disk) is not None

    def console(self) -> str:
        """Return the last that the serial console said."""
        return storage.tail(self._pool, self._console)

    def remove_disk(self) -> None:
        """Delete the disk. Already gone is fine."""
        storage.remove(self._pool, self._disk)

    def remove(self) -> None:
        """Delete all of them. Already gone is fine."""
        for name in (self._disk, self._seed, self._console):
            storage.remove(self._pool, name)
