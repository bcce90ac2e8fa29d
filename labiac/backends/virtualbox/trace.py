"""Packets of a NIC as VirtualBox itself sees them, for a machine that labiac has no way into.

It writes them to a file beside the machine while they pass, as pcap: a header of 24 bytes, then
records, each with 16 bytes of its own.
"""

from __future__ import annotations

import math
import struct
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.virtualbox import machines
from labiac.backends.virtualbox.manage import manage
from labiac.errors import BackendError
from labiac.host.signals import heeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from labiac.backends.mark import Mark

_HEADER: Final = 24
_RECORD: Final = struct.Struct("<8xI4x")
"""Of a record's header: how many bytes of the packet follow it."""
_POLL_S: Final = 0.2


def capture(mark: Mark, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
    """Write what passes *nic* of a machine to *sink* as pcap; return the packet count.

    Args:
        mark: Of the machine, which runs.
        nic: Name of one of its NICs.
        sink: Takes the packets, flushed whenever some have come.
        packets: How many at most; 0 is no limit.
        seconds: How long at most; 0 is no limit.

    Raises:
        BackendError: it is off, it has no such NIC, or VirtualBox refused.
    """
    machines.insist_on(mark)
    names = [each.name for each in mark.machine.nics]
    if nic not in names:
        problem = f"VirtualBox has no packets of {nic} alone"
        fix = f"name one of {', '.join(names)}: tagged packets are among its own"
        raise BackendError(f"virtualbox {mark.item.name}", problem, fix=fix)
    count, most, end = 0, packets or math.inf, time.monotonic() + (seconds or math.inf)
    traced = _traced(mark, names.index(nic) + 1)
    with heeded() as came, traced as file, file.open("rb") as trace, suppress(BrokenPipeError):
        while True:
            count += _copied(trace, sink, most - count)
            if came or count == most or time.monotonic() > end:
                break
            time.sleep(_POLL_S)
    return count


@contextmanager
def _traced(mark: Mark, slot: int) -> Iterator[Path]:
    """Have VirtualBox write what passes the card in *slot* to a file, while the block lasts."""
    file = machines.folder(mark.machine) / f"trace-{slot}.pcap"

    def control(word: str, value: str) -> None:
        where = f"virtualbox {mark.item.name}"
        manage("controlvm", str(mark.uuid), f"{word}{slot}", value, where=where)

    file.unlink(missing_ok=True)
    control("nictracefile", str(file))
    try:
        control("nictrace", "on")
        file.touch()  # it may come a little later
        yield file
    finally:
        control("nictrace", "off")
        file.unlink(missing_ok=True)


def _copied(trace: BinaryIO, sink: BinaryIO, most: float) -> int:
    """Copy the packets that have come since the last time to *sink*, and return how many."""
    count = 0
    if trace.tell() == 0:
        sink.write(_whole(trace, lambda _head: 0, _HEADER))
    while trace.tell() and count < most:
        packet = _whole(trace, lambda head: int(_RECORD.unpack(head)[0]), _RECORD.size)
        if not packet:
            break
        sink.write(packet)
        count += 1
    sink.flush()
    return count


def _whole(trace: BinaryIO, rest: Callable[[bytes], int], size: int) -> bytes:
    """Return the next *size* bytes and the *rest* that they tell of; nothing until all is there."""
    begin, head = trace.tell(), trace.read(size)
    if len(head) == size:
        length = rest(head)
        body = trace.read(length)
        if len(body) == length:
            return head + body
    trace.seek(begin)
    return b""
