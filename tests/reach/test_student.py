from __future__ import annotations

from labiac.reach.matrix import matrix
from labiac.reach.student import students_pairs


def theirs(plan):
    pairs = {pair.ends: pair for pair in matrix(plan)}
    return {" ".join(ends) for ends in students_pairs(plan, pairs)}


def test_in_a_lab_without_a_students_node_nothing_is_the_students(planned, row):
    assert theirs(planned(**row(pc1={"gateway": "none"}))) == set()


def test_a_pair_is_the_students_whose_packets_visit_a_students_node(planned, row):
    plan = planned(**row(r2={"student": True}))
    assert theirs(plan) == {"pc1 pc3", "pc3 pc1", "pc2 pc3", "pc3 pc2"}


def test_a_pair_is_the_students_whose_answers_visit_a_students_node(planned):
    plan = planned(
        lans={"lan1": {}, "lan2": {}},
        routers={
            "r1": {"lans": ["lan1", "lan2"]},
            "r2": {"lans": ["lan1", "lan2"], "student": True},
        },
        pcs={
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan2", "gateway": "r2"},
            "pc3": {"lan": "lan2", "gateway": "r1"},
        },
    )
    assert theirs(plan) == {"pc1 pc2", "pc2 pc1"}


def test_a_pair_is_the_students_that_does_not_answer_yet(planned, row):
    plan = planned(**row(pc1={"gateway": "none"}, pc2={"student": True}))
    assert {"pc1 pc3", "pc3 pc1"} <= theirs(plan)
