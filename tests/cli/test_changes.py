"""What previews and refreshes say: steps of the engine in the words of networking."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from labiac.backends.base import Features
from labiac.backends.memory import Memory
from labiac.cli.changes import (
    differences,
    disks_lost,
    drift,
    drift_text,
    image_text,
    images_changed,
    previewed,
    step_title,
)
from labiac.cli.comparison import compare
from labiac.fleet.events import Step
from labiac.plan.document import to_data
from labiac.plan.resolve import resolve
from labiac.provider.values import to_camel
from labiac.schema.load import from_data

LIVE = Memory.features
STIFF = Features(boots=True, live=frozenset())
LAB = {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}, "pc3": {"lan": "lan2"}},
}
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
    assert said([step]) == ["pc1 eth0 addresses: (none) => 10.9.9.9/8"]


def test_a_machine_that_does_not_run_is_drift():
    step = replace(STEP, outputs={**PC1, "running": False})
    assert said([step]) == ["pc1 running: yes => no"]


def test_a_machine_that_somebody_started_is_no_drift_where_it_was_to_be_made_off():
    started = {**PC1, "start": True, "running": True}
    assert said([replace(STEP, inputs={**PC1, "start": False}, outputs=started)]) == []


def test_rules_changed_by_hand_are_drift_in_a_sentence():
    policy = {"rules": [{"action": "accept", "protocol": "icmp"}], "default": "drop"}
    step = replace(STEP, inputs={**PC1, "policy": policy})
    assert said([step]) == ["pc1: its nftables rules are not as deployed"]


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


def steps_of(plan, **running):
    """Return the steps of a preview that finds *plan* deployed; *running* says what does not."""
    copy = {"lab": plan.lab, "student": plan.student, "backend": plan.backend}
    return [
        Step(
            type=f"labiac:index:{type(item).__name__}",
            name=f"{plan.lab}-{item.name}",
            op="same",
            state="done",
            seconds=0,
            inputs={},
            outputs={},
            before={
                **to_camel(to_data(item)),
                "copy": copy,
                "running": running.get(item.name, True),
            },
        )
        for item in (*plan.machines, *plan.networks)
    ]


def planned(**changed):
    return resolve(from_data({"name": "small", **LAB, **changed}), backend="memory")


def test_a_preview_and_a_diff_of_the_same_labs_are_the_same():
    old = planned()
    lans = {"lan1": {}, "lan2": {"ipv4": "10.9.9.0/24"}}
    new = planned(lans=lans, pcs={"anna": {"lan": "lan1", "ipv4": "10.0.1.11"}, **LAB["pcs"]})
    shuffled = steps_of(old)[::-1]
    assert previewed(shuffled, new, STIFF) == compare(old, new, STIFF)


def test_what_is_new_has_nothing_that_stood_before_it():
    new = planned()
    found = previewed([replace(STEP, before={})], new, LIVE)
    assert (found.old.machines, found.old.networks) == ((), ())
    assert {change.effect for change, _ in found.changes} == {"create"}
    assert {(turned.was, turned.now) for turned in found.turned} == {(False, True)}


def test_a_router_that_restarts_disturbs_the_pairs_beyond_it_and_not_its_neighbours():
    new = planned(routers={"r1": {"lans": ["lan1", "lan2"], "routing": "none"}})
    found = previewed(steps_of(planned()), new, Features(boots=True, live=frozenset({"hosts"})))
    ((change, disturbed),) = found.changes
    assert (change.item, change.effect) == ("r1", "reseed")
    assert set(disturbed) == {
        ends for ends in permutations(("pc1", "pc2", "pc3"), 2) if "pc3" in ends
    }


def test_a_machine_that_does_not_run_is_restarted_and_reached_by_nobody_until_then():
    plan = planned()
    found = previewed(steps_of(plan, r1=False), plan, LIVE)
    ((change, disturbed),) = found.changes
    assert (change.item, change.effect, disturbed) == ("r1", "restart", ())
    assert change.fields == (("running", "no", "yes"),)
    assert {(each.source, each.target) for each in found.turned} == {
        ends for ends in permutations(("pc1", "pc2", "pc3"), 2) if "pc3" in ends
    }
    assert previewed(steps_of(plan), plan, LIVE).changes == ()


def test_another_ssh_key_reboots_the_machines_that_take_it_and_the_preview_says_so():
    plan = planned()
    keyed = [
        replace(step, before={**step.before, "key": "ssh-ed25519 AAAA x"})
        if step.before["name"] in {"r1", "pc3"}
        else step
        for step in steps_of(plan)
    ]
    anew = replace(STEP, type="labiac:index:Key", name="key", op="replace", inputs={}, before={})
    found = previewed([anew, *keyed], plan, STIFF)
    assert {(change.item, change.effect) for change, _ in found.changes} == {
        ("r1", "reseed"),
        ("pc3", "reseed"),
    }
    assert found.changes[0][0].fields == (("SSH key", "the one that is there", "a new one"),)
    assert previewed([replace(anew, op="same"), *keyed], plan, STIFF).changes == ()


def test_a_lab_that_moves_to_another_backend_is_made_anew():
    old = planned()
    found = previewed(steps_of(old), replace(old, backend="netns"), LIVE)
    assert {change.effect for change, _ in found.changes} == {"replace"}
    assert found.changes[0][0].fields == (("backend", "memory", "netns"),)


def test_disks_are_lost_by_what_is_made_anew_or_renamed_or_goes():
    old = planned()
    pcs = {
        "pc1": {"lan": "lan1", "disk_gib": 40},
        "bob": {"lan": "lan1", "ipv4": "10.0.1.12"},
        "pc4": {"lan": "lan1"},
    }
    found = previewed(steps_of(old), planned(pcs=pcs), STIFF)
    lost = [(change.kind, change.item, change.effect) for change in disks_lost(found)]
    assert lost == [
        ("machine", "pc1", "replace"),
        ("rename", "bob", "replace"),
        ("machine", "pc3", "delete"),
    ]


IMAGE = replace(
    STEP,
    type="labiac:index:Image",
    name="three-lans-debian",
    inputs={"name": "debian", "backend": "libvirt", "sha256": "ab" * 32},
    outputs={"name": "debian", "backend": "libvirt", "sha256": "ab" * 32},
    before={"name": "debian", "backend": "libvirt", "sha256": "cd" * 32},
)


def images(*steps):
    return [image_text(each) for each in images_changed(steps)]


def test_an_image_of_another_content_is_said_with_both_hashes():
    (said,) = images(IMAGE)
    assert said.startswith("~ image debian   cdcdcdcdcdcd -> abababababab,")


def test_an_image_that_is_new_to_a_copy_is_said_and_one_that_stays_is_not():
    assert images(replace(IMAGE, op="create", before={})) == ["+ image debian"]
    assert images(replace(IMAGE, op="same")) == []


def test_an_image_that_goes_from_a_copy_is_said_to_stay():
    assert step_title(IMAGE) == "image debian"
    assert "stays" in step_title(replace(IMAGE, op="delete"))


def test_an_image_that_is_gone_from_the_host_is_drift():
    assert said([IMAGE]) == []
    assert said([replace(IMAGE, outputs={})]) == ["debian: there => gone"]
    assert drift([replace(IMAGE, outputs={})])[0]["kind"] == "image"
