"""What the backend on libvirt can do, as data."""

from __future__ import annotations

from typing import Final

from labiac.backends.base import Features

FEATURES: Final = Features(
    boots=True,
    live=frozenset(
        {
            *("forwards", "hosts", "nics", "policy", "role", "routes", "translation"),
            *("ipv4", "ipv6"),
        }
    ),
)
"""What hotplug.py does while a guest runs, and what guest.py mends; a LAN's subnets are notes."""
