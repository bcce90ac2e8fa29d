"""Whom a change of a firewall, a NAT or a bridge cuts off: for good, and while it happens."""

from __future__ import annotations

import pytest

from labiac.plan.diff import diff
from labiac.reach.change import Passage

LIVE = frozenset({"forwards", "nics", "policy", "routes", "routing", "translation"})
OUTSIDE = ["pc1 pc3", "pc2 pc3"]


@pytest.fixture
def passage(planned):
    """Change the node between lan1 (pc1, pc2) and lan2 (pc3)."""

    def go(old, new, *, boots=False):
        plans = [
            planned(
                lans={"lan1": {}, "lan2": {}},
                pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}, "pc3": {"lan": "lan2"}},
                **{section: {"box": box} for section, box in each.items()},
            )
            for each in (old, new)
        ]
        changes = diff(*plans, boots=boots, live=() if boots else LIVE)
        return Passage(*plans, changes), {change.item: change for change in changes}

    return go


@pytest.fixture
def disturbed(passage):
    """Say whom a change of that node disturbs: ``pc1 pc3``, each pair once."""

    def say(old, new, **features):
        way, changes = passage(old, new, **features)
        return sorted({" ".join(sorted(ends)) for ends in way.disturbs(changes["box"])})

    return say


def router(**more):
    return {"routers": {"lans": ["lan1", "lan2"], **more}}


def box(role, **more):
    return {"middleboxes": {"role": role, "lans": ["lan1", "lan2"], **more}}


def firewall(*rules, **more):
    return box("firewall", rules=list(rules), **more)


def nat(**more):
    return box("nat", outside="lan2", **more)


def test_a_rule_that_comes_live_disturbs_nobody_whom_it_does_not_cut_off(disturbed):
    allow = {"allow": "icmp"}
    assert disturbed(firewall(allow), firewall({"deny": "tcp"}, allow)) == []


def test_who_is_cut_off_by_a_rule_is_so_for_good(passage):
    way, changes = passage(firewall({"allow": "icmp"}), firewall({"allow": "icmp", "from": "pc1"}))
    assert way.disturbs(changes["box"]) == ()
    assert [(each.source, each.target, each.reason) for each in way.turned()] == [
        ("pc2", "pc3", "box drops icmp from 10.0.1.12 to 10.0.2.13 (policy)"),
        ("pc3", "pc1", "box drops icmp from 10.0.2.13 to 10.0.1.11 (policy)"),
        ("pc3", "pc2", "box drops icmp from 10.0.2.13 to 10.0.1.12 (policy)"),
    ]


def test_a_firewall_that_restarts_cuts_off_who_talks_through_it(disturbed):
    allow = {"allow": "icmp"}
    assert disturbed(firewall(allow), firewall(allow, cpus=2), boots=True) == OUTSIDE


def test_a_bridge_that_restarts_parts_its_lans(disturbed):
    assert disturbed(box("bridge"), box("bridge", cpus=2), boots=True) == OUTSIDE


def test_a_router_that_becomes_a_nat_ends_the_conversations_that_it_hides_from_then_on(passage):
    way, changes = passage(router(), nat())
    assert way.disturbs(changes["box"]) == (("pc1", "pc3"), ("pc2", "pc3"))
    assert [(each.source, each.target) for each in way.turned()] == [("pc3", "pc1"), ("pc3", "pc2")]


def test_a_nat_with_another_address_outside_ends_the_conversations_that_it_hides(disturbed):
    nics = [{"lan": "lan1"}, {"lan": "lan2", "ipv4": "10.0.2.99"}]
    new = {"middleboxes": {"role": "nat", "outside": "lan2", "nics": nics}}
    assert disturbed(nat(), new) == OUTSIDE


def test_a_redirect_that_comes_live_disturbs_nobody(disturbed):
    assert disturbed(nat(), nat(forwards=[{"port": 80, "to": "pc1"}])) == []
