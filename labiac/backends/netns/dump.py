"""What is there now, as the kernel reports it: links, addresses, routes."""

from __future__ import annotations

import socket
import struct
from fcntl import ioctl
from typing import TYPE_CHECKING, Final, NamedTuple

from labiac.backends.netns import netlink
from labiac.backends.ports import Takes

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_NEXT_HOP: Final = struct.Struct("=HBBi")
_INT: Final = struct.Struct("=i")
_BY_NAME: Final = struct.Struct("=16si20x")  # struct ifreq
_SIOCGIFINDEX: Final = 0x8933
_UP: Final = 1
_MAIN_TABLE: Final = 254
_UNICAST: Final = 1
_OWN: Final = frozenset({0, 1, 2})  # routes that the kernel made: learned, redirects, connected
LEARNED: Final = frozenset({11, *range(186, 199)})
"""Routes of FRR (``RTPROT_ZEBRA``, ``RTPROT_BGP`` and those after it): nobody wrote them down."""
_SKIP_STATS: Final = netlink.number(29, 8)
_WITH_VLANS: Final = netlink.number(29, 2)  # RTEXT_FILTER_BRVLAN: each by itself, in no ranges
_AF_SPEC, _ENTRY, _PVID = 26, 2, 2
_VLAN_INFO: Final = struct.Struct("=HH")
_GETNETCONF: Final = 82
_NETCONF: Final = struct.Struct("=Bxxx")
_SETTING: Final = struct.Struct("=HHi")  # an attribute: all of these are numbers
_IFINDEX: Final = 1


class Link(NamedTuple):
    """An interface; `data` are the attributes of its kind, `alias` is free text."""

    number: int
    name: str
    up: bool
    mac: str
    master: int
    kind: str
    alias: str
    data: dict[int, bytes]


class Address(NamedTuple):
    """An address, with prefix, on link `number`; `scope` is 0 for those that leave the link."""

    number: int
    cidr: str
    scope: int


class LiveRoute(NamedTuple):
    """A route that somebody added; `via` is empty where the link alone says the way.

    `protocol` is who (``RTPROT_*``): 4 is a static one.
    """

    to: str
    via: str
    number: int
    protocol: int


def links(sock: netlink.Socket) -> dict[str, Link]:
    """Return every interface of the namespace, by name."""
    bodies = sock.dump(netlink.GETLINK, netlink.link_header() + _SKIP_STATS)
    return {link.name: link for link in map(_link, bodies)}


def index(sock: netlink.Socket, name: str) -> int:
    """Return the number of link *name* of the namespace, 0 when there is none."""
    request = _BY_NAME.pack(name.encode(), 0)
    try:
        found: int = _BY_NAME.unpack(ioctl(sock, _SIOCGIFINDEX, request))[1]
    except OSError:
        return 0
    return found


def ports(sock: netlink.Socket) -> dict[int, Takes]:
    """Return the VLANs that each bridge port takes, by its number."""
    header = netlink.link_header(family=socket.AF_BRIDGE) + _WITH_VLANS
    bodies = sock.dump(netlink.GETLINK, header)
    return {_LINK.unpack_from(body)[2]: _port(body) for body in bodies}


def _port(body: bytes) -> Takes:
    entries = netlink.attributes(find(body, _AF_SPEC, _LINK.size))
    found = [_VLAN_INFO.unpack(value) for kind, value in entries if kind == _ENTRY]
    untagged = next((vlan for flags, vlan in found if flags & _PVID), 0)
    return Takes(untagged, frozenset(vlan for _, vlan in found if vlan != untagged))


def addresses(sock: netlink.Socket) -> list[Address]:
    """Return every address of the namespace, both families."""
    return [_address(body) for body in sock.dump(netlink.GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0))]


def routes(sock: netlink.Socket, family: int) -> list[LiveRoute]:
    """Return the unicast routes that somebody added to *family*'s main table, one a next hop."""
    bodies = sock.dump(netlink.GETROUTE, _ROUTE.pack(family, *[0] * 8))
    return [route for body in bodies for route in _routes(body)]


def netconf(sock: netlink.Socket) -> dict[int, dict[int, int]]:
    """Return the namespace's IPv4 settings (`NETCONFA_*`) by link: -1 is all, -2 the default."""
    bodies = sock.dump(_GETNETCONF, _NETCONF.pack(socket.AF_INET))
    found = [{kind: value for _, kind, value in _SETTING.iter_unpack(body[4:])} for body in bodies]
    return {values[_IFINDEX]: values for values in found}


def find(data: bytes, wanted: int, start: int = 0) -> bytes:
    """Return the attribute *wanted* of *data*, from offset *start*; empty when it has none."""
    return next((value for kind, value in netlink.attributes(data, start) if kind == wanted), b"")


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _number(value: bytes | None) -> int:
    number: int = _INT.unpack(value)[0] if value else 0
    return number


def _link(body: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = dict(netlink.attributes(body, _LINK.size))
    info = dict(netlink.attributes(found.get(18, b"")))
    return Link(
        number=index,
        name=_string(found[3]),
        up=bool(flags & _UP),
        mac=found.get(1, b"").hex(":"),
        master=_number(found.get(10)),
        kind=_string(info.get(1, b"")),
        alias=_string(found.get(20, b"")),
        data=dict(netlink.attributes(info.get(2, b""))),
    )


def _address(body: bytes) -> Address:
    family, prefix, _, scope, index = _ADDRESS.unpack_from(body)
    found = dict(netlink.attributes(body, _ADDRESS.size))
    packed = found.get(2, found.get(1, b""))  # IFA_LOCAL, which IPv6 has only on a tunnel
    return Address(index, f"{socket.inet_ntop(family, packed)}/{prefix}", scope)


def _routes(body: bytes) -> Iterator[LiveRoute]:
    family, prefix, _, _, table, protocol, _, kind, _ = _ROUTE.unpack_from(body)
    if table != _MAIN_TABLE or kind != _UNICAST or protocol in _OWN:
        return
    found = dict(netlink.attributes(body, _ROUTE.size))
    anywhere = bytes(16 if family == socket.AF_INET6 else 4)
    to = f"{socket.inet_ntop(family, found.get(1, anywhere))}/{prefix}"
    for via, index in _next_hops(found):
        yield LiveRoute(to, socket.inet_ntop(family, via) if via else "", index, protocol)


def _next_hops(found: dict[int, bytes]) -> Iterator[tuple[bytes, int]]:
    several = found.get(9)
    if several is None:
        yield found.get(5, b""), _number(found.get(4))
        return
    at = 0
    while at < len(several):
        length, _, _, index = _NEXT_HOP.unpack_from(several, at)
        hop = dict(netlink.attributes(several[at + _NEXT_HOP.size : at + length]))
        yield hop.get(5, b""), index
        at += (length + 3) & ~3
