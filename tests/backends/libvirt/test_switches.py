"""A LAN with VLANs on guests: a switch that boots, and a node with a trunk and two access ports.

The node plays the router on a stick and, in namespaces of their own, two PCs: two guests will do.
The sentences come in the order in which a lab lives.
"""

import pytest

from .guests import Lab, left

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(3600)]

STICK = {
    "defaults": {"memory_mib": 256},
    "lans": {"campus": {"ipv4": "none", "vlans": {"red": 10, "blue": 20}}},
    "routers": {
        "r1": {
            "nics": [
                {"lan": "campus", "trunk": ["red", "blue"]},
                {"lan": "campus", "access": "red", "ipv4": "none"},
                {"lan": "campus", "access": "blue", "ipv4": "none"},
            ]
        }
    },
}
BOTH_BLUE = {
    **STICK,
    "routers": {
        "r1": {
            "nics": [
                {"lan": "campus", "trunk": ["red", "blue"]},
                {"lan": "campus", "access": "blue", "ipv4": "none"},
                {"lan": "campus", "access": "blue", "ipv4": "none"},
            ]
        }
    },
}


@pytest.fixture(scope="module")
def lab():
    lab = Lab(STICK)
    assert lab.backend.check(lab.plan) == []
    try:
        lab.up()
        for space, nic, vlan in (("one", "eth1", 10), ("two", "eth2", 20)):
            lab.must("r1", "ip", "netns", "add", space)
            lab.must("r1", "ip", "link", "set", nic, "netns", space)
            inside = ("ip", "-n", space)
            lab.must("r1", *inside, "address", "add", f"10.0.{vlan}.50/24", "dev", nic)
            lab.must("r1", *inside, "link", "set", nic, "up")
            lab.must("r1", *inside, "route", "add", "default", "via", f"10.0.{vlan}.1")
        yield lab
    finally:
        lab.down()
    assert left(lab) == []


def hears(lab, space, address):
    """Return the TTL with which *address* answers who is in *space*, or nothing."""
    ping = ("ping", "-n", "-c", "3", "-i", "0.5", "-W", "5", address)
    said = lab.says("r1", "ip", "netns", "exec", space, *ping).stdout.decode()
    return said.partition("ttl=")[2].split(" ")[0]


def ports(lab):
    """Return what the switch says of its ports: name to lines."""
    found = {}
    for line in lab.must("campus", "bridge", "vlan", "show").splitlines()[1:]:
        words = line.split()
        if not line[0].isspace():
            name = words.pop(0)
        found.setdefault(name, []).append(" ".join(words))
    return found


ACCESS = {10: ["10 PVID Egress Untagged"], 20: ["20 PVID Egress Untagged"]}


def test_each_port_takes_what_the_plan_says_and_the_bridge_itself_nothing(lab):
    assert ports(lab) == {"r1_eth0": ["10", "20"], "r1_eth1": ACCESS[10], "r1_eth2": ACCESS[20]}


def test_a_switch_reads_as_it_was_planned(lab):
    switch = lab.plan.machine("campus")
    assert (lab.read(switch).item, lab.read(switch).running) == (switch, True)


def test_a_router_on_a_stick_is_one_hop_between_its_vlans(lab):
    assert hears(lab, "one", "10.0.10.1") == "64"
    assert hears(lab, "one", "10.0.20.50") == "63"


def test_two_vlans_do_not_hear_each_other(lab):
    lab.must("r1", "ip", "-n", "two", "address", "add", "10.0.10.60/24", "dev", "eth2")
    assert hears(lab, "one", "10.0.10.60") == ""


def test_a_port_changed_by_hand_is_drift_and_is_put_right(lab):
    switch = lab.plan.machine("campus")
    port = ("dev", "r1_eth1")
    lab.must("campus", "bridge", "vlan", "del", *port, "vid", "10")
    lab.must("campus", "bridge", "vlan", "add", *port, "vid", "20", "pvid", "untagged")
    found = lab.read(switch).item
    assert [nic.vlan for nic in found.nics if nic.name == "r1_eth1"] == ["blue"]
    assert hears(lab, "one", "10.0.10.1") == ""
    assert lab.update(found, switch).item == switch
    assert hears(lab, "one", "10.0.10.1") == "64"


def test_a_port_in_another_vlan_is_another_seed_and_outlives_the_boot(lab):
    was, now = lab.plan.machine("campus"), lab.planned(BOTH_BLUE).machine("campus")
    boot = lab.boot("campus")
    assert lab.update(was, now).item == now
    assert lab.boot("campus") != boot
    assert ports(lab) == {"r1_eth0": ["10", "20"], "r1_eth1": ACCESS[20], "r1_eth2": ACCESS[20]}
