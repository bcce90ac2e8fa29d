"""What `labiac up` suggests at its end."""

import pytest

from labiac.cli.deploy import _to_try
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

PAIR = {"name": "two", "lans": {"lan1": {}}, "pcs": {"a": {"lan": "lan1"}, "b": {"lan": "lan1"}}}


def suggested(backend, management):
    lab = from_data({**PAIR, "management": management}, "test")
    return _to_try(resolve(lab, "ana", backend), "two.yaml")


@pytest.mark.parametrize("backend", ["hyperv", "virtualbox"])
def test_it_suggests_commands_on_nodes_where_labiac_gets_into_them(backend):
    first, *_ = suggested(backend, "ssh")
    assert first == f"labiac exec two.yaml a --student ana --backend {backend} -- ping -c3 b"
    assert suggested(backend, "none") == []
