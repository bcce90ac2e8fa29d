"""Write the packets of a NIC as pcap, while they pass."""

from __future__ import annotations

import contextlib
import errno
import math
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

from labiac.backends.netns.enter import traveller
from labiac.errors import BackendError

if TYPE_CHECKING:
    from typing import BinaryIO

LONGEST: Final = 262_144
"""Bytes of a packet that are kept: libpcap's own limit, more than any segment offload makes."""

BATCH: Final = 256
"""Packets written before the time limit is looked at again, and the sink flushed."""

_HEADER: Final = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, LONGEST, 1)
"""Nanosecond pcap 2.4 of Ethernet frames (draft-ietf-opsawg-pcap)."""
_RECORD: Final = struct.Struct("=IIII")

# Of <linux/if_ether.h>, <asm/socket.h> and <linux/if_packet.h>; Python's socket lacks them.
_ETH_P_ALL: Final = 3
_SO_TIMESTAMPNS: Final = 35
_SOL_PACKET: Final = 263
_PACKET_AUXDATA: Final = 8
_TIMESPEC: Final = struct.Struct("@ll")
_AUXDATA: Final = struct.Struct("@I12xHH")
_VLAN_VALID: Final = 1 << 4
_ANCILLARY: Final = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_AUXDATA.size)


def capture(namespace: int, interface: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
    """Write what passes *interface* to *sink* until a limit, Ctrl-C, or the reader is gone.

    Args:
        namespace: Open network namespace of the interface.
        interface: Its name in there; capturing ends when it is removed.
        sink: Takes a pcap file, flushed whenever no packet waits, so that a reader sees it live.
        packets: How many packets at most; 0 is no limit.
        seconds: How long at most; 0 is no limit.

    Returns:
        How many packets were written.

    Raises:
        BackendError: there is no such interface, or it can't be listened to.
    """
    with _listen(namespace, interface) as tap:
        recorder = _Recorder(tap, sink, packets)
        with contextlib.suppress(BrokenPipeError):
            recorder.run(seconds)
        return recorder.count


def _listen(namespace: int, interface: str) -> socket.socket:
    with traveller() as enter:
        enter(namespace)
        # Protocol 0 hears nothing; bind() names the interface and the protocol in one step.
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tap.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        tap.bind((interface, _ETH_P_ALL))
    except OSError as error:
        tap.close()
        raise BackendError(
            f"netns {interface}", f"can't be listened to: {error.strerror}"
        ) from error
    return tap


class _Recorder:
    """One capture under way."""

    def __init__(self, tap: socket.socket, sink: BinaryIO, packets: int) -> None:
        self.count = 0
        self._tap, self._sink, self._packets = tap, sink, packets
        self._buffer = bytearray(LONGEST)

    def run(self, seconds: float) -> None:
        """Record until a limit or Ctrl-C, or the NIC or the reader is gone."""
        try:
            self._record(seconds)
        except KeyboardInterrupt:
            self._drain()  # what passed before it and waits
            self._sink.flush()

    def _record(self, seconds: float) -> None:
        deadline = time.monotonic() + (seconds or math.inf)
        self._sink.write(_HEADER)
        self._sink.flush()
        poller = select.poll()
        poller.register(self._tap, select.POLLIN)
        reader = _descriptor(self._sink)
        if reader is not None:  # hears of a reader that leaves although no packet passes
            poller.register(reader, 0)
        while self._wants_more() and (left_s := deadline - time.monotonic()) > 0:
            ready = dict(poller.poll(left_s * 1000 if seconds else None))
            if reader in ready or not self._drain():
                return
            self._sink.flush()

    def _wants_more(self) -> bool:
        return not self._packets or self.count < self._packets

    def _drain(self) -> bool:
        """Write the packets that wait, a batch of them; return False once the NIC is gone."""
        for _ in range(BATCH):
            if not self._wants_more():
                break
            try:
                size, ancillary, _, _ = self._tap.recvmsg_into([self._buffer], _ANCILLARY)
            except BlockingIOError:
                return True
            except OSError as error:  # the NIC went down; it may come back, unless it has no name
                return error.errno == errno.ENETDOWN and bool(self._tap.getsockname()[0])
            self._write(memoryview(self._buffer)[:size], ancillary)
        return True

    def _write(self, frame: memoryview, ancillary: list[tuple[int, int, bytes]]) -> None:
        seconds, nanoseconds, tag = 0, 0, b""
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(data)
            elif (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
                tag = _vlan_tag(data)
        length = len(frame) + len(tag)
        header = _RECORD.pack(seconds, nanoseconds, length, length)
        # In one piece: a Ctrl-C between two would leave half a record.
        self._sink.write(b"".join((header, frame[:12], tag, frame[12:])))
        self.count += 1


def _vlan_tag(auxiliary: bytes) -> bytes:
    """Return the 802.1Q tag that the kernel took out of a frame, to be put back, or nothing."""
    status, tci, tpid = _AUXDATA.unpack(auxiliary)
    return struct.pack("!HH", tpid or 0x8100, tci) if status & _VLAN_VALID else b""


def _descriptor(sink: BinaryIO) -> int | None:
    try:
        return sink.fileno()
    except OSError:  # in memory
        return None
