from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from labiac.backends.netns.capture import capture
from labiac.backends.netns.enter import traveller
from labiac.errors import BackendError

LONG_S = 60
"""Longer than a capture takes that ends for a reason, on a busy machine too."""


@pytest.fixture
def pair(bench):
    """pc1 -- pc2, without IPv6's own chatter."""
    bench.add("pc1", "pc2")
    for name in ("pc1", "pc2"):
        bench.sysctl(name, "net.ipv6.conf.default.disable_ipv6", 1)
    bench.cable("pc1", "eth0", "pc2", "eth0")
    bench.ip("pc1", "addr add 10.0.1.11/24 dev eth0")
    bench.ip("pc2", "addr add 10.0.1.12/24 dev eth0")
    return bench


def ping(bench, count=1):
    bench.run_in("pc1", "ping", "-q", "-i", "0.02", "-c", str(count), "10.0.1.12")


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def read_with_tcpdump(pcap: bytes, *options):
    return subprocess.run(
        ["tcpdump", "-nn", *options, "-r", "-"], input=pcap, check=True, capture_output=True
    ).stdout.decode()


def test_tcpdump_reads_the_pings_and_their_arp(pair):
    sink = io.BytesIO()
    pinging = in_background(ping, pair, 2)
    count = capture(pair.descriptors["pc2"], "eth0", sink, packets=6, seconds=LONG_S)
    pinging.join()
    assert count == 6
    lines = read_with_tcpdump(sink.getvalue(), "-t").splitlines()
    assert lines[0].startswith("ARP, Request who-has 10.0.1.12 tell 10.0.1.11")
    assert lines[1].startswith("ARP, Reply 10.0.1.12 is-at")
    assert [line.split(",")[0] for line in lines[2:]] == [
        "IP 10.0.1.11 > 10.0.1.12: ICMP echo request",
        "IP 10.0.1.12 > 10.0.1.11: ICMP echo reply",
    ] * 2


def test_packets_carry_the_time_of_day_they_passed(pair):
    sink = io.BytesIO()
    before = time.time()
    pinging = in_background(ping, pair)
    capture(pair.descriptors["pc2"], "eth0", sink, packets=4, seconds=LONG_S)
    pinging.join()
    stamps = [
        float(line.split()[0]) for line in read_with_tcpdump(sink.getvalue(), "-tt").splitlines()
    ]
    assert before <= stamps[0] <= stamps[-1] <= time.time()
    assert stamps == sorted(stamps)


def test_a_vlan_tag_that_the_kernel_took_out_is_put_back(pair):
    frame = bytes(6 * [255]) + bytes([2, 0, 0, 0, 0, 1]) + bytes.fromhex("8100000a0800") + bytes(46)
    with traveller() as enter:
        enter(pair.descriptors["pc1"])
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sender:
        sender.bind(("eth0", 0))
        later = threading.Timer(0.1, sender.send, [frame])
        later.start()
        sink = io.BytesIO()
        assert capture(pair.descriptors["pc2"], "eth0", sink, packets=1, seconds=LONG_S) == 1
        later.join()
    assert "vlan 10" in read_with_tcpdump(sink.getvalue(), "-e")


def test_it_ends_when_its_time_is_over(pair):
    started = time.monotonic()
    sink = io.BytesIO()
    assert capture(pair.descriptors["pc2"], "eth0", sink, packets=0, seconds=0.2) == 0
    assert 0.2 <= time.monotonic() - started < LONG_S / 2
    assert read_with_tcpdump(sink.getvalue()) == ""


def test_a_reader_sees_packets_while_they_pass(pair):
    outlet, inlet = os.pipe()
    with os.fdopen(inlet, "wb") as sink, os.fdopen(outlet, "rb", buffering=0) as reader:
        pinging = in_background(ping, pair, 50)
        capturing = in_background(
            lambda: capture(pair.descriptors["pc2"], "eth0", sink, packets=0, seconds=LONG_S)
        )
        assert len(reader.read(24)) == 24
        reader.read(65536)
        assert pinging.is_alive()
        assert capturing.is_alive()
        pinging.join()
        reader.close()
        capturing.join()


def test_it_ends_when_the_reader_leaves_though_no_packet_passes(pair):
    outlet, inlet = os.pipe()
    with os.fdopen(inlet, "wb") as sink:
        threading.Timer(0.1, os.close, [outlet]).start()
        started = time.monotonic()
        assert capture(pair.descriptors["pc2"], "eth0", sink, packets=0, seconds=LONG_S) == 0
        assert time.monotonic() - started < LONG_S / 2


def test_ctrl_c_ends_it_with_a_whole_file(pair):
    path = f"/run/netns/{pair.prefix}pc2"
    program = (
        "import os, sys; from labiac.backends.netns.capture import capture; "
        "count = capture(os.open(sys.argv[1], 0), 'eth0', sys.stdout.buffer, packets=0, seconds=0);"
        "print(count, file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    header = process.stdout.read(24)
    ping(pair)
    process.send_signal(signal.SIGINT)
    pcap, said = process.communicate(timeout=LONG_S)
    assert (process.returncode, said) == (0, b"4\n")
    assert len(read_with_tcpdump(header + pcap).splitlines()) == 4


def test_a_nic_that_goes_down_and_up_is_still_listened_to(pair):
    def blink():
        pair.ip("pc2", "link set eth0 down")
        pair.ip("pc2", "link set eth0 up")
        ping(pair)

    sink = io.BytesIO()
    blinking = in_background(blink)
    assert capture(pair.descriptors["pc2"], "eth0", sink, packets=4, seconds=LONG_S) == 4
    blinking.join()


def test_it_ends_when_the_nic_is_removed(pair):
    removing = threading.Timer(0.1, pair.ip, ["pc2", "link del eth0"])
    removing.start()
    started = time.monotonic()
    assert capture(pair.descriptors["pc2"], "eth0", io.BytesIO(), packets=0, seconds=LONG_S) == 0
    assert time.monotonic() - started < LONG_S / 2
    removing.join()


def test_a_nic_that_is_not_there_is_said(pair):
    with pytest.raises(BackendError, match="eth7: can't be listened to: No such device"):
        capture(pair.descriptors["pc2"], "eth7", io.BytesIO(), packets=0, seconds=1)
