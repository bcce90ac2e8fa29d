"""Where the LANs of a user's own libvirt are on this host: UDP sockets on loopback. Pure.

A LAN's switch is one socket, each of its ports is the one of a guest's card. Which they are follows
from who they are, so that nobody has to note it: a user, a network, and of a port its card's MAC.
"""

from __future__ import annotations

from hashlib import sha256
from ipaddress import IPv4Address
from typing import Final, NamedTuple

_FIRST_ADDRESS: Final = int(IPv4Address("127.64.0.0"))
_ADDRESSES: Final = 1 << 22
"""Loopback's addresses that nothing else is likely to have: 127.64.0.0 to 127.127.255.255."""
_FIRST_PORT: Final = 16_384
_PORTS: Final = 1 << 13
"""UDP ports below those that Linux gives to whoever names none."""


class Socket(NamedTuple):
    """An address and a UDP port."""

    address: str
    port: int

    def __str__(self) -> str:
        """Return ``ADDRESS:PORT``."""
        return f"{self.address}:{self.port}"


def switch_of(network: str, user: int) -> Socket:
    """Return where the switch of the *network* of that name listens.

    Args:
        network: Its name on the host.
        user: Number of the user whose libvirt it is.
    """
    return _socket(network, str(user))


def port_of(network: str, user: int, mac: str) -> Socket:
    """Return where the card with that *mac* listens, which leads to that switch."""
    return _socket(network, str(user), mac)


def _socket(*words: str) -> Socket:
    number = int.from_bytes(sha256("/".join(words).encode()).digest()[:8], "big")
    which, address = divmod(number, _ADDRESSES)
    return Socket(str(IPv4Address(_FIRST_ADDRESS + address)), _FIRST_PORT + which % _PORTS)
