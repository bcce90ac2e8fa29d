"""labiac's own way into a guest, where its hypervisor has none: a NIC beside those of the lab."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

import pytest
import yaml

from labiac.plan.management import NAME
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data
from labiac.schema.scalars import INTERFACE

LAB = {
    "name": "two",
    "lans": {"lan1": {"vlans": {"red": 10}}, "lan2": {}},
    "routers": {"r1": {"nics": [{"lan": "lan1", "access": "red"}, {"lan": "lan2"}]}},
    "middleboxes": {"b1": {"role": "bridge", "lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan2"}},
}
LAB["lans"]["lan3"] = {"ipv4": "none"}


def planned(backend="virtualbox", **change):
    return resolve(from_data({**LAB, **change}, "test"), "ana", backend)


def config(machine):
    (file,) = (each for each in machine.seed if each.name == "network-config")
    return yaml.safe_load(file.text)


def test_every_machine_has_its_own_nic_for_it_the_switches_of_a_lan_too():
    plan = planned()
    assert {"r1", "pc1", "b1"} < {machine.name for machine in plan.machines}
    macs = [machine.management.mac for machine in plan.machines]
    macs += [nic.mac for machine in plan.machines for nic in machine.nics]
    assert len(set(macs)) == len(macs)
    assert planned() == plan


def test_the_guest_has_an_address_on_it_and_no_route_by_it():
    for machine in planned().machines:
        nic = config(machine)["ethernets"][NAME]
        assert nic["match"] == {"macaddress": machine.management.mac}
        assert nic["addresses"] == [machine.management.address]
        assert "routes" not in nic
        assert nic["dhcp4"] is False


def test_it_is_no_port_of_a_bridge():
    (bridge,) = config(planned().machine("b1"))["bridges"].values()
    assert bridge["interfaces"] == ["eth0", "eth1"]


def test_its_subnet_is_no_lans():
    ours = ip_interface(planned().machine("pc1").management.address).network
    lans = {**LAB["lans"], "lan2": {"ipv4": str(ours.supernet(new_prefix=16))}}
    moved = ip_interface(planned(lans=lans).machine("pc1").management.address).network
    assert not moved.overlaps(ip_network(lans["lan2"]["ipv4"]))


def test_where_guests_share_a_network_each_address_is_of_its_link_and_of_its_mac():
    for machine in planned("hyperv", management="ssh").machines:
        *_, a, b, c = machine.management.mac.split(":")
        address = ip_interface(f"fe80::215:5dff:fe{a}:{b}{c}/64")  # RFC 4291, appendix A
        assert machine.management.mac.startswith("00:15:5d:")
        assert ip_interface(machine.management.address) == address
        assert config(machine)["ethernets"][NAME]["addresses"] == [machine.management.address]


def test_no_nic_of_a_lab_file_can_have_its_name():
    import re

    assert not re.match(INTERFACE, NAME)
    assert len(NAME) <= 15


def test_a_lab_that_wants_none_is_as_drawn_and_nothing_more():
    plan = planned(management="none")
    assert {machine.management for machine in plan.machines} == {None}
    assert all(NAME not in file.text for machine in plan.machines for file in machine.seed)


@pytest.mark.parametrize("backend", ["incus", "libvirt", "netns"])
def test_where_there_is_another_way_in_there_is_no_such_nic(backend):
    assert {machine.management for machine in planned(backend).machines} == {None}
