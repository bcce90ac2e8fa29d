"""The switch of a LAN on a user's own libvirt, which has no bridges.

    python -m labiac.backends.libvirt.switch ADDRESS PORT FOLDER

Frames come in UDP on loopback, each from the card of a guest, and go where their destination was
heard last; else to all other ports. A port is a file in FOLDER called ``ADDRESS:PORT``; whatever
comes from elsewhere is dropped. The switch ends with its folder.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.libvirt.background import READY

if TYPE_CHECKING:
    from collections.abc import Iterable

Port = tuple[str, int]

_LARGEST: Final = 1 << 16
"""Bytes of a frame; none is larger in UDP."""
_HEADER: Final = 14
_MAC: Final = 6
_GROUP: Final = 1
"""A bit of a MAC's first byte: it means many cards, and none sends from it."""
_MOST_MACS: Final = 4096
_TICK_NS: Final = 10**9
"""A file system's clock is coarse: a folder that changed just now may change again, unseen."""


class Switch:
    """Knows the ports of a LAN, and behind which of them each MAC was heard last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = 0
        self._ports: frozenset[Port] = frozenset()
        self._heard: dict[bytes, Port] = {}

    def ways(self, frame: memoryview, source: Port) -> Iterable[Port]:
        """Return to which ports *frame* goes that comes from *source*.

        Raises:
            FileNotFoundError: the switch's folder is gone.
        """
        if len(frame) < _HEADER or not self._has(source):
            return ()
        to, by = bytes(frame[:_MAC]), bytes(frame[_MAC : 2 * _MAC])
        self._hear(by, source)
        known = self._heard.get(to)
        if known is not None:
            return () if known == source else (known,)
        self._look()
        return self._ports - {source}

    def _hear(self, mac: bytes, source: Port) -> None:
        if mac[0] & _GROUP or self._heard.get(mac) == source:
            return
        if len(self._heard) >= _MOST_MACS:
            self._heard.clear()
        self._heard[mac] = source

    def _has(self, source: Port) -> bool:
        if source not in self._ports:
            self._look()
        return source in self._ports

    def _look(self) -> None:
        """See which ports there are, when that may have changed."""
        changed = self._folder.stat().st_mtime_ns
        if changed == self._changed:
            return
        names = (name.partition(":") for name in os.listdir(self._folder))  # noqa: PTH208
        ports = frozenset((address, int(port)) for address, _, port in names)
        if ports != self._ports:
            self._ports = ports
            self._heard.clear()
        if time.time_ns() - changed > _TICK_NS:
            self._changed = changed


def main(address: str, port: str, folder: str) -> None:
    """Switch until the folder is gone; end with an error where the socket is somebody else's."""
    os.chdir("/")
    switch, buffer = Switch(Path(folder)), bytearray(_LARGEST)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ports, suppress(FileNotFoundError):
        ports.bind((address, int(port)))
        sys.stdout.write(READY)
        sys.stdout.flush()
        while True:
            size, source = ports.recvfrom_into(buffer)
            frame = memoryview(buffer)[:size]
            for way in switch.ways(frame, source):
                with suppress(OSError):  # what does not go is lost, as on any LAN
                    ports.sendto(frame, way)


if __name__ == "__main__":
    main(*sys.argv[1:])
