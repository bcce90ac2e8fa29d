"""Mirroring: who listens to a LAN gets a copy of every frame. Netlink messages, and back. Pure.

A LAN that is watched has a second bridge, its *tap*. Each port of the LAN copies what comes in by
it, once, to the tap, and that floods it to its own ports: the cables of those who listen. These
are isolated, so that nothing leads from them anywhere.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import netlink
from labiac.backends.netns.netlink import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEWQDISC, _DELQDISC = 36, 37
_NEWTFILTER, _GETTFILTER = 44, 46
_CREATE: Final = 0x600  # and fail if it is there
_TC: Final = struct.Struct("=BxxxiIII")  # tcmsg
_INGRESS: Final = 0xFFFF0000
_AT_INGRESS: Final = 0xFFFFFFF1  # TC_H_INGRESS
_FIRST_ANY: Final = 1 << 16 | socket.htons(0x0003)  # the first filter, for ETH_P_ALL
_SELECT: Final = struct.Struct("=BBBxHHhhI")  # tc_u32_sel
_TERMINAL: Final = 1
_ANYTHING: Final = bytes(16)  # tc_u32_key: of the first word, no bit
_MIRRED: Final = struct.Struct("=IIiiiiI")  # tc_mirred
_GO_ON: Final = 3  # TC_ACT_PIPE
_MIRROR: Final = 2  # TCA_EGRESS_MIRROR
_PORT: Final = 0x8000 | 12  # NLA_F_NESTED, IFLA_PROTINFO: else it is a single number
_LEARNING, _ISOLATED = 8, 33
_KIND, _OPTIONS, _ACTION, _PARAMETERS = 1, 2, 7, 2


def mirrored(port: int, tap: int, *, new: bool = False) -> list[Message]:
    """Return the requests that make *port* copy what comes in by it to *tap*, and to nothing else.

    Args:
        port: Number of a port of the LAN, in the switch namespace.
        tap: Number of the bridge that gets the copies.
        new: Whether the port was just made, and copies nothing yet.
    """
    ingress = _TC.pack(0, port, _INGRESS, _AT_INGRESS, 0) + netlink.text(_KIND, "ingress")
    target = _MIRRED.pack(0, 0, _GO_ON, 0, 0, _MIRROR, tap)
    action = netlink.nest(
        1,
        netlink.text(_KIND, "mirred"),
        netlink.nest(_OPTIONS, netlink.attribute(_PARAMETERS, target)),
    )
    every_frame = _SELECT.pack(_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + _ANYTHING
    rule = _TC.pack(0, port, 0, _INGRESS, _FIRST_ANY) + netlink.text(_KIND, "u32")
    rule += netlink.nest(_OPTIONS, netlink.attribute(5, every_frame), netlink.nest(_ACTION, action))
    return [
        *([] if new else [unmirrored(port)]),
        Message(f"ingress of port {port}", _NEWQDISC, _CREATE, ingress),
        Message(f"mirror of port {port}", _NEWTFILTER, _CREATE, rule),
    ]


def unmirrored(port: int) -> Message:
    """Return the request after which *port* copies nothing."""
    body = _TC.pack(0, port, _INGRESS, _AT_INGRESS, 0)
    return Message(f"no mirror of port {port}", _DELQDISC, 0, body, (errno.ENOENT, errno.EINVAL))


def hushed(port: int) -> Message:
    """Return the request after which nothing that comes in by *port* of a tap gets anywhere."""
    learns, isolated = netlink.attribute(_LEARNING, b"\0"), netlink.attribute(_ISOLATED, b"\1")
    body = netlink.link_header(port, family=socket.AF_BRIDGE)
    body += netlink.nest(_PORT, learns, isolated)
    return Message(f"port {port} that listens", netlink.SETLINK, 0, body)


def copies(sock: netlink.Socket, port: int, tap: int) -> bool:
    """Return whether *port* copies what comes in by it to *tap*; *sock* is in their namespace."""
    bodies = sock.dump(_GETTFILTER, _TC.pack(0, port, 0, _INGRESS, 0))
    return any(tap in _targets(body) for body in list(bodies))


def _targets(body: bytes) -> Iterator[int]:
    """Yield where a filter copies frames to."""
    for action in _inside(body, _TC.size, _OPTIONS, _ACTION):
        for _, one in netlink.attributes(action):
            for parameters in _inside(one, 0, _OPTIONS, _PARAMETERS):
                *_, verb, target = _MIRRED.unpack_from(parameters)
                if verb == _MIRROR:
                    yield target


def _inside(data: bytes, start: int, outer: int, inner: int) -> Iterator[bytes]:
    """Yield the attributes *inner* of the attributes *outer* of *data*, from offset *start*."""
    for kind, value in netlink.attributes(data, start):
        if kind == outer:
            yield from (found for own, found in netlink.attributes(value) if own == inner)
