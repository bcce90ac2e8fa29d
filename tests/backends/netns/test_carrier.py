from __future__ import annotations

import socket
import time

from labiac.backends.base import Ping
from labiac.backends.netns import carrier, netlink
from labiac.backends.netns.carrier import wait_for_carriers
from labiac.backends.netns.enter import traveller
from labiac.backends.netns.ping import measure

ROUNDS = 10  # without the wait about every third stalls for a second
STALLED_S = 0.9


def test_the_first_ping_through_new_cables_does_not_stall(bench):
    bench.add("pc1", "pc2", "switch")
    bench.ip("switch", "link add lan1 up type bridge")
    stalled = 0
    for _ in range(ROUNDS):
        for name, address in (("pc1", "10.0.1.11"), ("pc2", "10.0.1.12")):
            peer = f"peer name eth0 netns {bench.prefix}{name}"
            bench.ip("switch", f"link add {name} up master lan1 type veth {peer}")
            bench.ip(name, f"addr add {address}/24 dev eth0")
        plug_in(bench, "pc1", "pc2")
        wait_for_carriers([bench.descriptors["switch"]])
        started = time.monotonic()
        assert measure(bench.descriptors, [Ping("pc1", "10.0.1.12")], timeout_s=5, settle=True) == [
            True
        ]
        stalled += time.monotonic() - started > STALLED_S
        for name in ("pc1", "pc2"):
            bench.ip("switch", f"link del {name}")
    assert stalled < 2  # for one a busy machine will do


def test_a_cable_that_is_out_is_not_waited_for(bench, monkeypatch):
    bench.add("pc1", "switch")
    bench.cable("pc1", "eth0", "switch", "pc1")
    bench.ip("switch", "link set pc1 down")
    monkeypatch.setattr(carrier, "LONGEST_S", 60)
    started = time.monotonic()
    wait_for_carriers(bench.descriptors.values())
    assert time.monotonic() - started < 30


def plug_in(bench, *names):
    """Set eth0 up in all of *names*, with no process started in between."""
    with traveller() as enter:
        for name in names:
            enter(bench.descriptors[name])
            with netlink.Socket() as sock:
                up = netlink.change_link("eth0", socket.if_nametoindex("eth0"), up=True)
                assert sock.send([up]) == []
