"""Snapshots of whole copies: their names, and when one can't be restored."""

from dataclasses import replace

import pytest

from labiac.backends.base import Snapshot
from labiac.backends.moments import differing, fresh_name, hash_of, named, restorable
from labiac.errors import BackendError, UsageError
from labiac.plan.model import unstarted
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

WHOLE = Snapshot("start", taken=0, plan="", nodes=("pc1", "pc2"), lost=(), differs=())


def plan(**more):
    pcs = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}
    lab = {"name": "lab", "lans": {"lan1": {}}, "pcs": pcs, **more}
    return resolve(from_data(lab, "test"), "ana", "libvirt")


@pytest.mark.parametrize("name", ["start", "a", "2026-11-23_before.exam", "A" * 63])
def test_a_name_is_what_every_file_system_takes(name):
    fresh_name(name, [])


@pytest.mark.parametrize("name", ["", "../start", "a/b", "a b", "-a", ".a", "ä", "a\n", "A" * 64])
def test_any_other_name_is_refused_with_the_limit(name):
    with pytest.raises(UsageError, match="a name is 1 to 63"):
        fresh_name(name, [])


def test_a_name_is_had_once():
    with pytest.raises(UsageError, match="there is one of that name") as caught:
        fresh_name("start", [WHOLE])
    assert "labiac snapshot delete FILE start" in caught.value.fix


def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are():
    assert named("start", [WHOLE]) is WHOLE
    with pytest.raises(UsageError) as caught:
        named("end", [WHOLE])
    assert caught.value.fix == "there is start"
    with pytest.raises(UsageError) as caught:
        named("end", [])
    assert "labiac snapshot take" in caught.value.fix


def test_a_whole_snapshot_of_this_lab_is_restorable():
    restorable(WHOLE)


def test_a_snapshot_that_lacks_a_machine_is_refused_with_its_name():
    with pytest.raises(BackendError, match="has nothing of pc2"):
        restorable(replace(WHOLE, lost=("pc2",)))


def test_a_snapshot_of_another_lab_is_refused_with_what_differs():
    with pytest.raises(BackendError) as caught:
        restorable(replace(WHOLE, differs=("+ machine pc3",)))
    assert "+ machine pc3" in str(caught.value)


def test_a_lab_does_not_differ_from_itself():
    assert list(differing(plan(), plan())) == []
    assert hash_of(plan()) == hash_of(plan())


def test_more_memory_is_said_with_both_values():
    now = plan(defaults={"memory_mib": 768})
    assert list(differing(plan(), now)) == [
        "pc1 memory: 512 MiB -> 768 MiB",
        "pc2 memory: 512 MiB -> 768 MiB",
    ]
    assert hash_of(now) != hash_of(plan())


def test_a_new_machine_and_a_new_lan_are_said():
    now = plan(lans={"lan1": {}, "lan2": {}}, routers={"r1": {"lans": ["lan1", "lan2"]}})
    said = list(differing(plan(), now))
    assert "+ network lan2" in said
    assert "+ machine r1" in said


def test_a_lan_that_is_gone_is_no_difference_since_it_is_made_again():
    then = plan()
    assert list(differing(then, replace(then, networks=()))) == []


def test_whether_a_lab_was_started_when_it_was_made_is_no_difference():
    assert list(differing(unstarted(plan()), plan())) == []


def test_a_text_of_many_lines_is_not_printed():
    then = plan()
    pc1, pc2 = then.machines
    seed = (replace(pc1.seed[0], text="#cloud-config\nusers: []\n"), *pc1.seed[1:])
    (said,) = differing(then, replace(then, machines=(replace(pc1, seed=seed), pc2)))
    assert "\n" not in said
    assert said.startswith("pc1 ")
