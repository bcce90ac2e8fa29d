from __future__ import annotations

import pytest

from labiac.plan.document import from_data, to_data
from labiac.plan.model import Machine, Network
from labiac.plan.resolve import plan_file


@pytest.mark.parametrize("stack", ["three-lans", "firewall", "nat-out", "ospf"])
def test_an_item_comes_back_from_its_data_as_it_was(stack):
    plan = plan_file(stack)
    assert [from_data(Network, to_data(item)) for item in plan.networks] == [*plan.networks]
    assert [from_data(Machine, to_data(item)) for item in plan.machines] == [*plan.machines]


def test_what_an_older_labiac_made_without_a_field_that_may_be_none_can_be_read():
    machine = plan_file("firewall").machine("fw1")
    data = to_data(machine)
    del data["translation"], data["services"], data["nics"][0]["native"]
    assert from_data(Machine, data) == machine


def test_a_switch_that_an_older_labiac_did_not_know_is_off():
    data = to_data(plan_file("three-lans").machine("pc1"))
    del data["start"]
    assert from_data(Machine, data).start is False


def test_a_field_that_is_always_something_is_not_guessed():
    data = to_data(plan_file("three-lans").machine("pc1"))
    del data["host_name"]
    with pytest.raises(KeyError, match="host_name"):
        from_data(Machine, data)
