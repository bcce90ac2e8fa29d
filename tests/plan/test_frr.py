"""What FRR is told, and what each router says of itself: names, neighbours, timers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labiac.errors import LabError
from labiac.plan.frr import configuration, integrated
from labiac.plan.resolve import resolve
from labiac.plan.speaker import Peer
from labiac.schema.load import from_data

ROW = {
    "name": "row",
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
}
DUAL = {"pool": {"ipv4": "10.0.0.0/8", "ipv6": "fd00::/48"}}


def planned(routing="ospf", **parts):
    return resolve(from_data({**ROW, "routing": routing, **parts}))


def speaker(name="r1", **parts):
    return planned(**parts).machine(name).speaker


@pytest.mark.parametrize("protocol", ["ospf", "rip", "bgp"])
def test_the_configuration_of_a_router_is_as_it_was_approved(protocol, golden):
    golden(f"frr/{protocol}.conf", integrated(planned(protocol, **DUAL).machine("r1")))


@pytest.mark.parametrize(
    ("protocol", "alone", "both"),
    [
        ("ospf", ["ospfd"], ["ospfd", "ospf6d"]),
        ("rip", ["ripd"], ["ripd", "ripngd"]),
        ("bgp", ["bgpd"], ["bgpd"]),
    ],
)
def test_a_router_runs_the_daemons_of_the_ip_versions_that_it_has(protocol, alone, both):
    assert list(configuration(planned(protocol).machine("r1"))) == alone
    assert list(configuration(planned(protocol, **DUAL).machine("r1"))) == both


@pytest.mark.parametrize("routing", ["static", "none"])
def test_without_a_protocol_nobody_speaks(routing):
    machines = planned(routing).machines
    assert [machine.speaker for machine in machines] == [None] * len(machines)
    assert [integrated(machine) for machine in machines] == [""] * len(machines)


def test_a_pc_speaks_no_protocol_of_its_lab():
    assert planned("bgp").machine("pc1").speaker is None


def test_a_firewall_speaks_the_protocol_of_its_lab():
    parts = {"middleboxes": {"fw7": {"role": "firewall", "lans": ["lan2", "lan3"]}}}
    assert speaker("fw7", routing="bgp", **parts).peers == (
        Peer("10.0.2.1", 65001),
        Peer("10.0.2.2", 65002),
        Peer("10.0.3.2", 65002),
    )


def test_each_router_is_called_by_its_first_ipv4_address():
    assert speaker("r1").router_id == "10.0.1.1"
    assert speaker("r2").router_id == "10.0.2.2"


def test_a_router_without_ipv4_gets_a_name_of_its_own():
    parts = {"pool": {"ipv4": "none", "ipv6": "fd00::/48"}}
    names = {speaker(name, **parts).router_id for name in ("r1", "r2")}
    assert len(names) == 2
    assert all(name.count(".") == 3 for name in names)


def test_an_autonomous_system_has_the_number_of_its_router():
    assert [speaker(name, routing="bgp").asn for name in ("r1", "r2")] == [65001, 65002]


def test_a_number_that_is_taken_or_missing_becomes_a_wide_one():
    parts = {"routers": {name: {"lans": ["lan1"]} for name in ("r1", "edge1", "core", "r535")}}
    found = [speaker(name, routing="bgp", **parts).asn for name in parts["routers"]]
    assert found[0] == 65001
    assert all(4_200_000_000 <= number <= 4_294_967_294 for number in found[1:])
    assert len(set(found)) == 4


def test_bgp_speaks_with_each_neighbour_of_its_own_protocol_and_with_nobody_else():
    assert speaker("r1", routing="bgp", **DUAL).peers == (
        Peer("10.0.2.2", 65002),
        Peer("fd00:0:0:2::2", 65002),
    )
    others = {**ROW["routers"], "r2": {"lans": ["lan2", "lan3"], "routing": "ospf"}}
    assert speaker("r1", routing="bgp", routers=others).peers == ()


def test_a_protocol_runs_on_interfaces_in_lans_that_have_an_address():
    nics = [{"lan": "lan1"}, {"lan": "lan2", "ipv4": "none"}, {"attach": "nat"}, {"attach": "none"}]
    assert speaker("r1", routers={"r1": {"nics": nics}}).interfaces == ("eth0",)


def test_a_protocol_runs_on_each_vlan_of_a_trunk():
    parts = {
        "lans": {"campus": {"vlans": {"red": 10, "blue": 20}}},
        "routers": {"r1": {"lan": "campus", "trunk": ["red", "blue"]}},
        "pcs": {},
    }
    assert speaker("r1", **parts).interfaces == ("eth0.10", "eth0.20")


def test_timers_are_the_protocols_own_where_a_students_router_is():
    routers = {**ROW["routers"], "r3": {"lans": ["lan1"], "routing": "none"}}
    machine = planned(routers=routers).machine("r1")
    assert machine.speaker.patient == ("eth0",)
    eth0, eth1 = configuration(machine)["ospfd"].split("exit\n")[:2]
    assert ("hello-interval" in eth0, "hello-interval" in eth1) == (False, True)


@pytest.mark.parametrize("change", [{"router_id": "x"}, {"interfaces": ("eth0\n!",)}])
def test_what_is_no_value_of_its_kind_never_becomes_a_line(change):
    machine = planned().machine("r1")
    wrong = replace(machine, speaker=replace(machine.speaker, **change))
    with pytest.raises(LabError, match="a value of no such kind"):
        integrated(wrong)


def test_a_peer_that_is_no_address_never_becomes_a_line():
    machine = planned("bgp").machine("r1")
    peer = Peer("10.0.0.1 remote-as 1\n!", 1)
    with pytest.raises(LabError, match="a value of no such kind"):
        integrated(replace(machine, speaker=replace(machine.speaker, peers=(peer,))))
