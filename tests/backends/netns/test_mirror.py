"""An IDS on namespaces: it sees each frame of the LANs it watches once, and nobody sees it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from labiac.backends.netns import features
from labiac.backends.netns.backend import NetnsBackend
from labiac.backends.netns.user import UserBackend
from tests.backends.conftest import Labs
from tests.backends.netns.test_machines import on, update
from tests.backends.netns.test_middleboxes import captured, pings

LAB = {
    "pool": {"ipv6": "fd00::/48"},
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "middleboxes": {"ids9": {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan1"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}, "pc3": {"lan": "lan2"}},
}
PC2, PC3, IDS9 = "10.0.1.12", "10.0.2.13", "10.0.2.9"
UNWATCHED = {**LAB, "middleboxes": {}}


@pytest.fixture(params=["root", "user"])
def lab(request, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("plays root and an ordinary user, which takes root")
    labs = Labs(NetnsBackend() if request.param == "root" else UserBackend(tmp_path))
    yield labs
    labs.close()


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("looks at the namespaces of root's labs")
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()


def heard(lab, plan, nic, *addresses, source="pc1", node="ids9"):
    """Ping *addresses* from *source*; return the ICMP messages that *nic* heard, in words."""
    with captured(lab, plan, node, nic, seconds=1) as sink:
        assert all(pings(lab, plan, source, *addresses))
    reading = ["tcpdump", "-nr", "-", "icmp or icmp6[0] == 128 or icmp6[0] == 129"]
    seen = subprocess.run(reading, input=sink.getvalue(), capture_output=True, check=True)
    return [
        line.partition(" ")[2].partition(", id")[0] for line in seen.stdout.decode().split("\n")
    ]


def echoes(said):
    return sum("echo request" in line for line in said), sum("echo reply" in line for line in said)


def test_an_ids_sees_each_frame_of_its_lan_once_and_none_of_another(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    assert echoes(heard(lab, plan, "eth0", PC2)) == (1, 1)
    assert echoes(heard(lab, plan, "eth0", "fd00:0:0:1::12")) == (1, 1)
    assert echoes(heard(lab, plan, "eth0", PC3)) == (1, 1)
    assert echoes(heard(lab, plan, "eth0", PC3, source="r1")) == (0, 0)
    assert [lab.read(plan, each) for each in plan.machines] == list(plan.machines)
    assert [lab.read(plan, each) for each in plan.networks] == list(plan.networks)


def test_a_nic_of_an_ids_in_a_lan_that_it_does_not_watch_is_that_of_any_node(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    assert pings(lab, plan, "pc1", IDS9) == [True]
    assert echoes(heard(lab, plan, "eth1", PC2)) == (0, 0)


def test_nobody_gets_a_frame_that_an_ids_sends_where_it_listens(root):
    plan = root.plan(LAB)
    root.up(plan)
    on(plan, "ids9", "ip", "address", "add", "10.0.1.99/24", "dev", "eth0")
    assert pings(root, plan, "pc1", "10.0.1.99") == [False]
    assert pings(root, plan, "ids9", PC2, PC3) == [False, True]


def test_two_who_listen_hear_the_same_and_not_each_other(root):
    other = {"role": "ids", "lans": ["lan1"], "watches": ["lan1"]}
    plan = root.plan({**LAB, "middleboxes": {**LAB["middleboxes"], "ids8": other}})
    root.up(plan)
    assert echoes(heard(root, plan, "eth0", PC2)) == (1, 1)
    assert echoes(heard(root, plan, "eth0", PC2, node="ids8")) == (1, 1)
    for node, address in (("ids8", "10.0.1.98/24"), ("ids9", "10.0.1.99/24")):
        on(plan, node, "ip", "address", "add", address, "dev", "eth0")
    assert pings(root, plan, "ids8", "10.0.1.99") == [False]


def test_a_lan_is_watched_and_no_more_while_it_runs(lab):
    before, plan = lab.plan(UNWATCHED), lab.plan(LAB)
    lab.up(before)
    lan, bare = plan.networks[0], before.networks[0]
    ref = lab.ref(plan, lan)
    assert lab.backend.update(ref, bare, lan).item == lan
    assert lab.read(plan, lan) == lan
    lab.up(plan)
    assert echoes(heard(lab, plan, "eth0", PC2)) == (1, 1)
    assert lab.backend.update(ref, lan, bare).item == bare
    lab.backend.delete(lab.ref(plan, "ids9"))
    assert lab.read(plan, lan) == bare
    assert pings(lab, plan, "pc1", PC2) == [True]


def test_who_is_plugged_in_later_is_heard_too(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    pc3 = plan.machine("pc3")
    moved = replace(pc3.nics[0], network="lan1", addresses=("10.0.1.13/24",))
    update(lab, plan, "pc3", nics=(moved,), routes=())
    assert lab.read(plan, plan.networks[0]) == plan.networks[0]
    assert echoes(heard(lab, plan, "eth0", PC2, source="pc3")) == (1, 1)
    was = replace(pc3, nics=(moved,), routes=())
    lab.backend.update(lab.ref(plan, pc3), was, pc3)
    assert echoes(heard(lab, plan, "eth0", PC3, source="r1")) == (0, 0)


def test_an_ids_watches_another_lan_while_it_runs(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    swapped = {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan2"]}
    now = lab.plan({**LAB, "middleboxes": {"ids9": swapped}})
    now = replace(now, student=plan.student)
    for was, lan in zip(plan.networks, now.networks, strict=True):
        lab.backend.update(lab.ref(plan, was), was, lan)
    was, ids = plan.machine("ids9"), now.machine("ids9")
    assert lab.backend.update(lab.ref(plan, was), was, ids).item == ids
    assert lab.read(plan, ids) == ids
    assert echoes(heard(lab, plan, "eth0", PC2)) == (0, 0)
    assert echoes(heard(lab, plan, "eth1", PC3)) == (1, 1)
    assert [lab.read(plan, each) for each in now.networks] == list(now.networks)


@pytest.mark.parametrize(
    "command",
    [
        "tc qdisc del dev pc1.eth0 ingress",
        "tc filter del dev pc2.eth0 ingress",
        "ip link del +lan1",
        "ip link set +lan1 down",
    ],
)
def test_a_lan_that_copies_no_more_shows_and_up_mends_it(root, command):
    plan = root.plan(LAB)
    root.up(plan)
    lans = f"{plan.lab}-{plan.student}~lans"
    subprocess.run(["ip", "netns", "exec", lans, *command.split()], check=True)
    lan = plan.networks[0]
    assert root.read(plan, lan) == replace(lan, watched=False)
    root.up(plan)
    assert [root.read(plan, each) for each in plan.networks] == list(plan.networks)
    assert root.read(plan, "ids9") == plan.machine("ids9")
    assert echoes(heard(root, plan, "eth0", PC2)) == (1, 1)


def test_a_cable_that_was_plugged_into_the_lan_itself_shows_and_up_mends_it(root):
    plan = root.plan(LAB)
    root.up(plan)
    lans = f"{plan.lab}-{plan.student}~lans"
    command = "ip link set ids9.eth0 master lan1"
    subprocess.run(["ip", "netns", "exec", lans, *command.split()], check=True)
    ids = plan.machine("ids9")
    assert root.read(plan, "ids9").nics == (replace(ids.nics[0], listens=False), ids.nics[1])
    root.up(plan)
    assert root.read(plan, "ids9") == ids
    assert echoes(heard(root, plan, "eth0", PC2)) == (1, 1)


def test_what_the_host_says_in_a_lan_is_heard(root):
    lans = {**LAB["lans"], "lan1": {"type": "host"}}
    plan = root.plan({**LAB, "lans": lans, "routers": {}})
    assert root.backend.check(plan) == []
    root.up(plan)
    assert echoes(heard(root, plan, "eth0", "10.0.1.1")) == (1, 1)


def test_mirroring_is_refused_by_name_where_the_kernel_lacks_it(root, monkeypatch):
    plan = root.plan(LAB)
    assert root.backend.check(plan) == []
    monkeypatch.setattr(features, "has", lambda feature: feature != "mirror")
    (problem,) = root.backend.check(plan)
    assert problem.where == "netns lan1"
    assert "CONFIG_NET_ACT_MIRRED" in problem.problem


def test_an_ids_on_a_bridged_lan_is_refused_with_a_way_out(root):
    plan = root.plan(LAB)
    lans = (replace(plan.networks[0], type="bridged", interface="lo"), plan.networks[1])
    (problem,) = root.backend.check(replace(plan, networks=lans))
    assert (problem.where, problem.field) == ("netns ids9", "middleboxes.ids9.nics[0].lan")
    assert "an IDS can't listen to lan1" in problem.problem
    assert "internal" in problem.fix
