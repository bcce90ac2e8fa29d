"""rtnetlink, hand-packed: one send a namespace, each error brought back to its message.

Only what a lab needs of it. Messages are plain data, so the pure half of the backend makes them
and a `Socket` sends them; the kernel goes through a batch in order and reports what it refuses.

Source:
    rtnetlink(7), and the uapi headers rtnetlink.h, if_link.h, if_addr.h and veth.h.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
_REQUEST, _ACK, _DUMP, _CREATE, _EXCL = 0x1, 0x4, 0x300, 0x400, 0x200
_NEW: Final = _CREATE | _EXCL
_ERROR, _DONE = 2, 3
_CAPPED: Final = 0x100  # an error that quotes only the header of its message
_SAYS_WHY: Final = 0x200  # ... and has attributes that explain it
_UP: Final = 1
_NODAD: Final = 0x02
_MAIN_TABLE: Final = 254
_MOST: Final = 60_000  # bytes a send: well inside the default socket buffer
_LONGEST: Final = 1 << 15  # bytes that the kernel puts into one answer at most

_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_INT: Final = struct.Struct("=i")
_NUMBER: Final = struct.Struct("=HHi")
_PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


class Message(NamedTuple):
    """One request: what it is about (for people), its type, flags and body.

    An errno in `forgiven` means that it was so already, and is no error.
    """

    what: str
    type: int
    flags: int
    body: bytes
    forgiven: tuple[int, ...] = ()


class Refusal(NamedTuple):
    """A message that the kernel refused, and why."""

    message: Message
    errno: int
    reason: str


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one attribute, padded."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + _PAD[len(payload) & 3]


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds a 32-bit number."""
    return _NUMBER.pack(8, kind, value)


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a string."""
    return attribute(kind, value.encode() + b"\0")


def nest(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that holds other attributes."""
    return attribute(kind, b"".join(attributes))


def attributes(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield each attribute of *data*, from offset *start*."""
    last = len(data) - _ATTRIBUTE.size
    while start <= last:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        yield kind & 0x3FFF, data[start + 4 : start + length]
        start += (length + 3) & ~3 or 4


def link_header(index: int = 0, *, up: bool | None = None, family: int = 0) -> bytes:
    """Return the fixed part of a link message; *up* None leaves it up or down as it is."""
    return _LINK.pack(family, 0, index, _UP if up else 0, 0 if up is None else _UP)


def new_link(
    name: str, kind: str, *more: bytes, data: bytes = b"", up: bool = True, index: int = 0
) -> Message:
    """Return the request for an interface *name* of *kind*; *more* are further attributes."""
    info = nest(18, attribute(1, kind.encode()), attribute(2, data) if data else b"")
    body = link_header(index, up=up) + text(3, name) + b"".join(more) + info
    return Message(f"{kind} {name}", NEWLINK, _NEW, body)


def change_link(what: str, index: int, *more: bytes, up: bool | None = None) -> Message:
    """Return the request that changes link *index*; *more* are the attributes to set."""
    return Message(what, NEWLINK, 0, link_header(index, up=up) + b"".join(more))


def delete_link(name: str, *forgiven: int) -> Message:
    """Return the request that deletes link *name*, and with it the other end of a cable."""
    return Message(f"delete {name}", DELLINK, 0, link_header() + text(3, name), forgiven)


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def address(index: int, cidr: str, *forgiven: int, delete: bool = False) -> Message:
    """Return the request that adds (or deletes) address *cidr* on link *index*.

    IPv6 addresses come without duplicate address detection: they answer at once.
    """
    host, _, prefix = cidr.partition("/")
    family, packed = _packed(host)
    length = int(prefix)
    body = _ADDRESS.pack(family, length, _NODAD if family == socket.AF_INET6 else 0, 0, index)
    body += attribute(2, packed) + attribute(1, packed)
    if family == socket.AF_INET and length < 31:  # noqa: PLR2004  # RFC 3021: none on a /31
        hosts = (1 << 32 - length) - 1
        body += attribute(4, (int.from_bytes(packed) | hosts).to_bytes(4))
    what = f"address {cidr}"
    return Message(what, DELADDR if delete else NEWADDR, 0 if delete else _NEW, body, forgiven)


def route(
    to: str,
    *forgiven: int,
    via: str = "",
    index: int = 0,
    delete: bool = False,
    protocol: int = 0,
) -> Message:
    """Return the request that adds (or deletes) a route by next hop *via* or link *index*.

    One that is deleted may be told by its *protocol* alone: who made it (``RTPROT_*``).
    """
    target, _, prefix = to.partition("/")
    family, packed = _packed(target)
    kind, protocol = (0, protocol) if delete else (1, 4)
    scope = 255 if delete else 0 if via else 253  # any scope; beyond this link; on it
    body = _ROUTE.pack(family, int(prefix), 0, 0, _MAIN_TABLE, protocol, scope, kind, 0)
    body += attribute(1, packed) if int(prefix) else b""
    body += attribute(5, _packed(via)[1]) if via else b""
    body += number(4, index) if index else b""
    what = f"route {to} via {via or index}"
    return Message(what, DELROUTE if delete else NEWROUTE, 0 if delete else _NEW, body, forgiven)


class Socket:
    """A netlink socket in the network namespace where the thread was when it opened it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setsockopt(270, 10, 1)  # SOL_NETLINK, NETLINK_CAP_ACK: quote headers only
        self._socket.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK: say why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; the namespace may die now."""
        self._socket.close()

    def send(self, messages: Sequence[Message]) -> list[Refusal]:
        """Send *messages* in order, in as few sends as fit; return those that were refused.

        The kernel goes on after a refusal. What a message forgives is left out.
        """
        refused: list[Refusal] = []
        batch = bytearray()
        for count, message in enumerate(messages, 1):
            size = _HEADER.size + len(message.body)
            last = count == len(messages) or len(batch) + size > _MOST
            flags = message.flags | _REQUEST | (_ACK if last else 0)
            batch += _HEADER.pack(size, message.type, flags, count, 0) + message.body
            if last:
                self._socket.send(batch)
                refused += self._refusals(messages, count)
                batch.clear()
        return refused

    def _refusals(self, messages: Sequence[Message], last: int) -> Iterator[Refusal]:
        for kind, flags, sequence, body in self._replies():
            if kind != _ERROR:
                continue
            errno = -_INT.unpack_from(body)[0]
            message = messages[sequence - 1]
            if errno and errno not in message.forgiven:
                yield Refusal(message, errno, _reason(errno, flags, body))
            if sequence == last:
                return

    def _replies(self) -> Iterator[tuple[int, int, int, bytes]]:
        while True:
            data = self._socket.recv(_LONGEST)
            at = 0
            while at < len(data):
                length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
                yield kind, flags, sequence, data[at + _HEADER.size : at + length]
                at += (length + 3) & ~3

    def dump(self, kind: int, header: bytes) -> Iterator[bytes]:
        """Yield the body of each reply to a dump request of *kind*.

        Raises:
            OSError: the kernel refused.
        """
        size = _HEADER.size + len(header)
        self._socket.send(_HEADER.pack(size, kind, _REQUEST | _DUMP, 0, 0) + header)
        for reply, _, _, body in self._replies():
            if reply == _DONE:
                return
            if reply == _ERROR:
                errno = -_INT.unpack_from(body)[0]
                raise OSError(errno, os.strerror(errno))
            yield body


def _reason(errno: int, flags: int, body: bytes) -> str:
    """Return what the kernel says about a refusal, beside its number."""
    if flags & _SAYS_WHY:
        quoted = _HEADER.size if flags & _CAPPED else _HEADER.unpack_from(body, 4)[0]
        for kind, value in attributes(body, 4 + quoted):
            if kind == 1:
                return f"{os.strerror(errno)} ({value.rstrip(bytes(1)).decode()})"
    return os.strerror(errno)
