from __future__ import annotations

import pytest

from labiac.reach.checks import evaluate
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
