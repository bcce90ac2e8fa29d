"""Packets of a node that its own tcpdump sees, as pcap, while they pass.

Source:
    draft-ietf-opsawg-pcap: a header of 24 bytes, then records, each with 16 bytes of its own.
"""

from __future__ import annotations

import math
import os
import select
import signal
import struct
import time
from contextlib import suppress
from subprocess import TimeoutExpired
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from labiac.backends import run
from labiac.errors import BackendError
from labiac.host.signals import heeded

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

_TCPDUMP: Final = ("tcpdump", "--immediate-mode", "-U", "-w", "-", "-i")
"""How tcpdump writes a packet as soon as it has it."""
_HEADER: Final = 24
"""Bytes before the first packet."""
_RECORD: Final = struct.Struct("<8xI4x")
"""Of a record's header: how many bytes of the packet follow it."""
_MOST: Final = 1 << 16
_TICK_MS: Final = 200
_END_S: Final = 10
"""How long a tcpdump may take to end that was asked to."""


def tcpdump(nic: str, packets: int) -> list[str]:
    """Return the command that writes what passes *nic*, up to so many *packets*; 0 is no limit."""
    return [*_TCPDUMP, nic, *(["-c", str(packets)] if packets else [])]


def refused(where: str, said: bytes) -> BackendError:
    """Return that no packet can be captured, for what tcpdump *said* of itself."""
    detail = said.decode(errors="replace").strip()
    fix = "capturing takes a NIC that is there, and tcpdump in the guest"
    return BackendError(where, "tcpdump fails", detail=detail, fix=fix)


class Records:
    """Counts the packets in pcap that comes piece by piece.

    Attributes:
        begun: Whether packets may come.
        packets: How many came.
    """

    def __init__(self) -> None:
        self.begun, self.packets = False, 0
        self._rest, self._next = b"", _HEADER

    def count(self, piece: bytes) -> None:
        """Take note of the next *piece*."""
        self.begun = True
        self._rest += piece
        while len(self._rest) >= self._next + _RECORD.size:
            self._next += _RECORD.size + _RECORD.unpack_from(self._rest, self._next)[0]
            self.packets += 1
        used = min(self._next, len(self._rest))
        self._rest, self._next = self._rest[used:], self._next - used


def capture(
    argv: Sequence[str],
    environment: Mapping[str, str],
    sink: BinaryIO,
    *,
    where: str,
    seconds: float,
) -> int:
    """Write what *argv* brings of a tcpdump on a node to *sink*; return the packet count.

    It ends with tcpdump, after so many *seconds* (0 is no limit), with Ctrl-C, or when the reader
    is gone.

    Args:
        argv: A command of this machine, which ends tcpdump when it is interrupted itself.
        environment: Variables of it.
        sink: Takes a pcap file, flushed whenever some of it has come.
        where: The node, as errors call it.
        seconds: How long at most.

    Raises:
        BackendError: there is no such interface, or no tcpdump.
    """
    records = Records()
    with heeded() as came, TemporaryFile() as said:
        with run.partner(argv, environment=environment, errors=said) as process:
            try:
                with suppress(BrokenPipeError):
                    _copy(process, sink, records, came, seconds)
                process.send_signal(signal.SIGINT)
                process.wait(_END_S)
            except TimeoutExpired:
                process.kill()
        if not records.begun:
            said.seek(0)
            raise refused(where, said.read())
    return records.packets


def _copy(
    process: subprocess.Popen[bytes],
    sink: BinaryIO,
    records: Records,
    came: Sequence[int],
    seconds: float,
) -> None:
    """Copy what comes to *sink* until it ends, or who reads it is gone."""
    end, output = time.monotonic() + (seconds or math.inf), _descriptor(process.stdout)
    gone = _descriptor(sink)
    poller = select.poll()
    poller.register(output, select.POLLIN)
    if gone >= 0:  # hears of a reader that leaves although no packet passes
        poller.register(gone, 0)
    asked = False
    while True:
        ready = dict(poller.poll(_TICK_MS))
        if output in ready:
            piece = os.read(output, _MOST)
            if not piece:
                return
            records.count(piece)
            sink.write(piece)
            sink.flush()
        now = time.monotonic()
        if gone in ready or (asked and now > end):
            return
        if not asked and (came or now > end):  # tcpdump writes what it has, and ends
            process.send_signal(signal.SIGINT)
            asked, end = True, now + _END_S


def _descriptor(file: IO[bytes] | None) -> int:
    """Return the descriptor of *file*, or -1: who reads from memory never leaves."""
    try:
        return file.fileno() if file else -1
    except OSError:
        return -1
