"""LANs with VLANs that become switches: machines, a network a cable, and the same numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from labiac.plan.diff import diff
from labiac.plan.document import from_data as plan_from
from labiac.plan.document import to_json
from labiac.plan.lower import raised
from labiac.plan.model import Machine
from labiac.plan.names import BOOTS, CARRY_VLANS
from labiac.plan.place import place
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

VLANS = {"red": 10, "blue": 20}


def plan(backend="libvirt", *, campus=None, pcs=None, **parts):
    campus = {"ipv4": "none", "vlans": VLANS} | (campus or {})
    pcs = pcs or {"pc1": {"lan": "campus", "access": "red"}}
    return resolve(
        from_data({"name": "x", "lans": {"campus": campus, "lan1": {}}, "pcs": pcs, **parts}),
        "ana",
        backend,
    )


def ports(made, switch):
    """Return what each port of *switch* carries: untagged, then tagged."""
    return {
        nic.name: " ".join([nic.vlan or nic.native or "-", *(str(sub.id) for sub in nic.trunk)])
        for nic in made.machine(switch).nics
    }


def cables(made):
    return [network.name for network in made.networks]


def test_where_the_backends_own_switch_carries_vlans_no_machine_is_added():
    made = plan("netns")
    assert cables(made) == ["campus", "lan1"]
    assert [machine.name for machine in made.machines] == ["pc1"]
    assert made.machine("pc1").nics[0].vlan == "red"


@pytest.mark.parametrize("backend", sorted(BOOTS - CARRY_VLANS))
def test_where_it_carries_none_the_lan_becomes_a_switch_of_its_name(backend):
    made = plan(backend)
    switch = made.machine("campus")
    assert (switch.role, switch.host_name, switch.section) == ("switch", "x-ana-campus", "lans")
    assert (switch.switch.lan, switch.switch.ids) == ("campus", {"1": 1, "red": 10, "blue": 20})
    assert cables(made) == ["campus_pc1_eth0", "lan1"]
    assert ports(made, "campus") == {"pc1_eth0": "red"}


def test_several_switches_are_machines_on_every_backend_joined_in_a_row_by_trunks():
    campus = {"switches": ["sw1", "sw2", "sw3"]}
    for backend in ("netns", "libvirt"):
        made = plan(backend, campus=campus)
        assert [each.name for each in made.machines] == ["pc1", "sw1", "sw2", "sw3"]
        assert cables(made) == ["campus_sw1_sw2", "campus_sw2_sw3", "campus_pc1_eth0", "lan1"]
        assert ports(made, "sw1") == {"sw2": "1 10 20", "pc1_eth0": "red"}
        assert ports(made, "sw2") == {"sw1": "1 10 20", "sw3": "1 10 20"}
        assert ports(made, "sw3") == {"sw2": "1 10 20"}


def test_a_single_switch_with_a_name_is_a_machine_only_where_it_must():
    assert cables(plan("netns", campus={"switches": ["sw1"]})) == ["campus", "lan1"]
    assert plan("libvirt", campus={"switches": ["sw1"]}).machine("sw1").role == "switch"


def test_a_port_carries_what_the_nic_at_its_other_end_says():
    made = plan(
        campus={"switches": ["sw1", "sw2"]},
        routers={
            "r1": {"nics": [{"lan": "campus", "trunk": ["red"], "native": "blue"}]},
            "r2": {"nics": [{"lan": "campus", "trunk": ["red", "blue"], "switch": "sw2"}]},
        },
        pcs={
            "pc1": {"lan": "campus", "access": "blue", "switch": "sw2"},
            "pc2": {"lan": "campus", "ipv4": "10.0.1.5/24"},
        },
    )
    assert ports(made, "sw1") == {"sw2": "1 10 20", "r1_eth0": "blue 10", "pc2_eth0": "1"}
    assert ports(made, "sw2") == {"sw1": "1 10 20", "r2_eth0": "- 10 20", "pc1_eth0": "blue"}


def test_a_nic_keeps_its_numbers_and_names_and_leads_to_its_cable():
    router = {"nics": [{"lan": "campus", "trunk": ["red"], "native": "blue"}, {"lan": "lan1"}]}
    whole, made = (plan(backend, routers={"r1": router}) for backend in ("netns", "libvirt"))
    for name in ("r1", "pc1"):
        for was, now in zip(whole.machine(name).nics, made.machine(name).nics, strict=True):
            same = replace(was, mac=now.mac, network=now.network, vlan=None, native=None)
            assert same == now
            assert was.mac[8:] == now.mac[8:]  # the backend decides of the first octets alone
        assert replace(whole.machine(name), nics=(), seed=()) == replace(
            made.machine(name), nics=(), seed=()
        )
    assert whole.checks == made.checks
    assert cables(raised(made)) == cables(whole)


def test_no_two_nics_of_a_lowered_lab_have_the_same_mac():
    made = plan(campus={"switches": ["sw1", "sw2"]}, pcs=crowd(40))
    macs = [nic.mac for machine in made.machines for nic in machine.nics]
    assert len(set(macs)) == len(macs) == 40 + 40 + 2


def crowd(count):
    return {f"pc{n}": {"lan": "campus", "access": "red"} for n in range(1, count + 1)}


def test_another_pc_adds_a_cable_and_a_port_and_leaves_the_others_alone():
    was, now = plan(pcs=crowd(2)), plan(pcs={"pc0": {"lan": "campus", "access": "blue"}} | crowd(2))
    live = {"boots": True, "live": frozenset()}
    changed = {(each.kind, each.item) for each in diff(was, now, **live)}
    assert {("network", "campus_pc0_eth0"), ("machine", "pc0"), ("machine", "campus")} <= changed
    ports = {nic.name: nic for nic in now.machine("campus").nics}
    assert ports.keys() == {"pc0_eth0", "pc1_eth0", "pc2_eth0"}
    assert all(ports[nic.name] == nic for nic in was.machine("campus").nics)


@pytest.mark.parametrize("kind", ["host", "nat"])
def test_the_host_has_a_port_of_its_own_in_the_vlan_of_nics_that_name_none(kind):
    pcs = {"pc1": {"lan": "campus"}}
    whole, made = (
        plan(backend, campus={"ipv4": "10.0.7.0/24", "type": kind}, pcs=pcs)
        for backend in ("netns", "libvirt")
    )
    host = made.network("campus_host")
    assert replace(host, name="campus", host_name="x-ana-campus") == replace(
        whole.network("campus"), vlans=()
    )
    assert ports(made, "campus") == {"host": "1", "pc1_eth0": "1"}
    assert (made.network("campus_pc1_eth0").type, host.host_addresses) == (
        "internal",
        ("10.0.7.1/24",),
    )


def test_a_vlan_with_id_1_is_the_one_of_nics_that_name_none():
    made = plan(
        campus={"vlans": {"red": 1, "blue": 20}, "switches": ["sw1", "sw2"]},
        pcs={"pc1": {"lan": "campus"}, "pc2": {"lan": "campus", "access": "red"}},
    )
    assert made.machine("sw1").switch.ids == {"1": 1, "red": 1, "blue": 20}
    assert ports(made, "sw1") == {"sw2": "1 20", "pc1_eth0": "1", "pc2_eth0": "red"}


def test_a_port_has_a_name_that_linux_takes_however_long_the_nodes_is():
    long = "a-pc-with-a-very-long-name"
    made = plan(pcs={f"{long}-{n}": {"lan": "campus", "access": "red"} for n in range(1, 9)})
    names = [nic.name for nic in made.machine("campus").nics]
    assert len(set(names)) == 8
    assert all(len(name) <= 15 and name.startswith("a-pc-w_") for name in names)


def test_a_cable_that_is_out_is_out_at_the_node():
    pcs = {"pc1": {"lan": "campus", "access": "red", "connected": False}}
    made = plan(pcs=pcs)
    assert not made.machine("pc1").nics[0].connected
    assert made.machine("campus").nics[0].connected


def test_a_lowered_plan_travels_as_json():
    made = plan(campus={"switches": ["sw1", "sw2"]}).machine("sw1")
    assert plan_from(Machine, json.loads(to_json(made))) == made


def test_a_lan_with_vlans_that_nobody_is_in_is_a_switch_without_ports():
    made = plan(pcs={"pc1": {"lan": "lan1"}})
    assert made.machine("campus").nics == ()


def test_what_is_odd_about_a_port_is_told_at_the_lan_that_the_file_has():
    made = plan("libvirt", campus={"switches": ["sw1", "sw2"]})
    places = {each.name: place(each, 0) for each in made.machines}
    assert places == {"pc1": "pcs.pc1.nics[0]", "sw1": "lans.campus", "sw2": "lans.campus"}
