from __future__ import annotations

from dataclasses import replace

import pytest

from labiac.plan.model import Route
from labiac.reach.checks import evaluate, kernel_routes
from labiac.reach.matrix import matrix


@pytest.fixture
def judged(planned, row):
    """Say why a check of three LANs in a row does not hold, or nothing; r2 may lack its routes."""

    def say(kind, source="", target="", *visits, routing="static"):
        pair = {"from": source, "to": target} | ({"visits": visits} if kind == "path" else {})
        checks = [{kind: pair if source else True}]
        plan = planned(**row(r2={"routing": routing}), checks=checks)
        (result,) = evaluate(plan, {pair.ends: pair for pair in matrix(plan, all_nodes=True)})
        assert result.ok is (result.reason == "")
        return result.reason

    return say


def test_a_ping_holds_when_the_pair_does(judged):
    assert judged("ping", "pc1", "pc3") == ""
    assert judged("ping", "pc3", "pc1", routing="none") == "r2 has no route to 10.0.1.0/24"


def test_a_no_ping_holds_when_the_pair_does_not(judged):
    assert judged("no_ping", "pc3", "pc1", routing="none") == ""
    assert judged("no_ping", "pc1", "pc3") == "pc3 answers"


@pytest.mark.parametrize("visits", [(), ("r1",), ("r2",), ("r1", "r2")])
def test_a_path_holds_when_it_visits_the_nodes_in_order(judged, visits):
    assert judged("path", "pc1", "pc3", *visits) == ""


@pytest.mark.parametrize("visits", [("pc2",), ("r2", "r1"), ("r1", "r1")])
def test_a_path_that_goes_another_way_says_which(judged, visits):
    assert judged("path", "pc1", "pc3", *visits) == "packets visit pc1, r1, r2, pc3"


def test_a_path_needs_the_answer_too(judged):
    why = "r2 has no route to 10.0.1.0/24"
    assert judged("path", "pc3", "pc1", "r2", routing="none") == why


def test_all_ping_holds_when_every_end_node_reaches_every_other(judged):
    assert judged("all_ping") == ""
    assert judged("all_ping", routing="none") == "no answer: pc1 -> pc3, pc3 -> pc1"


def test_all_ping_names_the_first_of_many_pairs(planned):
    pcs = {f"pc{number}": {"lan": "lan1", "connected": False} for number in range(1, 6)}
    plan = planned(lans={"lan1": {}}, pcs=pcs, checks=[{"all_ping": True}])
    (result,) = evaluate(plan, {pair.ends: pair for pair in matrix(plan)})
    assert result.reason.startswith("no answer: pc1 -> pc2, pc1 -> pc3, ")
    assert result.reason.endswith(", pc3 -> pc5 and 8 more")


def test_a_router_counts_for_the_checks_that_name_it_alone(judged):
    assert judged("ping", "r1", "r2", routing="none") == ""


def test_a_route_is_predicted_from_the_table_of_the_node(planned, row):
    def reason(routing="static", **route):
        plan = planned(**row(r2={"routing": routing}), checks=[{"route": {"node": "r2", **route}}])
        (result,) = evaluate(plan, {pair.ends: pair for pair in matrix(plan, all_nodes=True)})
        assert not result.measured
        return result.reason

    assert reason(to="10.0.1.0/24") == reason(to="10.0.1.0/24", via="r1") == ""
    assert reason(to="10.0.1.0/24", via="10.0.2.9") == "r2 has a route to 10.0.1.0/24 via 10.0.2.1"
    assert reason(to="10.0.1.0/24", via="none") == "r2 has a route to 10.0.1.0/24 via 10.0.2.1"
    assert reason(to="10.0.1.0/24", routing="none") == "r2 has no route to 10.0.1.0/24"
    assert reason(to="10.0.1.0/24", via="none", routing="none") == ""
    subnet = "r2 has no route to 10.0.2.0/24: it is in that subnet, and needs none"
    assert reason(to="10.0.2.0/24") == subnet


def test_a_route_that_the_kernel_will_refuse_is_none(planned):
    routes = [{"to": "10.9.0.0/16", "via": "10.8.0.1"}]
    plan = planned(
        lans={"lan1": {}},
        pcs={"pc1": {"lan": "lan1", "routes": routes}, "pc2": {"lan": "lan1"}},
        checks=[{"route": {"node": "pc1", "to": "10.9.0.0/16"}}],
    )
    (result,) = evaluate(plan, {})
    assert result.reason == "pc1 has no route to 10.9.0.0/16"
    assert kernel_routes(plan, plan.machine("pc1")) == {}


def test_a_route_that_a_student_added_counts_though_the_plan_has_another(planned, row):
    plan = planned(**row(r1={"routing": "none"}))
    live = replace(plan.machine("r1"), routes=(Route("10.0.3.0/24", "10.0.2.2"),))
    assert kernel_routes(plan, live) == {"10.0.3.0/24": ["10.0.2.2"]}


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ({"is": "10.0.1.11"}, ""),
        ({"is": "10.0.1.11/24", "nic": "eth0"}, ""),
        ({"is": "10.0.1.11/16"}, "pc1 has no 10.0.1.11/16; its addresses: 10.0.1.11/24 on eth0"),
        ({"is": "10.0.1.12"}, "pc1 has no 10.0.1.12; its addresses: 10.0.1.11/24 on eth0"),
    ],
)
def test_an_address_is_predicted_with_its_prefix_where_that_is_said(planned, row, address, why):
    plan = planned(**row(), checks=[{"address": {"node": "pc1", **address}}])
    (result,) = evaluate(plan, {})
    assert result.reason == why


def test_what_a_listener_decides_is_not_guessed(planned, row):
    ends = {"from": "pc1", "to": "pc3", "port": 80}
    checks = [
        {"port": ends},
        {"port": {**ends, "open": False}},
        {"http": {"from": "pc1", "url": "http://pc3/"}},
        {"http": {"from": "pc1", "url": "http://www.lab/"}},
        {"dns": {"from": "pc1", "name": "x.lab", "answer": "10.0.0.1", "server": "pc3"}},
        {"command": {"node": "pc1", "run": ["true"]}},
    ]
    plan = planned(**row(), checks=checks)
    assert evaluate(plan, {}) == (None,) * 6
    cut = planned(**row(r2={"routing": "none"}), checks=checks)
    why = "the reply from pc3: r2 has no route to 10.0.1.0/24"
    said = [result and result.reason for result in evaluate(cut, {})]
    assert said == [why, "", why, None, why, None]


def test_a_firewall_closes_a_port_that_a_ping_gets_past(planned):
    rules = [{"allow": "icmp"}, {"allow": "tcp", "ports": [80]}]
    ends = {"from": "pc1", "to": "pc2"}
    plan = planned(
        lans={"lan1": {}, "lan2": {}},
        middleboxes={"fw": {"role": "firewall", "lans": ["lan1", "lan2"], "rules": rules}},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
        checks=[
            {"ping": ends},
            {"port": {**ends, "port": 22, "open": False}},
            {"port": {**ends, "port": 22}},
            {"port": {**ends, "port": 80}},
        ],
    )
    pairs = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    ping, shut, barred, free = evaluate(plan, pairs)
    assert ping.ok
    assert shut.ok
    assert barred.reason.startswith("fw ")
    assert free is None
