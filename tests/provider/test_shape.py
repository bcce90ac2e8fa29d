from __future__ import annotations

import pytest

from labiac.plan.model import Nic, Route
from labiac.provider.shape import Failure, camel, completed, failures, snake, step


@pytest.mark.parametrize(
    ("field", "name"), [("host_name", "hostName"), ("mac", "mac"), ("network_ids", "networkIds")]
)
def test_a_field_and_its_property_name_each_other(field, name):
    assert (camel(field), snake(name)) == (name, field)


def test_a_path_is_written_as_pulumi_writes_it():
    assert step(step(step("", "nics"), 0), "mac") == "nics[0].mac"
    assert step("pairs", "pc1 -> pc4") == 'pairs["pc1 -> pc4"]'


def test_what_is_missing_gets_something_neutral_however_deep():
    nic = completed(Nic, {"name": "eth0", "addresses": ["10.0.0.1/24"]})
    assert nic["addresses"] == ["10.0.0.1/24"]
    assert (nic["vlan"], nic["forwards"], nic["driver"]) == (None, [], "")
    assert (nic["attach"], nic["connected"], nic["impair"]["rateKbit"]) == ("lan", False, 0)


def test_a_value_of_another_shape_is_told_and_looked_into_no_further():
    assert list(failures(tuple[Route, ...], {"to": 1}, "routes")) == [
        Failure("routes", "is {'to': 1}, and must be a list")
    ]
    assert list(failures(Route, ["10.0.0.0/8"], "routes[0]")) == [
        Failure("routes[0]", "is ['10.0.0.0/8'], and must be an object (Route)")
    ]


def test_true_is_no_number():
    value = True
    assert list(failures(int, value, "cpus")) == [
        Failure("cpus", "is True, and must be of type integer")
    ]
