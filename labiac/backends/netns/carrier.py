"""Wait until cables that were just plugged in carry packets.

The kernel puts a new carrier to use a moment after it reports it, in a worker of its own (Linux:
net/core/link_watch.c); until then a port drops what it should send. A first ping that comes in
between loses its ARP request, and a neighbour is looked up again only a second later.

What waits is the end of a cable that was up before the other: in a lab, the switch's. So that is
where to look; the other end, which completes the cable, is in use at once.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import dump, netlink
from labiac.backends.netns.enter import traveller

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_S: Final = 1.0
_POLL_S: Final = 0.0002
_FLAGS: Final = struct.Struct("=8xI")
_RUNNING_LOWER: Final = 0x10000  # IFF_LOWER_UP: there is a carrier
_OPERATIONAL: Final = b"\6"  # IF_OPER_UP: and it is in use
_HEADER: Final = 16
_OPERSTATE, _LINK_INFO, _KIND = 16, 18, 1
_SKIP_STATS: Final = netlink.number(29, 8)


def wait_for_carriers(namespaces: Iterable[int]) -> None:
    """Wait until every cable in open *namespaces* that has a carrier uses it, a second at most.

    Raises:
        BackendError: a namespace can't be entered or left.
    """
    end = time.monotonic() + LONGEST_S
    with traveller() as enter:
        for namespace in namespaces:
            enter(namespace)
            with netlink.Socket() as sock:
                while _pending(sock) and time.monotonic() < end:
                    time.sleep(_POLL_S)


def _pending(sock: netlink.Socket) -> bool:
    links = list(sock.dump(netlink.GETLINK, netlink.link_header() + _SKIP_STATS))
    return any(map(_waits, links))


def _waits(link: bytes) -> bool:
    if not _FLAGS.unpack_from(link)[0] & _RUNNING_LOWER:
        return False
    if dump.find(link, _OPERSTATE, _HEADER) == _OPERATIONAL:
        return False
    # Loopback and bridges never say that they are operational, or need not be.
    return dump.find(dump.find(link, _LINK_INFO, _HEADER), _KIND).startswith(b"veth")
