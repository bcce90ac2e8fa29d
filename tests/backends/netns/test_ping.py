from __future__ import annotations

import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from labiac.backends.base import Ping
from labiac.backends.netns import ping
from labiac.backends.netns.enter import traveller
from labiac.backends.netns.ping import QUIET_S, measure
from labiac.errors import BackendError

PC1, PC2 = "10.0.1.11", "10.0.2.12"
LONG_S = 60
"""Longer than any measurement takes that does not wait for it, on a busy machine too."""


@pytest.fixture
def row(bench):
    """pc1 -- r1 -- pc2, dual stack; pc2 has no IPv6 route back, r1 none to 10.0.3.0/24."""
    bench.add("pc1", "r1", "pc2")
    bench.cable("pc1", "eth0", "r1", "eth0")
    bench.cable("r1", "eth1", "pc2", "eth0")
    bench.sysctl("r1", "net.ipv4.ip_forward", 1)
    bench.sysctl("r1", "net.ipv6.conf.all.forwarding", 1)
    for name, nic, number, host in (
        ("pc1", "eth0", 1, 11),
        ("r1", "eth0", 1, 1),
        ("r1", "eth1", 2, 1),
        ("pc2", "eth0", 2, 12),
    ):
        bench.ip(name, f"addr add 10.0.{number}.{host}/24 dev {nic}")
        bench.ip(name, f"addr add fd00:0:0:{number}::{host}/64 dev {nic} nodad")
    bench.ip("pc1", "route add default via 10.0.1.1")
    bench.ip("pc1", "route add default via fd00:0:0:1::1")
    bench.ip("pc2", "route add default via 10.0.2.1")
    return bench


@pytest.fixture
def patient(monkeypatch):
    """Silence ends a measurement only after long: what ends before has not waited for it."""
    monkeypatch.setattr(ping, "QUIET_S", LONG_S)


def ask(bench, *pings, timeout_s=5.0, settle=True):
    return measure(
        bench.descriptors, [Ping(*ping) for ping in pings], timeout_s=timeout_s, settle=settle
    )


def test_every_ping_that_is_answered_is_true_in_the_order_asked(row):
    assert ask(row, ("pc1", PC2), ("pc2", PC1), ("r1", PC1), ("pc1", PC2)) == [True] * 4


def test_ipv4_and_ipv6_are_asked_in_one_go(row):
    pings = ("pc1", PC2), ("pc1", "fd00:0:0:2::1"), ("pc1", "fd00:0:0:2::12")
    assert ask(row, *pings, settle=False) == [True, True, False]


def test_a_node_answers_itself(row):
    assert ask(row, ("pc1", PC1), ("pc1", "fd00:0:0:1::11")) == [True, True]


@pytest.mark.usefixtures("patient")
def test_an_icmp_error_is_no_answer_and_ends_the_wait_early(row):
    started = time.monotonic()
    asked = ("pc1", "10.0.3.13"), ("pc1", PC2)
    assert ask(row, *asked, timeout_s=LONG_S, settle=False) == [False, True]
    assert time.monotonic() - started < LONG_S / 2


@pytest.mark.usefixtures("patient")
def test_a_node_without_a_route_gives_up_at_once(row):
    row.ip("pc1", "route del default")
    started = time.monotonic()
    assert ask(row, ("pc1", PC2), timeout_s=LONG_S, settle=False) == [False]
    assert time.monotonic() - started < LONG_S / 2


def test_silence_is_given_up_when_nothing_new_comes(row):
    row.sysctl("pc2", "net.ipv4.icmp_echo_ignore_all", 1)
    started = time.monotonic()
    asked = ("pc1", PC2), ("pc1", "10.0.1.1")
    assert ask(row, *asked, timeout_s=LONG_S, settle=False) == [False, True]
    assert QUIET_S <= time.monotonic() - started < LONG_S / 2


def test_silence_lasts_until_the_timeout_when_the_lab_is_to_settle(row):
    row.sysctl("pc2", "net.ipv4.icmp_echo_ignore_all", 1)
    started = time.monotonic()
    assert ask(row, ("pc1", PC2), timeout_s=1) == [False]
    assert 1 <= time.monotonic() - started < LONG_S / 2


def test_a_silent_address_gets_a_bounded_number_of_packets(row):
    row.sysctl("pc2", "net.ipv4.icmp_echo_ignore_all", 1)
    ask(row, ("pc1", PC2), timeout_s=2)
    names, counts = (
        line.split()
        for line in row.run_in("pc2", "cat", "/proc/net/snmp").splitlines()
        if line.startswith("Icmp:")
    )
    asked = dict(zip(names, counts, strict=True))["InEchos"]
    assert 2 <= int(asked) <= 12


def test_a_link_that_comes_up_late_is_waited_for(row):
    row.ip("r1", "link set eth1 down")
    late = threading.Timer(0.3, lambda: row.ip("r1", "link set eth1 up"))
    late.start()
    assert ask(row, ("pc1", PC2)) == [True]
    late.join()


def test_a_source_without_a_namespace_gets_no_answer(row):
    assert ask(row, ("pc1", PC2), ("pc9", PC2)) == [True, False]


def test_the_thread_is_home_again_after_a_measurement(row):
    home = Path("/proc/thread-self/ns/net").readlink()
    ask(row, ("pc1", PC2))
    assert Path("/proc/thread-self/ns/net").readlink() == home


def test_what_is_no_namespace_is_said_and_the_thread_is_home_again():
    home = Path("/proc/thread-self/ns/net").readlink()
    with Path("/dev/null").open() as null, pytest.raises(BackendError, match="/dev/null"):
        measure({"pc1": null.fileno()}, [Ping("pc1", PC2)], timeout_s=1, settle=True)
    assert Path("/proc/thread-self/ns/net").readlink() == home


@pytest.mark.parametrize(
    "lie", ["nothing", "its address", "the identifier", "the sequence", "the payload", "the type"]
)
def test_only_the_very_packet_from_the_very_address_is_an_answer(row, lie):
    row.sysctl("pc2", "net.ipv4.icmp_echo_ignore_all", 1)
    row.ip("pc2", "addr add 10.0.2.66/24 dev eth0")
    with traveller() as enter:
        enter(row.descriptors["pc2"])
        inbox = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        outbox = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    listener = threading.Thread(target=answer_once, args=(inbox, outbox, lie))
    listener.start()
    timeout_s = LONG_S if lie == "nothing" else 0.4
    assert ask(row, ("pc1", PC2), timeout_s=timeout_s) == [lie == "nothing"]
    listener.join()


def answer_once(inbox, outbox, lie):
    """Answer the first ping that comes in at *inbox*, wrongly in one respect."""
    with inbox, outbox:
        outbox.bind(("10.0.2.66" if lie == "its address" else PC2, 0))
        inbox.settimeout(LONG_S)
        packet, (asker, _) = inbox.recvfrom(2048)
        _, _, _, number, sequence = struct.unpack_from("!BBHHH", packet, 20)
        payload = packet[28:]
        echo = struct.pack(
            "!BBHHH",
            13 if lie == "the type" else 0,
            0,
            0,
            number ^ (lie == "the identifier"),
            sequence ^ (lie == "the sequence"),
        ) + (os.urandom(len(payload)) if lie == "the payload" else payload)
        outbox.sendto(echo, (asker, 0))
