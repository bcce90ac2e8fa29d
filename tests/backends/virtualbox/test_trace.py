"""Packets that VirtualBox itself writes down: here three of them, by the tests' own hand."""

from __future__ import annotations

import io

import pytest

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import marks
from labiac.errors import BackendError
from tests.backends.virtualbox.powered import PACKET, PCAP

pytestmark = pytest.mark.slow

LAB = {
    "management": "none",
    "lans": {"lan1": {}, "lan2": {}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1"}, {"lan": "lan2"}]}},
}


@pytest.fixture
def pc1(virtualbox, lab, power):
    """A machine that is on, and into which labiac has no way."""
    made = lab(LAB)
    made.up()
    ref = made.ref(made.plan.machine("pc1"))
    virtualbox.start(ref)
    power.calls()
    return ref


def test_virtualbox_writes_the_packets_of_a_nic_until_there_are_enough(virtualbox, pc1, power):
    sink = io.BytesIO()
    assert virtualbox.capture(pc1, "eth1", sink, packets=2, seconds=0) == 2
    assert sink.getvalue() == PCAP + 2 * PACKET
    uuid = str(uuid_of(pc1))
    first, second, last = power.calls("controlvm")
    assert first.startswith(f"controlvm {uuid} nictracefile2 ")
    assert (second, last) == (f"controlvm {uuid} nictrace2 on", f"controlvm {uuid} nictrace2 off")
    assert list(marks.machines().glob("*/trace-*")) == []


def test_half_a_packet_waits_for_its_rest(virtualbox, pc1):
    sink = io.BytesIO()
    assert virtualbox.capture(pc1, "eth0", sink, packets=0, seconds=0.5) == 3
    assert sink.getvalue() == PCAP + 3 * PACKET


def test_a_reader_that_is_gone_ends_it_and_the_trace(virtualbox, pc1, power):
    class Gone(io.BytesIO):
        def write(self, _data):
            raise BrokenPipeError

    assert virtualbox.capture(pc1, "eth0", Gone(), packets=0, seconds=0) == 0
    assert power.calls("controlvm")[-1].endswith("nictrace1 off")


def test_a_tagged_interface_has_no_packets_of_its_own_there(virtualbox, pc1):
    with pytest.raises(BackendError, match=r"no packets of eth0\.10 alone"):
        virtualbox.capture(pc1, "eth0.10", io.BytesIO(), packets=1, seconds=0)
