"""Snapshots of whole labs on a simulated Hyper-V host: a checkpoint a machine."""

from dataclasses import replace

import pytest

from labiac.backends.hyperv import machines
from labiac.backends.hyperv.shell import LostError, RefusedError
from labiac.backends.snapshots import KeepsSnapshots
from labiac.backends.spare import KeepsDisks
from labiac.errors import BackendError, UsageError
from labiac.plan.model import SeedFile
from tests.backends.hyperv.world import Fault, Snapshot

PAIR = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
ONE = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}


@pytest.fixture
def up(lab):
    """Make labs that are up, the first machine of each on."""

    def make(description):
        made = lab(description)
        made.up()
        made.backend.start(made.ref("pc1"))
        return made

    return make


def states(server):
    return {vm.Name.rpartition("-")[2]: vm.State for vm in server.store.look().machines}


def names(made):
    return [each.name for each in made.backend.snapshots(made.copy).all()]


def refused(cmdlet, **when):
    return Fault(cmdlet, f"OperationFailed,{cmdlet}", "InvalidOperation", "it failed", **when)


def test_a_lab_goes_back_to_the_disks_the_hardware_and_the_power_of_its_snapshot(up, server):
    made = up(PAIR)
    then = {vm.Name: vm.disks[0].Path for vm in server.store.look().machines}
    taken = server.backend.snapshots(made.copy).take("start")
    assert (taken.name, taken.nodes, taken.lost, taken.differs) == ("start", ("pc1", "pc2"), (), ())
    assert states(server) == {"pc1": "Running", "pc2": "Off"}
    assert made.read() == list(made.items())
    with server.store.open() as world:
        first, second = world.machines
        first.State, first.MemoryStartup = "Off", 1 << 30
        second.State, second.adapters[0].switch = "Running", None
    assert server.backend.snapshots(made.copy).restore("start") == taken
    assert states(server) == {"pc1": "Running", "pc2": "Off"}
    assert made.read() == list(made.items())
    world = server.store.look()
    assert {vm.Name: world.file(vm.disks[0].Path).parent for vm in world.machines} == then

    server.backend.snapshots(made.copy).forget("start")
    assert names(made) == []
    assert {vm.Name: vm.disks[0].Path for vm in server.store.look().machines} == then
    snapshots = server.backend.snapshots(made.copy)
    for work in (snapshots.restore, snapshots.forget):
        with pytest.raises(UsageError, match="there is no such snapshot"):
            work("start")


def test_all_machines_stand_still_before_the_first_is_kept(up, server):
    made = up(PAIR)
    server.backend.start(made.ref("pc2"))
    with server.store.open() as world:
        world.calls.clear()
    server.backend.snapshots(made.copy).take("start")
    steps = {"Suspend-VM", "Save-VM", "Checkpoint-VM", "Start-VM"}
    done = [call for call in server.store.look().calls if call in steps]
    assert done == [step for step in ("Suspend-VM", "Save-VM", "Checkpoint-VM", "Start-VM")
                    for _ in range(2)]  # fmt: skip


def test_snapshots_are_deleted_in_any_order_and_destroy_leaves_nothing(up, server, monkeypatch):
    monkeypatch.setattr(machines.files, "_POLL_S", 0)
    made = up(ONE)
    for name in ("one", "two"):
        server.backend.snapshots(made.copy).take(name)
    server.backend.snapshots(made.copy).restore("one")
    server.backend.snapshots(made.copy).take("three")
    assert names(made) == ["one", "two", "three"]
    server.backend.snapshots(made.copy).forget("one")
    server.backend.snapshots(made.copy).restore("two")
    assert names(made) == ["two", "three"]
    made.down()
    assert server.store.look().left() == []


def test_disks_that_take_too_long_to_merge_stay_and_the_next_try_goes_on(up, server, monkeypatch):
    made = up(ONE)
    server.backend.snapshots(made.copy).take("start")
    monkeypatch.setattr(machines.files, "_POLL_S", 0)
    with monkeypatch.context() as patch:
        patch.setattr(machines.files, "_MERGE_S", 0)
        with pytest.raises(BackendError, match="are being merged for 0 s"):
            made.down()
    assert any(name.endswith(".avhdx") for name in server.store.look().files)
    made.down()
    assert server.store.look().left() == []


def test_where_one_machine_is_refused_nothing_is_kept_and_all_go_on(up, server):
    made = up(PAIR)
    with server.store.open() as world:
        world.faults.append(refused("Checkpoint-VM", after=1))
    with pytest.raises(RefusedError, match="it failed"):
        server.backend.snapshots(made.copy).take("start")
    assert names(made) == []
    assert states(server) == {"pc1": "Running", "pc2": "Off"}
    assert all('"part"' not in vm.Notes for vm in server.store.look().machines)


def test_where_one_machine_does_not_go_on_the_others_do(up, server):
    made = up(PAIR)
    server.backend.start(made.ref("pc2"))
    with server.store.open() as world:
        world.faults.append(refused("Start-VM", times=1))
    with pytest.raises(RefusedError, match="it failed"):
        server.backend.snapshots(made.copy).take("start")
    assert states(server) == {"pc1": "Saved", "pc2": "Running"}
    server.backend.start(made.ref("pc1"))
    assert states(server) == {"pc1": "Running", "pc2": "Running"}


@pytest.mark.parametrize("left", ["Paused", "Saved"])
def test_a_machine_that_a_killed_process_left_standing_still_goes_on(up, server, left):
    made = up(ONE)
    with server.store.open() as world:
        world.machines[0].State = left
    assert not server.backend.read(made.ref("pc1")).running
    server.backend.start(made.ref("pc1"))
    assert states(server) == {"pc1": "Running"}


def test_a_snapshot_of_another_lab_is_not_restored_and_one_brought_back_is(up, server):
    made = up(ONE)
    server.backend.snapshots(made.copy).take("start")
    was = made.plan.machine("pc1")
    now = replace(was, seed=(SeedFile("meta-data", "instance-id: other\n"), *was.seed[1:]))
    server.backend.update(made.ref("pc1"), was, now)
    with pytest.raises(BackendError, match="is of another lab"):
        server.backend.snapshots(made.copy).restore("start")
    server.backend.update(made.ref("pc1"), now, was)
    server.backend.snapshots(made.copy).restore("start")
    assert made.read() == list(made.items())


def test_a_machine_made_anew_has_no_part_any_more(up, server, monkeypatch):
    monkeypatch.setattr(machines.files, "_POLL_S", 0)
    made = up(PAIR)
    server.backend.snapshots(made.copy).take("start")
    server.backend.reset(made.ref("pc2"))
    (left,) = server.backend.snapshots(made.copy).all()
    assert left.lost == ("pc2",)
    with pytest.raises(BackendError, match="it has nothing of pc2"):
        server.backend.snapshots(made.copy).restore("start")
    server.backend.snapshots(made.copy).forget("start")
    assert names(made) == []


def test_checkpoints_that_somebody_took_by_hand_are_none_of_ours(up, server):
    made = up(ONE)
    with server.store.open() as world:
        (machine,) = world.machines
        machine.snapshots.append(Snapshot(machine.Id, "start", {**vars(machine), "disks": []}))
    assert names(made) == []
    server.backend.snapshots(made.copy).take("start")
    server.backend.snapshots(made.copy).forget("start")
    assert [each.Name for each in server.store.look().machines[0].snapshots] == ["start"]


def test_of_two_students_whose_names_begin_alike_each_has_their_own(up, server, lab):
    made = up(ONE)
    other = lab({**ONE, "name": "lab-ana"})
    other.up()
    server.backend.snapshots(made.copy).take("start")
    assert names(other) == []
    assert server.backend.snapshots(other.copy).take("start").nodes == ("pc1",)


def test_a_name_is_checked_and_taken_once(up, server):
    made = up(ONE)
    for wrong in ("", "-x", "a*", "'; Remove-VM"):
        with pytest.raises(UsageError, match="letters, digits"):
            server.backend.snapshots(made.copy).take(wrong)
    server.backend.snapshots(made.copy).take("start")
    with pytest.raises(UsageError, match="there is one of that name"):
        server.backend.snapshots(made.copy).take("start")


def test_a_lab_that_is_not_up_has_nothing_to_keep(lab, server):
    assert isinstance(server.backend, KeepsSnapshots)
    with pytest.raises(BackendError, match="is not up on hyperv"):
        server.backend.snapshots(lab(ONE).copy).take("start")


def test_a_disk_too_full_for_the_memory_is_said_before_anything_stands_still(up, server):
    made = up(ONE)
    assert isinstance(server.backend, KeepsDisks)
    with server.store.open() as world:
        world.free_bytes = 100 << 20
    assert server.backend.free_mib() == 100
    with pytest.raises(BackendError, match=r"may take \d+ MiB of disk, and 100 MiB are free"):
        server.backend.snapshots(made.copy).take("start")
    assert states(server) == {"pc1": "Running"}


@pytest.mark.slow
def test_whenever_the_host_ends_the_lab_goes_on_and_what_is_kept_is_known(up, server):
    made, step = up(PAIR), 0
    while True:
        step += 7
        with server.store.open() as world:
            world.dies_before = step
        try:
            server.backend.snapshots(made.copy).take("start")
            break
        except LostError:
            server.backend.start(made.ref("pc1"))
        assert states(server) == {"pc1": "Running", "pc2": "Off"}
        assert made.read() == list(made.items())
        if names(made):
            server.backend.snapshots(made.copy).forget("start")
    assert step > 15
    with server.store.open() as world:
        world.dies_before = 0
    server.backend.snapshots(made.copy).restore("start")
    assert made.read() == list(made.items())
