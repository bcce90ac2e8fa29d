"""What `verify` concludes from a prediction, a measurement and the lab's checks."""

from __future__ import annotations

from rich.text import Text

from labiac.cli.verdict import verdict, verdict_data
from labiac.cli.verify import verdict_view
from labiac.plan.resolve import resolve
from labiac.reach.checks import evaluate
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data

LAB = {
    "name": "row",
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}
STUDENTS = {
    **LAB,
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {
        "r1": {"lans": ["lan1", "lan2"], "routing": "none"},
        "r2": {"lans": ["lan2", "lan3"], "routing": "none"},
    },
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan3"}},
}


def compared(lab, **changed):
    """Return the verdict where the pairs *changed* (``pc1_pc2=False``) are not as predicted."""
    plan = resolve(from_data(lab, "test"))
    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    live = dict(predicted)
    for name, ok in changed.items():
        source, target = name.split("_")
        pair = predicted[source, target]
        live[source, target] = pair.told(ok=ok, reason="" if ok else "r1 is gone")
    return verdict(plan, predicted, live, evaluate(plan, live))


def names(pairs):
    return [f"{pair.source} -> {pair.target}" for pair in pairs]


def test_a_lab_as_predicted_agrees():
    found = compared(LAB)
    assert found.ok
    assert found.gained == found.lost == ()


def test_a_pair_lost_on_our_nodes_is_a_failure():
    found = compared(LAB, pc1_pc2=False)
    assert not found.ok
    assert names(found.lost) == ["pc1 -> pc2"]


def test_a_pair_lost_on_our_nodes_is_a_failure_though_every_check_holds():
    lab = {**LAB, "checks": [{"ping": {"from": "pc2", "to": "pc1"}}]}
    found = compared(lab, pc1_pc2=False)
    assert all(judged.ok for judged in found.checks)
    assert not found.ok


def test_a_pair_gained_on_a_students_node_is_never_a_failure():
    found = compared(STUDENTS, pc1_pc3=True, pc3_pc1=True)
    assert found.ok
    assert names(found.gained) == ["pc1 -> pc3", "pc3 -> pc1"]


def test_a_pair_lost_on_a_students_node_is_a_failure_where_no_check_decides():
    assert compared(STUDENTS).ok
    assert not compared(STUDENTS, pc1_pc2=False).ok


def test_where_there_are_checks_they_decide_what_a_student_may_lose():
    lab = {**STUDENTS, "checks": [{"no_ping": {"from": "pc1", "to": "pc2"}}]}
    assert not compared(lab).ok
    found = compared(lab, pc1_pc2=False)
    assert found.ok
    assert names(found.lost) == ["pc1 -> pc2"]


def test_an_open_exercise_agrees_and_fails_its_checks_until_it_is_solved():
    lab = {**STUDENTS, "checks": [{"all_ping": True}]}
    start = compared(lab)
    assert (start.agree, start.ok) == (True, False)
    solved = compared(lab, pc1_pc3=True, pc2_pc3=True, pc3_pc1=True, pc3_pc2=True)
    assert solved.ok


def test_a_pair_gained_without_any_students_node_is_a_failure():
    lab = {**LAB, "routers": {}}
    assert not compared(lab, pc1_pc2=True).ok


def test_the_document_tells_the_prediction_beside_the_measurement():
    data = verdict_data(compared(LAB, pc1_pc2=False))
    assert data["agree"] is False
    assert data["pairs"][0] == {
        "from": "pc1",
        "to": "pc2",
        "ok": True,
        "live": False,
        "reason": "r1 is gone",
    }
    assert data["lost"] == [{"from": "pc1", "to": "pc2", "reason": "r1 is gone"}]
    assert data["gained"] == data["checks"] == []
    assert data["points"] == {"got": 0, "of": 0}


def test_points_are_those_of_the_checks_that_hold():
    asked = {"from": "pc1", "to": "pc2"}
    checks = [
        {"ping": asked, "points": 2, "title": "There and back", "hint": "Routes."},
        {"no_ping": asked},
    ]
    data = verdict_data(compared({**LAB, "checks": checks}))
    assert data["points"] == {"got": 2, "of": 3}
    assert data["checks"][0] == {
        "check": "ping pc1 -> pc2",
        "kind": "ping",
        "title": "There and back",
        "ok": True,
        "reason": "",
        "hint": "Routes.",
        "points": 2,
        "measured": False,
        "evidence": {},
        "seconds": 0.0,
    }


def test_pairs_lost_and_gained_are_told_once_each_way_together():
    found = compared(STUDENTS, pc1_pc3=True, pc3_pc1=True, pc1_pc2=False)
    said = [part.plain for part in verdict_view(found) if isinstance(part, Text)]
    assert "gained: pc1 <-> pc3" in said
    assert "lost: pc1 -> pc2" in said


def test_one_check_fails_and_of_more_some_fail():
    ping = {"ping": {"from": "pc1", "to": "pc2"}}
    back = {"ping": {"from": "pc2", "to": "pc1"}}
    assert compared({**LAB, "checks": [ping]}, pc1_pc2=False).failing == "1 of 1 check fails"
    assert compared({**LAB, "checks": [ping, back]}, pc1_pc2=False).failing == "1 of 2 checks fail"
    assert compared({**LAB, "checks": [ping]}).failing == ""
