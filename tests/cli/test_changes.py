"""What previews and refreshes say: steps of the engine in the words of networking."""

from __future__ import annotations

from dataclasses import replace

from labiac.backends.base import Features
from labiac.cli.changes import (
    change_of,
    differences,
    drift,
    drift_text,
    neighbours,
    preview_view,
    reachability_data,
    reachability_view,
)
from labiac.fleet.events import Step
from labiac.plan.resolve import plan_file

FEATURES = Features(boots=False, live=frozenset({"routes"}))
NIC = {"name": "eth0", "network": "lan1", "addresses": ["10.0.1.11/24"]}
PC1 = {
    "name": "pc1",
    "role": "pc",
    "nics": [NIC],
    "routes": [{"to": "0.0.0.0/0", "via": "10.0.1.1"}],
}
STEP = Step(
    type="labiac:index:Machine",
    name="three-lans-pc1",
    op="update",
    state="done",
    seconds=0,
    inputs=PC1,
    outputs={**PC1, "running": True},
    before={**PC1, "running": True},
)
FORECAST = {
    "pairs": {"pc1 -> pc2": "ok"},
    "addresses": {"pc1": ["10.0.1.11/24"]},
    "subnets": {},
}
REACHABILITY = replace(
    STEP,
    type="labiac:index:Reachability",
    name="three-lans-reachability",
    inputs=FORECAST,
    outputs=FORECAST,
    before=FORECAST,
)


def said(steps):
    return [drift_text(each) for each in drift(steps)]


def test_what_is_as_deployed_has_no_drift():
    assert said([STEP, REACHABILITY]) == []


def test_a_deleted_route_is_drift_in_the_words_of_a_route():
    step = replace(STEP, outputs={**PC1, "routes": [], "running": True})
    assert said([step]) == ["pc1 routes: 0.0.0.0/0 via 10.0.1.1 => (none)"]


def test_an_address_added_by_hand_is_drift_of_its_nic():
    nic = {**NIC, "addresses": ["10.0.1.11/24", "10.9.9.9/8"]}
    step = replace(STEP, outputs={**PC1, "nics": [nic], "running": True})
    assert said([step]) == ["pc1 nics.eth0.addresses: (none) => 10.9.9.9/8"]


def test_a_machine_that_does_not_run_is_drift():
    step = replace(STEP, outputs={**PC1, "running": False})
    assert said([step]) == ["pc1 running: True => False"]


def test_a_machine_that_is_gone_is_drift_in_the_run_that_finds_it_and_later():
    assert said([replace(STEP, outputs={}), REACHABILITY]) == ["pc1: there => gone"]
    assert said([REACHABILITY]) == ["pc1: there => gone"]


def test_a_pair_that_no_longer_answers_is_drift_with_its_reason():
    live = {**FORECAST, "pairs": {"pc1 -> pc2": "r1 is gone"}}
    assert said([STEP, replace(REACHABILITY, outputs=live)]) == ["pc1 -> pc2: ok => r1 is gone"]


def test_things_with_names_are_compared_by_name_not_by_place():
    one, two = {"name": "a", "id": 1}, {"name": "b", "id": 2}
    assert list(differences([one, two], [two, one])) == []
    assert [each.field for each in differences([one], [one, two])] == ["b"]


def test_a_change_says_its_effect_and_whom_it_disturbs():
    plan = plan_file("three-lans")
    live = replace(STEP, before={**PC1, "routes": [], "running": True})
    change = change_of(live, FEATURES)
    assert (change.kind, change.item, change.effect) == ("machine", "pc1", "live")
    assert change.fields == (("default route", None, "via 10.0.1.1"),)
    assert neighbours(change, live, plan) == []
    step = replace(STEP, op="delete", inputs={}, outputs={})
    gone = change_of(step, FEATURES)
    assert (gone.effect, neighbours(gone, step, plan)) == ("delete", ["r1", "pc2"])


def test_a_note_on_a_machine_that_boots_nothing_is_live():
    step = replace(STEP, inputs={**PC1, "memoryMib": 512}, before={**PC1, "memoryMib": 256})
    change = change_of(step, FEATURES)
    assert (change.effect, change.fields) == ("live", (("memory", "256 MiB", "512 MiB"),))


def test_a_machine_that_does_not_run_is_restarted():
    change = change_of(replace(STEP, before={**PC1, "running": False}), FEATURES)
    assert (change.effect, change.fields) == ("restart", (("running", "no", "yes"),))


def test_a_preview_says_which_pairs_become_unreachable_and_why():
    now = {**FORECAST, "pairs": {"pc1 -> pc2": "r2 has no route to 10.1.0.0/24"}}
    pairs = reachability_data([replace(REACHABILITY, inputs=now)])
    assert pairs == [
        {
            "from": "pc1",
            "to": "pc2",
            "was": True,
            "now": False,
            "reason": "r2 has no route to 10.1.0.0/24",
        }
    ]
    (line,) = reachability_view(pairs)
    assert line.plain == "pc1 -> pc2: ok => r2 has no route to 10.1.0.0/24"


def test_a_change_for_people_has_a_line_one_a_field_and_one_for_whom_it_disturbs():
    step = replace(STEP, before={**PC1, "routes": [], "running": True})
    lines = [line.plain for line in preview_view([(change_of(step, FEATURES), ["r1", "pc2"])])]
    assert lines == [
        "~ PC pc1   live",
        "    + default route via 10.0.1.1",
        "PC pc1 disturbs r1, pc2",
    ]
