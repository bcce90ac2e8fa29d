"""What Incus is told of a node, and what a node is by what Incus has."""

from dataclasses import replace

import pytest

from labiac.backends.base import Copy
from labiac.backends.incus import instance, names, network
from labiac.backends.mark import Mark
from labiac.plan.model import Forward
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {
    "name": "two",
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1", "memory_mib": 300}},
}
ANA = Copy("two", "ana")
LANS = {
    "name": "two",
    "lans": {
        "in": {},
        "side": {"type": "host"},
        "out": {"type": "nat", "ipv6": "fd00:0:0:3::/64", "ipv4": "10.9.0.0/24"},
        "wire": {"type": "bridged", "interface": "eth0"},
    },
}
PORTS = [
    {"host_port": 8022, "port": 22},
    {"host_port": 8053, "port": 53, "protocol": "udp", "host_address": "::1"},
]


@pytest.fixture
def r1():
    return resolve(from_data(LAB), "ana", "incus").machine("r1")


@pytest.fixture
def out():
    """Return a PC with a NAT of its own."""
    nics = [{"attach": "nat", "forwards": PORTS}, {"lan": "lan1"}]
    lab = {**LAB, "pcs": {"pc1": {"nics": nics}}}
    return resolve(from_data(lab), "ana", "incus").machine("pc1")


def proxies(devices):
    return [each for each in devices.values() if each["type"] == "proxy"]


def test_a_nic_has_its_name_and_mac_and_leads_to_the_bridge_of_its_lan(r1):
    devices = instance.devices(ANA, r1, "fast")
    assert devices.pop("root") == {"type": "disk", "path": "/", "pool": "fast", "size": "4GiB"}
    assert {
        name: (card["name"], card["hwaddr"], card["network"]) for name, card in devices.items()
    } == {nic.name: (nic.name, nic.mac, names.bridge(ANA, nic.network)) for nic in r1.nics}


def test_a_nic_with_its_cable_out_leads_nowhere(r1):
    out = replace(r1, nics=tuple(replace(nic, connected=False) for nic in r1.nics))
    cards = [card for card in instance.devices(ANA, out, "p").values() if card["type"] == "nic"]
    assert [(card.get("network"), card["nictype"]) for card in cards] == [(None, "p2p")] * 2


def test_a_node_is_what_its_devices_say(r1):
    assert instance.observed(r1, ANA, instance.devices(ANA, r1, "p")) == r1


@pytest.mark.parametrize(
    ("said", "rate_kbit"), [("900kbit", 900), ("2Mbit", 2000), ("", 0), ("1TiB", 0)]
)
def test_a_limited_rate_is_that_of_what_the_node_sends(r1, said, rate_kbit):
    slow = replace(r1.nics[0], impair=replace(r1.nics[0].impair, rate_kbit=900))
    r1 = replace(r1, nics=(slow,))
    devices = instance.devices(ANA, r1, "fast")
    assert devices["eth0"]["limits.egress"] == "900kbit"
    devices["eth0"]["limits.egress"] = said
    (seen,) = instance.observed(r1, ANA, devices).nics
    assert seen.impair.rate_kbit == rate_kbit


def test_a_nic_that_somebody_moved_pulled_or_took_away_shows(r1):
    devices = instance.devices(ANA, r1, "p")
    devices["eth0"]["network"] = "elsewhere"
    assert instance.observed(r1, ANA, devices).nics[0].network == "elsewhere"
    del devices["eth0"]["network"]
    assert not instance.observed(r1, ANA, devices).nics[0].connected
    del devices["eth0"]
    assert [nic.name for nic in instance.observed(r1, ANA, devices).nics] == ["eth1"]


def test_a_nic_with_a_nat_is_alone_in_a_lan_that_gives_it_the_planned_address(out):
    devices = instance.devices(ANA, out, "p")
    (own,) = (network.behind(out, nic) for nic in out.nics if nic.attach == "nat")
    card = devices["eth0"]
    assert card["network"] == names.bridge(ANA, own.name)
    address = out.nics[0].addresses[0]
    assert f"{card['ipv4.address']}/30" == address
    told = network.configuration(Mark(ANA, own, whole=True))
    assert (told["ipv4.address"], told["ipv4.dhcp"]) == (own.host_addresses[0], "true")
    assert instance.observed(out, ANA, devices) == replace(
        out, nics=(replace(out.nics[0], forwards=()), *out.nics[1:])
    )


def test_a_port_of_the_host_is_a_device_of_the_node_that_it_leads_to(out):
    ports = out.nics[0].forwards
    devices = instance.devices(ANA, out, "p", ports)
    assert [(each["listen"], each["connect"]) for each in proxies(devices)] == [
        ("tcp:127.0.0.1:8022", f"tcp:{ports[0].guest}:22"),
        ("udp:[::1]:8053", f"udp:{ports[1].guest}:53"),
    ]
    assert instance.observed(out, ANA, devices) == out
    devices["by hand"] = {
        "type": "proxy",
        "listen": "tcp:0.0.0.0:9",
        "connect": f"tcp:{ports[0].guest}:9",
    }
    devices["a socket"] = {**devices["by hand"], "listen": "unix:/run/x"}
    seen = instance.observed(out, ANA, devices).nics[0].forwards
    assert seen == (*ports, Forward("tcp", 9, ports[0].guest, 9, "0.0.0.0"))  # noqa: S104


@pytest.mark.parametrize("lan", ["in", "side", "out", "wire"])
def test_a_lan_is_what_its_network_says(lan):
    planned = resolve(from_data(LANS), "ana", "incus").network(lan)
    told = network.configuration(Mark(ANA, planned, whole=True))
    there = {"type": network.kind(planned), "config": told}
    assert network.observed(planned, there) == planned


def test_a_lan_that_somebody_made_another_shows():
    plan = resolve(from_data(LANS), "ana", "incus")
    out, side, wire = map(plan.network, ("out", "side", "wire"))
    told = network.configuration(Mark(ANA, out, whole=True))
    hidden = {"type": "bridge", "config": {**told, "ipv4.nat": "false", "ipv6.nat": "false"}}
    assert network.observed(out, hidden).type == "internal"
    told = network.configuration(Mark(ANA, side, whole=True))
    seen = network.observed(side, {"type": "bridge", "config": {**told, "ipv4.nat": "true"}})
    assert seen.type == "nat"
    seen = network.observed(wire, {"type": "macvlan", "config": {"parent": "eth9"}})
    assert (seen.type, seen.interface) == ("bridged", "eth9")


def test_a_configuration_has_mark_seed_and_limits_and_leaves_incus_its_own(r1):
    mark = Mark(ANA, replace(r1, memory_mib=300, cpus=2), whole=False)
    known = {"volatile.uuid": "1", "image.os": "debian", "limits.cpu": "9", "user.other": "no"}
    config = instance.configuration(mark, known)
    assert Mark.from_json(config.pop(names.MARK)) == mark
    seed = {f"{names.SEED}{file.name}": file.text for file in r1.seed}
    own = {"volatile.uuid": "1", "image.os": "debian"}
    limits = {"limits.cpu": "2", "limits.memory": "300MiB", "limits.processes": "1000"}
    assert config == {**seed, **own, **limits}


def test_no_two_copies_share_a_project_and_no_two_lans_a_bridge():
    copies = [
        Copy("a-b", "c"),
        Copy("a", "b-c"),
        Copy("x" * 40, "y" * 40),
        Copy("x" * 40, "y" * 39),
    ]
    assert len({names.project(copy) for copy in copies}) == len(copies)
    assert max(len(names.project(copy)) for copy in copies) <= 63
    bridges = {names.bridge(copy, lan) for copy in copies for lan in ("lan1", "lan2")}
    assert len(bridges) == 2 * len(copies)
    assert max(map(len, bridges)) <= 15
