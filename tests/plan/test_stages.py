"""Stages: checks of their own, and the lab as it is when each is done."""

from __future__ import annotations

import pytest

from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.reach.checks import evaluate
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data

ADDRESSES = {
    "name": "addresses",
    "checks": [
        {"address": {"node": "r1", "is": "10.0.2.1/24"}},
        {"ping": {"from": "r1", "to": "pc2"}, "points": 2},
    ],
    "reference": {"r1": {"addresses": {"lan2": ["10.0.2.1"]}}},
}
ROUTES = {
    "name": "routes",
    "checks": [
        {"route": {"node": "r2", "to": "10.0.1.0/24", "via": "r1"}},
        {"all_ping": True, "points": 3},
    ],
    "reference": {
        "r1": {"routing": "static"},
        "r2": {"routes": [{"to": "10.0.1.0/24", "via": "r1"}]},
        "pc1": {"gateway": "r1"},
    },
}
POLICY = {
    "name": "policy",
    "checks": [{"no_ping": {"from": "pc1", "to": "pc3"}}],
    "reference": {"fw": {"policy": "drop", "rules": [{"allow": "tcp"}]}},
}


def lab(*stages, **more):
    return from_data(
        {
            "name": "steps",
            "routing": "none",
            "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
            "routers": {
                "r1": {"nics": [{"lan": "lan1"}, {"lan": "lan2", "ipv4": "none"}]},
                "r2": {"lans": ["lan2", "lan3"]},
            },
            "pcs": {
                "pc1": {"lan": "lan1", "gateway": "none"},
                "pc2": {"lan": "lan2", "gateway": "10.0.2.2"},
                "pc3": {"lan": "lan3"},
            },
            "stages": list(stages),
            **more,
        },
        "test",
    )


def with_firewall():
    wall = {"role": "firewall", "lans": ["lan2", "lan3"], "policy": "accept"}
    routers = {"r1": {"lans": ["lan1", "lan2"], "routing": "static"}}
    return lab(POLICY, routers=routers, middleboxes={"fw": {**wall, "routing": "static"}})


def holds(plan, stage):
    pairs = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    results = zip(plan.checks, evaluate(plan, pairs), strict=True)
    return [bool(result and result.ok) for check, result in results if check.stage == stage]


def test_a_lab_is_handed_out_as_its_file_says_whatever_its_stages_lead_to():
    plan = resolve(lab(ADDRESSES, ROUTES))
    assert plan.machine("r1").nics[1].addresses == ()
    assert plan.machine("r1").routes == ()
    assert [*holds(plan, "addresses"), *holds(plan, "routes")] == [False] * 4


def test_at_the_end_of_a_stage_its_checks_hold_and_those_of_the_next_do_not_yet():
    plan = resolve(lab(ADDRESSES, ROUTES), stage="addresses")
    assert plan.machine("r1").nics[1].addresses == ("10.0.2.1/24",)
    assert holds(plan, "addresses") == [True, True]
    assert holds(plan, "routes") == [False, False]


def test_a_stage_builds_on_those_before_it():
    plan = resolve(lab(ADDRESSES, ROUTES), stage="routes")
    assert plan.machine("r1").nics[1].addresses == ("10.0.2.1/24",)
    assert [f"{each.to} {each.via}" for each in plan.machine("r1").routes] == [
        "10.0.3.0/24 10.0.2.2"
    ]
    assert holds(plan, "routes") == [True, True]


def test_a_firewall_is_brought_to_its_rules():
    assert resolve(with_firewall()).machine("fw").policy.default == "accept"
    policy = resolve(with_firewall(), stage="policy").machine("fw").policy
    assert (policy.default, [rule.protocol for rule in policy.rules]) == ("drop", ["tcp"])


def test_a_check_may_name_an_address_that_its_stage_brings():
    (check,) = resolve(
        lab(
            ADDRESSES,
            {**ROUTES, "checks": [{"route": {"node": "r2", "to": "10.0.1.0/24", "via": "r1"}}]},
        )
    ).checks[2:]
    assert check.asked.hops == ("10.0.1.1", "10.0.2.1")


def test_every_node_that_a_stage_brings_somewhere_is_the_students():
    plan = resolve(lab(ADDRESSES, ROUTES))
    assert [each.name for each in plan.machines if each.student] == ["r1", "r2", "pc1"]


def test_stages_follow_the_names_that_a_student_gets():
    named = lab(ADDRESSES, ROUTES, vary={"seed": "x", "names": {"r1": ["gate"], "pc1": ["me"]}})
    plan = resolve(named, "ana", stage="routes")
    assert holds(plan, "routes") == [True, True]
    assert plan.machine("me").student


WRONG = {
    "stages[1].name: an earlier stage is called addresses": [ADDRESSES, ADDRESSES],
    "stages[0].reference.r9: there is no node 'r9'": [
        {**ADDRESSES, "reference": {"r9": {"routing": "static"}}}
    ],
    "stages[0].reference.r1.addresses.lan3: r1 has no NIC in lan3": [
        {**ADDRESSES, "reference": {"r1": {"addresses": {"lan3": ["10.0.3.1"]}}}}
    ],
    "stages[0].reference.r1.rules: r1 has no rules": [
        {**ADDRESSES, "reference": {"r1": {"rules": []}}}
    ],
    "stages[0].reference.r1.routes[0].via: pc3 has no LAN in common with r1": [
        {**ADDRESSES, "reference": {"r1": {"routes": [{"to": "10.0.3.0/24", "via": "pc3"}]}}}
    ],
    "stages[0].checks[0].ping.to: there is no node 'pc8'": [
        {**ADDRESSES, "checks": [{"ping": {"from": "pc1", "to": "pc8"}}]}
    ],
    "stages[0].reference.r1: it says nothing": [{**ADDRESSES, "reference": {"r1": {}}}],
    "10.0.3.9 is outside lan2": [
        {**ADDRESSES, "reference": {"r1": {"addresses": {"lan2": ["10.0.3.9"]}}}}
    ],
}


@pytest.mark.parametrize("problem", WRONG)
def test_what_a_stage_cannot_lead_to_is_told(problem):
    with pytest.raises(DescriptionError) as caught:
        resolve(lab(*WRONG[problem]))
    assert problem in str(caught.value)
