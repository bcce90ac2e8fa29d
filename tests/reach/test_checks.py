from __future__ import annotations

import pytest

from labiac.plan.model import Check
from labiac.reach.checks import evaluate
from labiac.reach.matrix import Pair

PAIRS = (
    Pair("pc1", "pc2", ok=True, path=("pc1", "r1", "r2", "pc2"), reason=""),
    Pair("pc2", "pc1", ok=False, path=("pc2", "r2"), reason="r2 has no route to 10.0.1.0/24"),
)


def judged(kind, source="", target="", *visits):
    (result,) = evaluate([Check(kind, source, target, visits)], PAIRS)
    assert result.ok is (result.reason == "")
    return result.reason


def test_a_ping_holds_when_the_pair_does():
    assert judged("ping", "pc1", "pc2") == ""
    assert judged("ping", "pc2", "pc1") == "r2 has no route to 10.0.1.0/24"


def test_a_no_ping_holds_when_the_pair_does_not():
    assert judged("no_ping", "pc2", "pc1") == ""
    assert judged("no_ping", "pc1", "pc2") == "pc2 answers pc1"


@pytest.mark.parametrize("visits", [(), ("r1",), ("r2",), ("r1", "r2")])
def test_a_path_holds_when_it_visits_the_nodes_in_order(visits):
    assert judged("path", "pc1", "pc2", *visits) == ""


def test_a_path_that_goes_another_way_says_which():
    assert judged("path", "pc1", "pc2", "r3") == "goes pc1 -> r1 -> r2 -> pc2: not by r3"
    backwards = "goes pc1 -> r1 -> r2 -> pc2: not by r1, in that order"
    assert judged("path", "pc1", "pc2", "r2", "r1") == backwards


def test_a_path_needs_the_answer_too():
    assert judged("path", "pc2", "pc1", "r2") == "r2 has no route to 10.0.1.0/24"


def test_all_ping_names_the_pairs_that_do_not():
    assert judged("all_ping") == "pc2 -> pc1: r2 has no route to 10.0.1.0/24"
    many = [Pair("pc1", f"pc{n}", ok=False, path=("pc1",), reason="no") for n in range(2, 7)]
    (result,) = evaluate([Check("all_ping", "", "", ())], many)
    assert result.reason == "pc1 -> pc2: no; pc1 -> pc3: no; pc1 -> pc4: no; and 2 more"


def test_a_pair_that_is_not_in_the_matrix_fails_its_check():
    assert judged("ping", "pc1", "pc9") == "pc1 -> pc9 is not known"
