"""Snapshots of whole labs on the real VBoxManage; of machines that run, with a switch of ours."""

import re
from dataclasses import replace

import pytest

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import marks, parts, snapshots
from labiac.backends.virtualbox.info import scan
from labiac.backends.virtualbox.manage import RefusedError, manage
from labiac.errors import BackendError, UsageError
from labiac.plan.model import SeedFile
from tests.backends.killed import killed

pytestmark = pytest.mark.slow

PAIR = {
    "management": "none",  # nobody answers where nothing boots
    "lans": {"lan1": {}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}},
}
ONE = {"management": "none", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}


def uuid(lab, name):
    return str(uuid_of(lab.ref(lab.plan.machine(name))))


def disk(lab, name):
    """Return the UUIDs of a machine's disk, and of the one that it stands on."""
    info = scan(manage("showvminfo", uuid(lab, name), "--machinereadable"))
    own = info["disk-ImageUUID-0-0"]
    parent = re.search(r"^Parent UUID: +(\S+)", manage("showmediuminfo", "disk", own), re.MULTILINE)
    return own, parent[1]


def names(backend, lab):
    return [each.name for each in backend.snapshots(lab.copy).all()]


def test_a_lab_goes_back_to_the_disks_and_the_hardware_of_its_snapshot(virtualbox, lab):
    made = lab(PAIR)
    made.up()
    then = {name: disk(made, name)[0] for name in ("pc1", "pc2")}
    taken = virtualbox.snapshots(made.copy).take("start")
    assert (taken.name, taken.nodes, taken.lost, taken.differs) == ("start", ("pc1", "pc2"), (), ())
    assert virtualbox.snapshots(made.copy).all() == [taken]
    written = {name: disk(made, name) for name in then}
    assert {name: below for name, (_, below) in written.items()} == then
    manage("modifyvm", uuid(made, "pc1"), "--memory=700", "--nic1=null")
    assert made.read(made.plan.machine("pc1")) != made.plan.machine("pc1")

    assert virtualbox.snapshots(made.copy).restore("start") == taken
    after = {name: disk(made, name) for name in then}
    assert {name: below for name, (_, below) in after.items()} == then
    assert not {own for own, _ in after.values()} & {own for own, _ in written.values()}
    assert [made.read(each) for each in made.plan.machines] == list(made.plan.machines)

    virtualbox.snapshots(made.copy).forget("start")
    assert virtualbox.snapshots(made.copy).all() == []
    assert not [*marks.machines().glob(f"{made.plan.lab}-*/snapshot-*")]
    snapshots = virtualbox.snapshots(made.copy)
    for work in (snapshots.restore, snapshots.forget):
        with pytest.raises(UsageError, match="there is no such snapshot"):
            work("start")


def test_what_more_than_one_disk_stands_on_is_deleted_last(virtualbox, lab):
    made = lab(ONE)
    made.up()
    for name in ("one", "two"):
        virtualbox.snapshots(made.copy).take(name)
    virtualbox.snapshots(made.copy).restore("one")
    with pytest.raises(BackendError, match="two and the lab as it is now stand on its disks"):
        virtualbox.snapshots(made.copy).forget("one")
    virtualbox.snapshots(made.copy).take("three")
    with pytest.raises(BackendError, match="two and three stand on its disks") as caught:
        virtualbox.snapshots(made.copy).forget("one")
    assert caught.value.fix == "labiac snapshot delete FILE two, then this one"
    assert names(virtualbox, made) == ["one", "two", "three"]
    for name in ("two", "one", "three"):
        virtualbox.snapshots(made.copy).forget(name)
    assert names(virtualbox, made) == []


def test_a_snapshot_of_another_lab_is_not_restored_and_one_brought_back_is(virtualbox, lab):
    made = lab(ONE)
    made.up()
    virtualbox.snapshots(made.copy).take("start")
    was = made.plan.machine("pc1")
    now = replace(was, seed=(SeedFile("meta-data", "instance-id: other\n"), *was.seed[1:]))
    virtualbox.update(made.ref(was), was, now)
    with pytest.raises(BackendError, match="is of another lab"):
        virtualbox.snapshots(made.copy).restore("start")
    virtualbox.update(made.ref(was), now, was)
    virtualbox.snapshots(made.copy).restore("start")
    assert made.read(was) == was


def test_a_machine_made_anew_has_no_part_any_more(virtualbox, lab):
    made = lab(PAIR)
    made.up()
    virtualbox.snapshots(made.copy).take("start")
    virtualbox.reset(made.ref(made.plan.machine("pc2")))
    (left,) = virtualbox.snapshots(made.copy).all()
    assert left.lost == ("pc2",)
    with pytest.raises(BackendError, match="it has nothing of pc2"):
        virtualbox.snapshots(made.copy).restore("start")
    virtualbox.snapshots(made.copy).forget("start")
    assert names(virtualbox, made) == []


def test_snapshots_that_somebody_took_by_hand_are_none_of_ours(virtualbox, lab):
    made = lab(ONE)
    made.up()
    for words in ("mine", "labiac ../../pc2", "labiac 0123456789abcdef"):
        manage("snapshot", uuid(made, "pc1"), "take", "start", "--description", words)
    assert names(virtualbox, made) == []
    virtualbox.snapshots(made.copy).take("start")
    virtualbox.snapshots(made.copy).forget("start")
    assert manage("snapshot", uuid(made, "pc1"), "list").count("Name: start") == 3


def test_a_copy_that_is_not_up_has_nothing_to_keep(virtualbox, lab):
    made = lab(PAIR)
    with pytest.raises(BackendError, match="is not up on virtualbox"):
        virtualbox.snapshots(made.copy).take("start")
    made.up()
    manage("unregistervm", uuid(made, "pc2"), "--delete")
    with pytest.raises(BackendError, match="virtualbox pc2: it is gone"):
        virtualbox.snapshots(made.copy).take("start")
    assert names(virtualbox, made) == []


def test_machines_that_run_stand_still_while_all_of_them_are_kept(virtualbox, lab, power):
    made = lab(PAIR)
    made.up()
    one, two = (uuid(made, name) for name in ("pc1", "pc2"))
    virtualbox.start(made.ref(made.plan.machine("pc1")))
    power.calls()
    virtualbox.snapshots(made.copy).take("start")
    acts = [line.split()[:3] for line in power.calls("controlvm", "take")]
    assert acts == [
        ["controlvm", one, "pause"],
        ["snapshot", one, "take"],
        ["snapshot", two, "take"],
        ["controlvm", one, "resume"],
    ]
    virtualbox.start(made.ref(made.plan.machine("pc2")))
    power.calls()
    virtualbox.snapshots(made.copy).restore("start")
    acts = [line.split()[:3] for line in power.calls("controlvm", "restore", "startvm")]
    assert acts == [
        ["controlvm", one, "poweroff"],
        ["controlvm", two, "poweroff"],
        ["snapshot", one, "restore"],
        ["snapshot", two, "restore"],
        ["startvm", one, "--type=headless"],
    ]
    assert (power.state(one), power.state(two)) == ("running", "poweroff")


def test_a_machine_left_standing_by_a_killed_run_goes_on_with_the_next_up(virtualbox, lab, power):
    made = lab(ONE)
    made.up()
    pc1 = made.plan.machine("pc1")
    virtualbox.start(made.ref(pc1))
    manage("controlvm", uuid(made, "pc1"), "pause")
    assert not virtualbox.read(made.ref(pc1)).running
    assert virtualbox.create(made.copy, pc1).running
    assert power.state(uuid(made, "pc1")) == "running"


def test_where_one_machine_is_refused_none_is_kept_and_all_go_on(
    virtualbox, lab, power, monkeypatch
):
    made = lab(PAIR)
    made.up()
    for machine in made.plan.machines:
        virtualbox.start(made.ref(machine))
    full = RefusedError("virtualbox pc2", ["VERR_DISK_FULL"], "")

    def refuse(guest, moment):
        if guest.mark.item.name == "pc2":
            raise full
        take(guest, moment)

    take = snapshots._Guest.take
    monkeypatch.setattr(snapshots._Guest, "take", refuse)
    with pytest.raises(RefusedError, match="VERR_DISK_FULL"):
        virtualbox.snapshots(made.copy).take("start")
    assert names(virtualbox, made) == []
    assert {power.state(uuid(made, name)) for name in ("pc1", "pc2")} == {"running"}


def test_a_snapshot_that_was_killed_is_never_restored_and_can_be_deleted(virtualbox, lab):
    made = lab(PAIR)
    made.up()
    ends = set()

    def watch(steps):
        steps.count(snapshots, "manage")
        steps.count(parts, "keep")

    for step in range(1, 20):
        survived = not killed(step, watch, lambda: virtualbox.snapshots(made.copy).take("start"))
        known = virtualbox.snapshots(made.copy).all()
        whole = [each for each in known if not each.lost]
        assert not whole or len(known) == 1
        ends.add(len(known) + len(whole))
        if known:
            virtualbox.snapshots(made.copy).forget("start")
        if survived:
            break
    assert ends == {0, 1, 2}
    assert names(virtualbox, made) == []
