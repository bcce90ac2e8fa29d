from __future__ import annotations

from dataclasses import fields

import pytest

from labiac.plan.diff import cost
from labiac.plan.effects import CARRIED, effect, worst
from labiac.plan.model import Machine, Network
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

VM = {"boots": True, "live": frozenset({"nics.connected"})}
NAMESPACE = {"boots": False, "live": frozenset({"nics", "routes", "ipv4"})}


@pytest.mark.parametrize(
    ("field", "cost"),
    [
        ("host_name", "replace"),
        ("image", "replace"),
        ("memory_mib", "restart"),
        ("nics[0].mac", "restart"),
        ("nics[2].connected", "live"),
        ("routes[0].via", "reseed"),
        ("seed[1].text", "reseed"),
        ("student", "live"),
    ],
)
def test_a_change_of_a_virtual_machine_costs(field, cost):
    assert effect("machine", field, **VM) == cost


@pytest.mark.parametrize(
    ("field", "cost"),
    [
        ("name", "replace"),
        ("nics[0].mac", "live"),
        ("memory_mib", "live"),
        ("image", "live"),
        ("services[0].command[1]", "restart"),
    ],
)
def test_a_change_of_a_namespace_costs(field, cost):
    assert effect("machine", field, **NAMESPACE) == cost


@pytest.mark.parametrize(("field", "cost"), [("ipv4", "live"), ("type", "replace")])
def test_a_change_of_a_network_costs(field, cost):
    assert effect("network", field, **NAMESPACE) == cost


@pytest.mark.parametrize("boots", [True, False])
@pytest.mark.parametrize(
    ("kind", "field"),
    [(cls.__name__.lower(), field.name) for cls in (Machine, Network) for field in fields(cls)],
)
def test_every_field_of_the_plan_has_its_cost(kind, field, boots):
    assert effect(kind, field, boots=boots, live=()) in {"live", "restart", "reseed", "replace"}


def test_the_dearest_change_says_what_all_of_them_cost():
    assert worst(["live", "reseed", "restart"]) == "reseed"
    assert worst([]) == "live"


ONE_LAN = {
    "name": "small",
    "lans": {"lan1": {}},
    "routers": {"r1": {"lans": ["lan1"]}},
    "pcs": {"pc1": {"lan": "lan1"}},
}
TWO_LANS = ONE_LAN | {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
}
SERVED = ONE_LAN | {"pcs": {"pc1": {"lan": "lan1", "services": {"echo": {"command": ["cat"]}}}}}


def price(lab, name, live, hot=None):
    """Return what it takes to make the node *name* of ONE_LAN what it is in *lab*, on guests."""
    was, now = (
        resolve(from_data(each, "test"), "ana", "libvirt").machine(name) for each in (ONE_LAN, lab)
    )
    assert was.seed != now.seed
    return cost("machine", was, now, boots=True, live=live, hot=hot)


@pytest.mark.parametrize("node", ["r1", "pc1"])
def test_a_seed_that_only_repeats_what_changes_live_is_live(node):
    assert price(TWO_LANS, node, CARRIED) == "live"
    assert price(TWO_LANS, node, CARRIED - {"hosts"}) == "reseed"


def test_what_only_a_boot_brings_takes_one():
    assert price(SERVED, "pc1", CARRIED) == "reseed"


def test_a_nic_that_no_machine_gets_while_it_runs_takes_a_boot():
    assert price(TWO_LANS, "r1", CARRIED, hot={"lan", "virtio"}) == "live"
    assert price(TWO_LANS, "r1", CARRIED, hot={"nat", "virtio"}) == "reseed"
    assert price(TWO_LANS, "r1", CARRIED, hot={"lan", "e1000e"}) == "reseed"


def test_who_gets_no_nic_does_not_care_which_can_be_had():
    assert price(TWO_LANS, "pc1", CARRIED, hot=()) == "live"
