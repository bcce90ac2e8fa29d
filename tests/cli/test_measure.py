"""The way that pings take on a live lab, as far as it can be known."""

from __future__ import annotations

from dataclasses import replace

from labiac.backends.base import Copy, ref_of
from labiac.backends.memory import Memory
from labiac.cli.measure import measured
from labiac.plan.resolve import resolve
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data

RING = {
    "name": "ring",
    "routing": "ospf",
    "lans": {"lan1": {}, "lan2": {}, "lan12": {}, "lan13": {}, "lan23": {}},
    "routers": {
        "r1": {"lans": ["lan1", "lan12", "lan13"]},
        "r2": {"lans": ["lan2", "lan12", "lan23"]},
        "r3": {"lans": ["lan13", "lan23"]},
    },
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}


def test_routers_that_found_another_way_are_shown_on_it_though_all_is_answered_as_predicted():
    plan, backend = resolve(from_data(RING), "ana", "memory"), Memory()
    copy = Copy(plan.lab, plan.student)
    for item in (*plan.networks, *plan.machines):
        backend.create(copy, item)
    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    ends = "pc1", "pc2"
    assert measured(plan, backend, predicted)[ends].path == ("pc1", "r1", "r2", "pc2")
    r1 = plan.machine("r1")
    cut = tuple(replace(nic, connected=nic.network != "lan12") for nic in r1.nics)
    backend.update(ref_of(copy, "machine", "r1"), r1, replace(r1, nics=cut))
    found = measured(plan, backend, predicted)[ends]
    assert (found.ok, found.path) == (True, ("pc1", "r1", "r3", "r2", "pc2"))
