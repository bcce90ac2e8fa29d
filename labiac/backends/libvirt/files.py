"""The files of one machine on libvirt's host: volumes, called after it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import domain as xml
from labiac.backends.libvirt import storage
from labiac.backends.libvirt.chosen import screen
from labiac.backends.libvirt.connection import library, own_user
from labiac.backends.seed import iso

if TYPE_CHECKING:
    from labiac.plan.model import Machine

_DIGITS: Final = 16


class Files:
    """A machine's disk, its seed, and what its console said."""

    def __init__(self, connection: Any, machine: Machine) -> None:
        self._pool = storage.pool(connection)
        self._disk, self._seed, self._console = (
            f"{machine.host_name}.{suffix}" for suffix in ("qcow2", "iso", "console")
        )
        self._agent = _agent(machine)

    def host(self, accelerator: xml.Accelerator) -> xml.Host:
        """Return what a domain's XML says of them, made or not."""
        disk, seed, console = map(self._at, (self._disk, self._seed, self._console))
        return xml.Host(accelerator, disk, seed, console, screen(), own_user(), self._agent)

    def _at(self, name: str) -> str:
        return f"{storage.path(self._pool)}/{name}"

    def make(self, machine: Machine) -> None:
        """Make what the next boot of *machine* needs: a disk that is there stays."""
        if not self.has_disk():
            base = storage.base(self._pool, machine.image)
            storage.overlay(self._pool, self._disk, base, machine.disk_gib)
        storage.put(self._pool, self._seed, iso(machine.seed))
        storage.put(self._pool, self._console, b"")

    def change_seed(self, domain: Any, machine: Machine) -> None:
        """Give *domain*, which runs, the seed of *machine* for its next boot."""
        libvirt = library()
        how = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE
        domain.updateDeviceFlags(xml.drive(""), how)
        storage.put(self._pool, self._seed, iso(machine.seed))
        domain.updateDeviceFlags(xml.drive(self._at(self._seed)), how)

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
        if self._agent:
            Path(self._agent).unlink(missing_ok=True)


def _agent(machine: Machine) -> str:
    """Return where the socket to a guest's agent is, or nothing where libvirt may say.

    libvirt 9.0 has a user's below their home, where a path is soon longer than the 107 characters
    of a socket's.
    """
    session = os.environ.get("XDG_RUNTIME_DIR")
    if own_user() is None or not session:
        return ""
    return f"{session}/labiac-{sha256(machine.host_name.encode()).hexdigest()[:_DIGITS]}"
