"""Write the packets of a guest's NIC as pcap while they pass: its own tcpdump sees them.

Source:
    draft-ietf-opsawg-pcap: a header of 24 bytes, then records, each with 16 bytes of its own.
"""

from __future__ import annotations

import contextlib
import math
import select
import signal
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt.attached import Attached, heeded
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

_TCPDUMP: Final = ("tcpdump", "--immediate-mode", "-U", "-w", "-", "-i")
"""How tcpdump writes a packet as soon as it has it."""
_HEADER: Final = 24
"""Bytes before the first packet."""
_RECORD: Final = struct.Struct("<8xI4x")
"""Of a record's header: how many bytes of the packet follow it."""


def capture(domain: Any, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
    """Write what passes *nic* of a guest to *sink* until a limit, Ctrl-C, or the reader is gone.

    Args:
        domain: A domain that runs.
        nic: Name of the interface in the guest; capturing ends when it is removed.
        sink: Takes a pcap file, flushed whenever some of it has come.
        packets: How many packets at most; 0 is no limit.
        seconds: How long at most; 0 is no limit.

    Returns:
        How many packets were written.

    Raises:
        BackendError: there is no such interface, or no tcpdump.
    """
    argv = [*_TCPDUMP, nic, *(["-c", str(packets)] if packets else [])]
    with heeded() as came, Attached(domain, argv) as tcpdump:
        recorder = _Recorder(tcpdump, sink)
        with contextlib.suppress(BrokenPipeError):
            recorder.run(came, seconds)
    if not recorder.begun:
        said = recorder.said.decode(errors="replace").strip()
        fix = "capturing takes a NIC that is there, and tcpdump in the guest"
        raise BackendError(f"libvirt {domain.name()}", "tcpdump fails", detail=said, fix=fix)
    return recorder.packets


class _Recorder:
    """One capture under way.

    Attributes:
        begun: Whether packets may come.
        packets: How many came.
        said: What tcpdump says of itself.
    """

    def __init__(self, tcpdump: Attached, sink: BinaryIO) -> None:
        self.begun, self.packets, self.said = False, 0, b""
        self._tcpdump, self._sink = tcpdump, sink
        self._rest, self._next = b"", _HEADER
        self._reader = select.poll()
        with contextlib.suppress(OSError):  # who reads from memory never leaves
            self._reader.register(sink.fileno(), 0)

    def run(self, came: Sequence[int], seconds: float) -> None:
        """Record until a limit, or the reader or tcpdump itself is gone, or a signal *came*."""
        end = time.monotonic() + (seconds or math.inf)
        while True:
            ended = self._tcpdump.status is not None
            if not self._record() and ended:
                return
            if self._reader.poll(1000 * self._tcpdump.rest_s):
                return
            if came or time.monotonic() > end:  # tcpdump writes what it has, and ends
                self._tcpdump.signal(signal.SIGINT)

    def _record(self) -> bool:
        """Write what has come; return whether there was any."""
        out, err = self._tcpdump.hear()
        self.said += err
        if out:
            self.begun = True
            self._count(out)
            self._sink.write(out)
            self._sink.flush()
        return bool(out)

    def _count(self, out: bytes) -> None:
        self._rest += out
        while len(self._rest) >= self._next + _RECORD.size:
            self._next += _RECORD.size + _RECORD.unpack_from(self._rest, self._next)[0]
            self.packets += 1
        used = min(self._next, len(self._rest))
        self._rest, self._next = self._rest[used:], self._next - used
