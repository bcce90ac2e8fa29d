"""Routing protocols on netns: the real FRR, whose routers find each other and the way."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.netns import routing
from labiac.backends.netns.backend import NetnsBackend
from labiac.backends.netns.process import start_time
from labiac.backends.netns.user import UserBackend
from tests.backends.conftest import Labs
from tests.backends.netns.test_machines import update

ROW = {
    "pool": {"ipv4": "10.0.0.0/8", "ipv6": "fd00::/48"},
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
}
RING = {
    "lans": {"lan1": {}, "lan2": {}, "lan12": {}, "lan13": {}, "lan23": {}},
    "routers": {
        "r1": {"lans": ["lan1", "lan12", "lan13"]},
        "r2": {"lans": ["lan2", "lan12", "lan23"]},
        "r3": {"lans": ["lan13", "lan23"]},
    },
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}
CONVERGED_S = 120
SOON_S = 30

needs_frr = pytest.mark.skipif(
    routing.program("zebra") is None and not os.environ.get("CI"),
    reason="FRR is not installed: apt-get install frr",
)
pytestmark = [
    needs_frr,
    pytest.mark.skipif(os.geteuid() != 0, reason="plays root and an ordinary user"),
]


@pytest.fixture
def lab():
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()


@pytest.fixture
def users_lab(tmp_path):
    labs = Labs(UserBackend(tmp_path))
    yield labs
    labs.close()


def reached(lab, plan, source, target):
    """Return whether *target* answers *source* before routers ought to have agreed."""
    end = time.monotonic() + CONVERGED_S
    while not lab.answers(plan, source, target):
        if time.monotonic() > end:
            return False
    return True


def on(lab, plan, node, *argv):
    ran = lab.backend.execute(lab.ref(plan, node), argv, timeout_s=10)
    return (ran.stdout + ran.stderr).decode()


def two_daemons(plan, node):
    """Return what `daemons` does, once there are two: one that has just begun has no name yet."""
    end = time.monotonic() + SOON_S
    while len(found := daemons(plan, node)) != 2 and time.monotonic() < end:
        time.sleep(0.01)
    return found


def daemons(plan, node):
    """Return the process of each of FRR's daemons on *node*, by its name."""
    space = Path("/run/netns", plan.machine(node).host_name).stat().st_ino
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().partition(b"\0")[0].decode()
            if (process / "ns/net").stat().st_ino == space and "/frr/" in command:
                found[command.rpartition("/")[2]] = int(process.name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ospf", "rip", "bgp"])
def test_routers_learn_the_way_in_both_ip_versions(lab, protocol):
    plan = lab.plan({**ROW, "routing": protocol})
    assert lab.backend.check(plan) == []
    lab.up(plan)
    assert reached(lab, plan, "pc1", "pc3")
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)


def test_an_ordinary_user_has_routing_protocols_too(users_lab):
    plan = users_lab.plan({**ROW, "routing": "bgp"})
    assert users_lab.backend.check(plan) == []
    users_lab.up(plan)
    assert reached(users_lab, plan, "pc1", "pc3")
    assert "10.0.2.2" in on(users_lab, plan, "r1", "vtysh", "-c", "show bgp summary")


def test_what_a_protocol_taught_goes_with_it(lab):
    plan = lab.plan({**ROW, "routing": "bgp"})
    lab.up(plan)
    assert reached(lab, plan, "pc1", "pc3")
    assert two_daemons(plan, "r1").keys() == {"zebra", "bgpd"}
    update(lab, plan, "r1", routing="static", speaker=None)
    assert daemons(plan, "r1") == {}
    assert "10.0.3.0" not in on(lab, plan, "r1", "ip", "route")


def test_a_daemon_that_was_killed_is_drift_and_is_started_again(lab):
    plan = lab.plan({**ROW, "routing": "bgp"})
    lab.up(plan)
    os.kill(two_daemons(plan, "r1")["bgpd"], signal.SIGKILL)
    while "bgpd" in daemons(plan, "r1"):
        time.sleep(0.01)
    assert lab.read(plan, "r1") == replace(plan.machine("r1"), routing="none")
    lab.up(plan)
    assert lab.read(plan, "r1") == plan.machine("r1")
    assert two_daemons(plan, "r1").keys() == {"zebra", "bgpd"}
    assert reached(lab, plan, "pc1", "pc3")


def test_a_changed_configuration_restarts_the_daemon_that_has_it_and_no_other(lab):
    plan = lab.plan({**ROW, "routing": "bgp"})
    lab.up(plan)
    before = two_daemons(plan, "r1")
    speaker = plan.machine("r1").speaker
    update(lab, plan, "r1", speaker=replace(speaker, asn=65099))
    after = two_daemons(plan, "r1")
    assert (after["zebra"], after["bgpd"] != before["bgpd"]) == (before["zebra"], True)
    assert "router bgp 65099" in on(lab, plan, "r1", "cat", "/etc/frr/bgpd.conf")


def test_nothing_of_a_routing_protocol_is_left_on_the_host():
    there = set(Path("/var/tmp").rglob("frr/*"))  # noqa: S108 -- FRR's choice
    labs = Labs(NetnsBackend())
    plan = labs.plan({**ROW, "routing": "bgp"})
    labs.up(plan)
    processes = two_daemons(plan, "r1").values()
    labs.close()
    assert set(Path("/var/tmp").rglob("frr/*")) == there  # noqa: S108
    assert [each for each in processes if start_time(each)] == []


@pytest.mark.slow
def test_routers_find_another_way_when_a_cable_is_out(lab):
    plan = lab.plan({**RING, "routing": "ospf"})
    lab.up(plan)
    assert reached(lab, plan, "pc1", "pc2")
    for name in ("r1", "r2"):
        was = plan.machine(name)
        nics = tuple(replace(nic, connected=nic.network != "lan12") for nic in was.nics)
        update(lab, plan, name, nics=nics)
    assert reached(lab, plan, "pc1", "pc2")
    assert "10.0.23" in on(lab, plan, "r2", "ip", "route", "get", "10.0.1.11")


def test_without_frr_a_routing_protocol_is_refused_with_a_way_out(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(routing, "PLACES", (str(tmp_path),))
    found = lab.backend.check(lab.plan({**ROW, "routing": "ospf"}))
    assert {problem.where for problem in found} == {"netns r1", "netns r2"}
    assert "ospf needs FRR, and there is no zebra, ospfd, ospf6d" in found[0].problem
    assert "static" in found[0].fix
