"""What the backend on libvirt can do, as data."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from labiac.backends.base import Features
from labiac.backends.guest import MENDED
from labiac.backends.libvirt.connection import own_user

EXPRESS: Final = frozenset({"e1000e", "igb", "virtio", "vmxnet3"})
"""Models that a slot of PCI Express takes; others go where nothing can be plugged in later."""

_HOST: Final = Features(
    boots=True,
    live=MENDED | {"ipv4", "ipv6"},
    hot=EXPRESS | {"lan", "nat", "none"},
)
"""What hotplug.py does while a guest runs, and what is mended in it; a LAN's subnets are notes."""
_USER: Final = replace(_HOST, hot=EXPRESS | {"nat", "none"})
"""A LAN there is a tunnel to a switch, and libvirt plugs no tunnels into a guest that runs."""


def features() -> Features:
    """Return what the libvirt in use can do."""
    return _HOST if own_user() is None else _USER
