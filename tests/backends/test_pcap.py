"""Packets that a tcpdump somewhere else brings: counted, passed on, and ended cleanly."""

import io
import os
import signal
import struct
import sys
import threading

import pytest

from labiac.backends import pcap
from labiac.errors import BackendError

HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
PACKETS = [struct.pack("=IIII", 1, 2, size, size) + b"x" * size for size in (60, 0, 1500)]
TCPDUMP = """
import signal, sys, time
def end(*_):
    sys.stdout.buffer.write(bytes.fromhex(sys.argv[2]))
    sys.exit()
signal.signal(signal.SIGINT, end)
sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))
sys.stdout.flush()
while True:
    time.sleep(0.05)
"""


class Interrupted(io.BytesIO):
    """Has somebody press Ctrl-C when the first piece comes."""

    def write(self, piece):
        if not self.getvalue():
            signal.raise_signal(signal.SIGINT)
        return super().write(piece)


def tcpdump(first, last=b""):
    """Return a command that says the *first*, and when it is interrupted the *last*."""
    return [sys.executable, "-c", TCPDUMP, first.hex(), last.hex()]


def capture(argv, sink):
    return pcap.capture(argv, os.environ, sink, where="here", seconds=0)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_packets_are_counted_in_whatever_pieces_they_come(size):
    whole = HEADER + b"".join(PACKETS)
    records = pcap.Records()
    assert not records.begun
    for start in range(0, len(whole), size):
        records.count(whole[start : start + size])
    assert (records.begun, records.packets) == (True, 3)


def test_what_tcpdump_still_has_when_somebody_interrupts_us_is_written_too():
    sink = Interrupted()
    assert capture(tcpdump(HEADER + PACKETS[0], PACKETS[2]), sink) == 2
    assert sink.getvalue() == HEADER + PACKETS[0] + PACKETS[2]


def test_a_reader_that_leaves_ends_it():
    read, write = os.pipe()

    def leave():
        assert os.read(read, len(HEADER)) == HEADER
        os.close(read)

    reader = threading.Thread(target=leave)
    reader.start()
    with os.fdopen(write, "wb") as sink:
        assert capture(tcpdump(HEADER), sink) == 0
    reader.join()


def test_a_tcpdump_that_fails_says_why():
    fails = [sys.executable, "-c", "import sys; sys.exit('eth7: No such device exists')"]
    with pytest.raises(BackendError, match="tcpdump fails") as caught:
        capture(fails, io.BytesIO())
    assert "eth7" in caught.value.detail


def test_a_limit_of_packets_is_tcpdumps_own():
    assert pcap.tcpdump("eth0", 3)[-4:] == ["-i", "eth0", "-c", "3"]
    assert pcap.tcpdump("eth0", 0)[-2:] == ["-i", "eth0"]
