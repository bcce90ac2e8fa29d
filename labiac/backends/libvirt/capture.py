"""Write the packets of a guest's NIC as pcap while they pass: its own tcpdump sees them."""

from __future__ import annotations

import contextlib
import math
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from labiac.backends.libvirt.attached import Attached
from labiac.backends.pcap import Records, refused, tcpdump
from labiac.host.signals import heeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO


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
    with heeded() as came, Attached(domain, tcpdump(nic, packets)) as command:
        recorder = _Recorder(command, sink)
        with contextlib.suppress(BrokenPipeError):
            recorder.run(came, seconds)
    if not recorder.records.begun:
        raise refused(f"libvirt {domain.name()}", recorder.said)
    return recorder.records.packets


class _Recorder:
    """One capture under way.

    Attributes:
        records: What came.
        said: What tcpdump says of itself.
    """

    def __init__(self, command: Attached, sink: BinaryIO) -> None:
        self.records, self.said = Records(), b""
        self._tcpdump, self._sink = command, sink
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
            self.records.count(out)
            self._sink.write(out)
            self._sink.flush()
        return bool(out)
