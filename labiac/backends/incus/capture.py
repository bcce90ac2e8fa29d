"""Packets of a container's NIC, which the incus command brings as its tcpdump sees them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labiac.backends import pcap
from labiac.backends.incus.command import client

if TYPE_CHECKING:
    from typing import BinaryIO

    from labiac.backends.incus.names import Place


def capture(place: Place, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
    """Write what passes *nic* of the container at *place* to *sink*; return the packet count.

    Args:
        place: Where it is.
        nic: Name of the interface in it.
        sink: Takes a pcap file.
        packets: How many packets at most; 0 is no limit.
        seconds: How long at most; 0 is no limit.

    Raises:
        BackendError: there is no such interface, or no tcpdump.
    """
    argv, environment = client(place, pcap.tcpdump(nic, packets))
    environment = {**os.environ, **environment}
    return pcap.capture(argv, environment, sink, where=f"incus {place}", seconds=seconds)
