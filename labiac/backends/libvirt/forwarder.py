"""One port of the host that leads to a guest in a LAN of type nat, as the host reaches it.

    python -m labiac.backends.libvirt.forwarder NETWORK tcp|udp ADDRESS PORT GUEST PORT

NETWORK says whose it is, for those who look for it. The guest sees the host's address in the LAN.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from labiac.backends.libvirt.background import READY

_MOST: Final = 256
"""Connections at a time; a UDP sender that was silent for longest makes room for a new one."""
_CONNECT_S: Final = 10
_CHUNK: Final = 1 << 16


class _End(NamedTuple):
    """An address and a port."""

    address: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """Return which kind of address it is."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET


async def _tcp(own: _End, guest: _End) -> None:
    """Connect whoever comes to *own* with *guest*, for good."""
    room = asyncio.Semaphore(_MOST)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with room:
            try:
                there = await asyncio.wait_for(asyncio.open_connection(*guest), _CONNECT_S)
            except (OSError, TimeoutError):
                writer.transport.abort()
                return
            for each in (writer, there[1]):
                own = each.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await asyncio.gather(_pour(reader, there[1]), _pour(there[0], writer))
            for each in (writer, there[1]):
                each.close()

    server = await asyncio.start_server(join, *own)
    _say_ready()
    await server.serve_forever()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry what comes from *source* to *sink*, and then its end; a lost end loses the other."""
    try:
        while piece := await source.read(_CHUNK):
            sink.write(piece)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.transport.abort()


async def _udp(own: _End, guest: _End) -> None:
    """Hand on what comes to *own*, and to each sender what *guest* answers, for good."""
    with socket.socket(own.family, socket.SOCK_DGRAM) as here:
        here.bind(own)
        here.settimeout(0)
        talks: dict[_End, socket.socket] = {}
        loop = asyncio.get_running_loop()
        loop.add_reader(here, partial(_asked, here, guest, talks))
        _say_ready()
        await asyncio.Event().wait()


def _asked(here: socket.socket, guest: _End, talks: dict[_End, socket.socket]) -> None:
    """Hand one packet to *guest*, from a socket that its sender alone has."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # a packet that does not go is lost, as on any network
        said, who = here.recvfrom(_CHUNK)
        talk = talks.pop(who, None) or _talk(guest)
        talks[who] = talk  # the last of all again
        loop.add_reader(talk, partial(_answered, talk, here, who))
        if len(talks) > _MOST:
            oldest = talks.pop(next(iter(talks)))
            loop.remove_reader(oldest)
            oldest.close()
        talk.send(said)


def _answered(talk: socket.socket, here: socket.socket, who: _End) -> None:
    with suppress(OSError):
        here.sendto(talk.recv(_CHUNK), who)


def _talk(guest: _End) -> socket.socket:
    talk = socket.socket(guest.family, socket.SOCK_DGRAM)
    talk.settimeout(0)
    talk.connect(guest)
    return talk


def _say_ready() -> None:
    sys.stdout.write(READY)
    sys.stdout.flush()


def main(protocol: str, address: str, port: str, guest: str, guest_port: str) -> None:
    """Forward until it is ended; end with an error where the port is not to be had."""
    os.chdir("/")
    forward = _tcp if protocol == "tcp" else _udp
    asyncio.run(forward(_End(address, int(port)), _End(guest, int(guest_port))))


if __name__ == "__main__":
    main(*sys.argv[2:])
