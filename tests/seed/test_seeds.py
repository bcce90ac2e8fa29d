from __future__ import annotations

import dataclasses

import pytest
import yaml

from labiac.errors import DescriptionError
from labiac.plan.resolve import plan_file, resolve
from labiac.plan.seeds import facts_of, seed_of
from labiac.schema.load import from_data


def nic_facts(plan, node):
    lab = from_data({"name": plan.lab})
    return {nic.name: nic for nic in facts_of(plan.machine(node), lab, plan.student).nics}


def routes(end):
    return [(route.to, route.via) for route in end.routes]


def test_a_seed_has_the_three_files_of_nocloud(everything):
    files = [file.name for file in everything.machine("pc1").seed]
    assert files == ["user-data", "meta-data", "network-config"]


def test_only_what_boots_gets_a_seed_in_its_plan():
    lab = from_data({"name": "one", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}})
    assert resolve(lab, backend="netns").machine("pc1").seed == ()
    assert resolve(lab, backend="libvirt").machine("pc1").seed != ()


def test_the_seed_of_a_node_can_be_had_on_any_backend():
    lab = from_data({"name": "one", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}})
    plan = resolve(lab, backend="netns")
    seed = {file.name: file.text for file in seed_of(plan.machine("pc1"), lab, "local")}
    assert yaml.safe_load(seed["user-data"])["hostname"] == "pc1"


def test_a_route_leaves_by_the_nic_whose_subnet_has_the_next_hop():
    lab = {
        "name": "row",
        "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
        "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    }
    nics = nic_facts(resolve(from_data(lab)), "r1")
    assert routes(nics["eth0"]) == []
    assert routes(nics["eth1"]) == [("10.0.3.0/24", "10.0.2.2")]


def test_a_route_through_a_vlan_stands_with_its_sub_interface():
    lab = {
        "name": "stick",
        "lans": {"lan1": {"vlans": {"red": 10, "blue": 20}}, "lan3": {}},
        "routers": {
            "r1": {"nics": [{"lan": "lan1", "trunk": ["red", "blue"]}]},
            "r2": {"nics": [{"lan": "lan1", "access": "blue"}, {"lan": "lan3"}]},
        },
    }
    nic = nic_facts(resolve(from_data(lab)), "r1")["eth0"]
    red, blue = nic.vlans
    assert (routes(nic), routes(red)) == ([], [])
    assert routes(blue) == [("10.0.3.0/24", "10.0.20.2")]


def test_a_next_hop_that_no_nic_is_near_is_left_to_the_guest_to_refuse(everything):
    astray = dataclasses.replace(everything.machine("pc1").routes[0], via="192.0.2.1")
    machine = dataclasses.replace(everything.machine("pc1"), routes=(astray,))
    nic = facts_of(machine, from_data({"name": "everything"}), "ana").nics[0]
    assert routes(nic) == [(astray.to, "192.0.2.1")]


def test_only_a_nic_with_a_nat_of_its_own_asks_by_dhcp(everything):
    nics = nic_facts(everything, "r1")
    assert [nic.name for nic in nics.values() if nic.dhcp] == ["eth3"]
    assert (nics["eth3"].addresses, nics["eth3"].routes) == ((), ())


def test_a_nic_without_an_ipv6_address_speaks_no_ipv6(everything):
    nics = nic_facts(everything, "r1")
    assert [nics[name].ipv6 for name in ("eth0", "wan0", "eth2")] == [True, False, False]
    assert [vlan.ipv6 for vlan in nics["eth2"].vlans] == [True, False]


@pytest.mark.parametrize("backend", ["netns", "libvirt"])
def test_templates_that_are_not_there_are_told_on_every_backend(tmp_path, backend):
    file = tmp_path / "one.yaml"
    file.write_text("name: one\nlans: {lan1: {}}\npcs:\n  pc1: {lan: lan1, template: web}\n")
    with pytest.raises(DescriptionError, match="there is no folder templates/web") as caught:
        plan_file(str(file), backend=backend)
    assert caught.value.problems[0].where == f"{file}:4"


def test_a_plan_takes_templates_from_beside_its_lab_file(tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text("{name: one, lans: {lan1: {}}, pcs: {pc1: {lan: lan1}}}")
    own = tmp_path / "templates/pc/user-data.j2"
    own.parent.mkdir(parents=True)
    own.write_text("#cloud-config\n# the teacher's own\n")
    seed = plan_file(str(file), backend="libvirt").machine("pc1").seed
    assert seed[0].text == "#cloud-config\n# the teacher's own\n"
