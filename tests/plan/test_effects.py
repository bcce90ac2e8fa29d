from __future__ import annotations

from dataclasses import fields

import pytest

from labiac.plan.effects import effect, worst
from labiac.plan.model import Machine, Network

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
