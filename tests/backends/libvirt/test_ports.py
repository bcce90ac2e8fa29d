"""The ports of a switch as its guest tells of them, and what mends them. Pure."""

import json
from dataclasses import replace

import pytest

from labiac.backends import guest
from labiac.plan.model import SubInterface
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

CAMPUS = {"ipv4": "none", "vlans": {"red": 10, "blue": 20}}


@pytest.fixture(scope="module")
def switch():
    """A switch with a router's trunk and a PC in red."""
    lab = {
        "name": "seen",
        "lans": {"campus": CAMPUS},
        "routers": {"r1": {"lan": "campus", "trunk": ["red"], "native": "blue"}},
        "pcs": {"pc1": {"lan": "campus", "access": "red"}},
    }
    return resolve(from_data(lab, "test"), "ana", "libvirt").machine("campus")


AS_PLANNED = {
    "r1_eth0": [{"vlan": 10}, {"vlan": 20, "flags": ["PVID", "Egress Untagged"]}],
    "pc1_eth0": [{"vlan": 10, "flags": ["PVID", "Egress Untagged"]}],
}


def seen(switch, **ports):
    """Return *switch* as a guest has it whose *ports* are other than planned."""
    links = [{"ifname": "br0", "flags": ["UP", "LOWER_UP"], "address": ""}]
    for nic in switch.nics:
        link = {"ifname": nic.name, "address": nic.mac, "master": "br0"}
        links.append({**link, "flags": ["UP", "LOWER_UP"]})
    vlans = [{"ifname": name, "vlans": each} for name, each in (AS_PLANNED | ports).items()]
    told = "".join(f"{json.dumps(each)}\n" for each in (vlans, links, [], [], 0, 0))
    return guest.seen(switch, f"{told}\0{switch.hosts}")


def mended(was, now):
    """Return the lines that are given to ``bridge``."""
    steps = dict(guest.steps(was, now))
    return steps["bridge", "-force", "-batch", "-"].decode().splitlines()


def test_a_switch_that_is_as_planned_is_seen_so_and_left_alone(switch):
    assert seen(switch) == switch
    assert list(guest.steps(switch, switch)) == []


def test_an_access_port_in_another_vlan_is_seen_and_put_back(switch):
    found = seen(switch, pc1_eth0=[{"vlan": 20, "flags": ["PVID", "Egress Untagged"]}])
    assert [nic.vlan for nic in found.nics] == [None, "blue"]
    assert mended(found, switch) == [
        "vlan delete dev pc1_eth0 vid 20",
        "vlan add dev pc1_eth0 vid 10 pvid untagged",
    ]


def test_a_trunk_that_takes_another_vlan_is_seen_with_its_id_and_loses_it(switch):
    found = seen(switch, r1_eth0=[{"vlan": 77}])
    port = found.nics[0]
    assert (port.native, port.trunk) == (None, (SubInterface("r1_eth0.77", "77", 77, ()),))
    assert mended(found, switch) == [
        "vlan delete dev r1_eth0 vid 77",
        "vlan add dev r1_eth0 vid 10",
        "vlan add dev r1_eth0 vid 20 pvid untagged",
    ]


def test_a_port_that_takes_nothing_is_seen(switch):
    found = seen(switch, pc1_eth0=[])
    assert found == replace(
        switch, nics=(switch.nics[0], replace(switch.nics[1], vlan=None, native=None))
    )


def test_a_tag_of_a_port_never_becomes_an_interface(switch):
    found = seen(switch, r1_eth0=[])
    lines = dict(guest.steps(found, switch)).get(("ip", "-force", "-batch", "-"), b"")
    assert b"type vlan" not in lines
