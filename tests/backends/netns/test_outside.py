"""LANs that touch the host, inside a namespace that plays it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from labiac.backends.base import Copy
from labiac.backends.netns.backend import NetnsBackend
from labiac.backends.netns.enter import traveller
from labiac.backends.netns.places import host_end
from labiac.errors import ForeignError
from tests.backends.conftest import Labs

OUTSIDE, HOST = "192.0.2.2", "192.0.2.1"
WAIT_S = 30
SERVER = """
import socket
server = socket.create_server(("", 80))
while True:
    server.accept()[0].sendall(b"hello")
"""
WEB = [sys.executable, "-c", SERVER]


@pytest.fixture
def host(bench):
    """A namespace with one link to the outside; this thread is in it, as labiac would be."""
    bench.add("host", "outside")
    bench.cable("host", "up0", "outside", "eth0")
    bench.ip("host", f"addr add {HOST}/24 dev up0")
    bench.ip("outside", f"addr add {OUTSIDE}/24 dev eth0")
    with traveller() as enter:
        enter(bench.descriptors["host"])
        yield bench


@pytest.fixture
def lab(host):
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()
    assert not [line for line in host.run_in("host", "ip", "link") if "labiac-" in line]
    assert nft() == ""


def nft():
    return subprocess.run(
        ["nft", "list", "ruleset"], check=True, capture_output=True, text=True
    ).stdout


def reaches(lab, plan, source, address):
    ran = lab.backend.execute(
        lab.ref(plan, source), ["ping", "-c", "3", "-i", "0.2", "-W", "1", address], timeout_s=10
    )
    return ran.status == 0


def greeting(address, port):
    """Return what a server says, trying until it is there."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((address, port), 1) as line:
            return line.recv(10)
        time.sleep(0.05)
    return b""


def test_the_host_has_an_address_in_a_host_lan_and_no_way_through(lab):
    lans = {"lan1": {"type": "host"}, "lan2": {"type": "host"}}
    plan = lab.plan({"lans": lans, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}}})
    lab.up(plan)
    assert [lab.read(plan, item) for item in plan.networks] == list(plan.networks)
    assert reaches(lab, plan, "pc1", "10.0.1.1")
    assert not lab.answers(plan, "pc1", "pc2")


def test_the_host_is_the_router_of_lans_that_say_so(lab):
    lan = {"type": "host", "host": {"router": True}}
    plan = lab.plan(
        {
            "lans": {"lan1": lan, "lan2": lan},
            "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
        }
    )
    lab.up(plan)
    assert lab.answers(plan, "pc1", "pc2")


def test_a_host_lan_of_a_second_copy_is_refused_while_the_first_has_its_subnet(lab):
    description = {"lans": {"lan1": {"type": "host"}}, "pcs": {"pc1": {"lan": "lan1"}}}
    first, second = (lab.plan(description, student) for student in ("ana", "luis"))
    lab.up(first)
    assert not lab.backend.check(first)
    (problem,) = lab.backend.check(second)
    assert (problem.where, problem.field) == ("netns lan1", "lans.lan1")
    assert f"has 10.0.1.1/24 in lan1 of {first.lab} of ana already" in problem.problem
    assert problem.fix.endswith(f"labiac destroy --lab {first.lab} --student ana")


def test_a_host_lan_in_a_subnet_of_a_link_of_the_hosts_is_refused(lab):
    lan = {"type": "host", "ipv4": "192.0.2.128/25"}
    plan = lab.plan({"lans": {"lan1": lan}, "pcs": {"pc1": {"lan": "lan1"}}})
    (problem,) = lab.backend.check(plan)
    assert f"has {HOST}/24 on up0 already" in problem.problem


def test_a_nic_whose_nat_of_its_own_would_be_in_a_subnet_of_the_hosts_is_refused(lab, host):
    plan = lab.plan({"pcs": {"pc1": {"nics": [{"attach": "nat"}]}}})
    assert not lab.backend.check(plan)
    gateway = ip_interface(plan.machine("pc1").nics[0].addresses[0]).network[1]
    host.ip("host", f"address add {gateway}/30 dev up0")
    (problem,) = lab.backend.check(plan)
    assert problem.field == "pcs.pc1.nics[0]"
    assert f"has {gateway}/30 on up0 already" in problem.problem


def test_a_host_end_that_was_changed_by_hand_shows_and_is_mended(lab, host):
    plan = lab.plan({"lans": {"lan1": {"type": "host"}}, "pcs": {"pc1": {"lan": "lan1"}}})
    lab.up(plan)
    name = host_end(plan.networks[0].host_name)
    host.run_in("host", "ip", "address", "del", "10.0.1.1/24", "dev", name)
    assert lab.read(plan, plan.networks[0]).host_addresses == ()
    lab.up(plan)
    assert lab.read(plan, plan.networks[0]) == plan.networks[0]
    assert reaches(lab, plan, "pc1", "10.0.1.1")


def test_a_nat_lan_reaches_the_outside_and_is_hidden(lab):
    plan = lab.plan({"lans": {"lan1": {"type": "nat"}}, "pcs": {"pc1": {"lan": "lan1"}}})
    lab.up(plan)
    assert reaches(lab, plan, "pc1", OUTSIDE)  # which has no route back to 10.0.1.0/24


def test_a_port_of_the_host_leads_to_a_guest(lab, host):
    forwards = [
        {"host_port": 8080, "to": "pc1", "port": 80},
        {"host_port": 8081, "to": "pc1", "port": 80, "host_address": "0.0.0.0"},  # noqa: S104  # inside a namespace
    ]
    plan = lab.plan(
        {
            "lans": {"lan1": {"type": "nat", "forwards": forwards}},
            "pcs": {"pc1": {"lan": "lan1", "services": {"web": {"command": WEB}}}},
        }
    )
    lab.up(plan)
    assert greeting("127.0.0.1", 8080) == b"hello"
    assert greeting(HOST, 8081) == b"hello"
    with traveller() as enter:
        enter(host.descriptors["outside"])
        assert greeting(HOST, 8081) == b"hello"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((HOST, 8080), 1)


def test_an_update_changes_the_forwards_and_leaves_the_lan(lab):
    plan = lab.plan({"lans": {"lan1": {"type": "nat"}}, "pcs": {"pc1": {"lan": "lan1"}}})
    lab.up(plan)
    was = plan.networks[0]
    now = replace(was, type="internal", host_addresses=(), host_routes=False)
    lab.backend.update(lab.ref(plan, was), was, now)
    assert nft() == ""
    assert not reaches(lab, plan, "pc1", OUTSIDE)
    lab.backend.update(lab.ref(plan, was), now, was)
    assert reaches(lab, plan, "pc1", OUTSIDE)


def test_a_nic_has_a_nat_of_its_own(lab):
    plan = lab.plan(
        {"pcs": {"pc1": {"nics": [{"attach": "nat"}]}, "pc2": {"nics": [{"attach": "nat"}]}}}
    )
    lab.up(plan)
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert reaches(lab, plan, "pc1", OUTSIDE)
    lab.backend.delete(lab.ref(plan, "pc1"))
    assert reaches(lab, plan, "pc2", OUTSIDE)


def test_a_bridged_lan_is_the_physical_link(lab):
    plan = lab.plan(
        {
            "lans": {"lan1": {"type": "bridged", "interface": "up0", "ipv4": "192.0.2.0/24"}},
            "pcs": {
                "pc1": {"lan": "lan1", "ipv4": "192.0.2.11"},
                "pc2": {"lan": "lan1", "ipv4": "192.0.2.12"},
            },
        }
    )
    assert lab.backend.check(plan) == []
    lab.up(plan)
    assert [lab.read(plan, item) for item in plan.networks] == list(plan.networks)
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert reaches(lab, plan, "pc1", OUTSIDE)
    assert lab.answers(plan, "pc1", "pc2")
    lab.backend.delete(lab.ref(plan, "pc1"))
    assert not lab.answers(plan, "pc2", "pc1")


def test_a_physical_link_that_is_not_there_is_a_problem(lab):
    plan = lab.plan(
        {
            "lans": {"lan1": {"type": "bridged", "interface": "up9", "ipv4": "192.0.2.0/24"}},
            "pcs": {"pc1": {"lan": "lan1"}},
        }
    )
    (problem,) = lab.backend.check(plan)
    assert "up9" in problem.problem


def test_an_interface_that_is_not_ours_is_refused_and_left_alone(lab, host):
    plan = lab.plan({"lans": {"lan1": {"type": "host"}}, "pcs": {"pc1": {"lan": "lan1"}}})
    name = host_end(plan.networks[0].host_name)
    host.ip("host", f"link add {name} type bridge")
    host.run_in("host", "ip", "link", "set", name, "alias", "mine")
    with pytest.raises(ForeignError, match=name):
        lab.backend.create(Copy(plan.lab, plan.student), plan.networks[0])
    lab.down(plan)
    assert name in host.run_in("host", "ip", "link", "show", name)
    host.ip("host", f"link del {name}")
