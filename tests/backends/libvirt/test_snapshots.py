"""Snapshots of guests that run: one lab for all sentences, because a boot takes a minute."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import connect, uri
from labiac.backends.libvirt.held import held
from labiac.backends.libvirt.storage import POOL
from labiac.errors import BackendError, UsageError
from labiac.fleet.pulumi_cli import find
from labiac.images import store

from .guests import ONE_LAN, Lab, left

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(3600)]


FOREIGN = "<domainsnapshot><name>{}</name></domainsnapshot>"


@pytest.fixture(scope="module")
def own():
    """A LAN and two PCs, which somebody brings up."""
    lab = Lab(ONE_LAN)
    yield lab
    lab.down()
    assert left(lab) == []


@pytest.fixture(scope="module")
def labiac(own, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "images").symlink_to(store.folder())
    return Command(own, home)


@pytest.fixture(scope="module")
def up(own, labiac):
    """The same, up and ready; its plan is as deployed, with the key of its copy."""
    done = labiac("up")
    assert done.returncode == 0, done.stderr
    refs = [own.ref(each) for each in own.plan.machines]
    machines = tuple(held(connect(), ref).mark.machine for ref in refs)
    own.plan = replace(own.plan, machines=machines)
    return own


@pytest.fixture
def lab(up):
    """The same, all of it running before and after, and no snapshots."""
    yield up
    for each in up.backend.snapshots(up.copy).all():
        up.backend.snapshots(up.copy).forget(each.name)
    assert all(up.read(item).running for item in (*up.plan.networks, *up.plan.machines))


class Command:
    """``labiac`` on the copy of a test, with state of its own."""

    def __init__(self, lab, home, pc1=""):
        self._lab, self._home = lab, home
        nodes = f"pcs: {{pc1: {{lan: lan1, {pc1}}}, pc2: {{lan: lan1}}}}"
        self._file = home / f"lab{len(pc1)}.yaml"
        self._file.write_text(f"name: {lab.plan.lab}\nlans: {{lan1: {{}}}}\n{nodes}\n")

    def with_pc1(self, said):
        """Return the same for the lab where pc1 is as *said*."""
        return Command(self._lab, self._home, said)

    def resources(self, kind):
        """Return the resources of that *kind* in the state."""
        (state,) = (self._home / "state/.pulumi/stacks/labiac").glob("*.json")
        known = json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
        return [each for each in known if each["type"] == f"labiac:index:{kind}"]

    def __call__(self, command, *rest):
        before = [command, rest[0]] if command == "snapshot" else [command]
        copy = [] if command == "destroy" else ["--backend", "libvirt"]
        copy += ["--student", self._lab.copy.student]
        argv = [*before, str(self._file), *rest[len(before) - 1 :], *copy]
        path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
        own = {"LABIAC_HOME": str(self._home), "PULUMI_HOME": str(self._home / "pulumi")}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        return subprocess.run(
            [sys.executable, "-m", "labiac", *argv],
            env={**kept, **own, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )


def take(lab, name="start"):
    return lab.backend.snapshots(lab.copy).take(name)


def restore(lab, name="start"):
    return lab.backend.snapshots(lab.copy).restore(name)


def names(lab):
    return [each.name for each in lab.backend.snapshots(lab.copy).all()]


def knows_the_time(lab, node):
    """Return whether the clock of *node* is right, by a few seconds, whenever it gets to say so."""
    begun = time.time()
    said = int(lab.must(node, "date", "+%s"))
    return begun - 5 < said < time.time() + 5


def has(lab, node, file):
    return lab.says(node, "ls", file).status == 0


def test_a_restored_lab_has_the_files_and_the_processes_of_then(lab):
    boots = [lab.boot(name) for name in ("pc1", "pc2")]
    lab.says("pc1", "sh", "-c", "rm -f /root/late; sleep 12345 >/dev/null 2>&1 &")
    taken = take(lab)
    for name in ("pc1", "pc2"):
        assert lab.says(name, "touch", "/root/late").status == 0
    lab.says("pc1", "pkill", "sleep")

    assert restore(lab) == taken
    assert not has(lab, "pc1", "/root/late")
    assert not has(lab, "pc2", "/root/late")
    assert lab.says("pc1", "pkill", "-f", "sleep 12345").status == 0
    assert [lab.boot(name) for name in ("pc1", "pc2")] == boots


def test_a_lab_goes_on_after_a_snapshot_and_its_nodes_reach_each_other(lab):
    take(lab)
    assert lab.answers("pc1", "pc2")
    restore(lab)
    assert lab.answers("pc1", "pc2")


def test_the_clock_of_a_restored_guest_is_that_of_now(lab):
    take(lab)
    time.sleep(8)
    restore(lab)
    assert knows_the_time(lab, "pc1")
    assert knows_the_time(lab, "pc2")


def test_a_restored_guest_whose_agent_is_late_gets_the_time_too(lab):
    late = "sleep 1; systemctl stop qemu-guest-agent; sleep 10; systemctl start qemu-guest-agent"
    lab.must("pc1", "systemd-run", "sh", "-c", late)
    end = time.monotonic() + 60
    while agent.answers(lab.domain("pc1"), 0):
        assert time.monotonic() < end, "the agent goes on"
    take(lab)
    restore(lab)
    assert knows_the_time(lab, "pc1")


def test_snapshots_are_listed_the_oldest_first_with_what_they_are(lab):
    begun = time.time()
    first, second = take(lab, "first"), take(lab, "a-second")
    assert lab.backend.snapshots(lab.copy).all() == [first, second]
    assert first.nodes == ("pc1", "pc2")
    assert begun - 1 < first.taken < second.taken < time.time()
    assert (first.plan, first.lost, first.differs) == (second.plan, (), ())


def test_a_deleted_snapshot_is_gone_and_the_others_stay(lab):
    take(lab, "first")
    take(lab, "second")
    lab.backend.snapshots(lab.copy).forget("first")
    assert names(lab) == ["second"]
    with pytest.raises(UsageError, match="no such snapshot"):
        lab.backend.snapshots(lab.copy).forget("first")
    restore(lab, "second")


def test_guests_that_are_off_and_a_network_that_is_gone_come_back(lab):
    take(lab)
    lab.domain("pc1").destroy()
    network = connect().networkLookupByName(lab.plan.networks[0].host_name)
    network.destroy()
    network.undefine()
    restore(lab)
    assert lab.answers("pc1", "pc2")


def test_a_guest_that_was_off_is_off_again(lab):
    take(lab, "running")  # the way back: there is no boot here
    lab.domain("pc1").destroy()
    taken = take(lab, "off")
    assert taken.lost == ()
    restore(lab, "running")
    restore(lab, "off")
    assert not lab.domain("pc1").isActive()
    assert lab.domain("pc2").isActive()
    restore(lab, "running")


def test_a_lab_of_another_shape_is_refused_with_what_differs(lab):
    was = lab.plan.machine("pc1")
    now = replace(was, nics=(replace(was.nics[0], connected=False),))
    take(lab)
    lab.update(was, now)
    with pytest.raises(BackendError, match="of another lab") as caught:
        restore(lab)
    assert "pc1" in caught.value.detail
    assert lab.backend.snapshots(lab.copy).all()[0].differs
    lab.update(now, was)
    restore(lab)


def test_what_was_changed_by_hand_is_as_it_was(lab):
    take(lab)
    pc1 = lab.plan.machine("pc1")
    card = ["domif-setlink", pc1.host_name, pc1.nics[0].mac, "down"]
    subprocess.run(["virsh", "--connect", uri(), *card], check=True, capture_output=True)
    assert not lab.answers("pc1", "pc2")
    restore(lab)
    assert lab.answers("pc1", "pc2")


def test_snapshots_of_somebody_else_are_neither_seen_nor_deleted(lab):
    theirs = lab.domain("pc1").snapshotCreateXML(FOREIGN.format("theirs"))
    try:
        assert names(lab) == []
        with pytest.raises(UsageError, match="no such snapshot"):
            lab.backend.snapshots(lab.copy).forget("theirs")
        assert lab.domain("pc1").snapshotLookupByName("theirs")
    finally:
        theirs.delete()


def test_one_that_fails_halfway_leaves_nothing_and_nobody_asleep(lab):
    theirs = lab.domain("pc2").snapshotCreateXML(FOREIGN.format("start"))
    try:
        with pytest.raises(BackendError, match="pc2"):
            take(lab)
    finally:
        theirs.delete()
    assert names(lab) == []
    assert lab.domain("pc1").snapshotNum() == 0


def killed(lab, method, hook):
    """Call *method* of snapshots in a process that is killed when *hook* has done with pc1."""
    program = (
        "import os, sys, threading; from labiac.backends import open_backend;"
        "from labiac.backends.base import Copy; from labiac.backends.libvirt import snapshots;"
        "method, hook, *copy = sys.argv[1:]; work = getattr(snapshots, hook)\n"
        "def once(*known):\n"
        "    if 'pc1' not in repr(getattr(known[-1], 'machine', known[-1]).mark.item.name):\n"
        "        threading.Event().wait()\n"
        "    work(*known)\n"
        "    os.kill(os.getpid(), 9)\n"
        "setattr(snapshots, hook, once)\n"
        "getattr(open_backend('libvirt').snapshots(Copy(*copy)), method)('start')\n"
    )
    argv = [sys.executable, "-c", program, method, hook, lab.copy.lab, lab.copy.student]
    assert subprocess.run(argv, check=False).returncode == -9


def awake(lab, *, within_s=60):
    end = time.monotonic() + within_s
    while not all(lab.read(item).running for item in lab.plan.machines):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_guests_go_on_when_labiac_is_killed_and_what_is_kept_can_only_be_deleted(lab):
    killed(lab, "take", "_take")
    awake(lab)
    (half,) = lab.backend.snapshots(lab.copy).all()
    assert half.lost == ("pc2",)
    with pytest.raises(BackendError, match="not whole"):
        restore(lab)
    with pytest.raises(UsageError, match="there is one of that name"):
        take(lab)
    lab.backend.snapshots(lab.copy).forget("start")
    assert names(lab) == []


def test_a_restore_that_is_killed_is_done_again(lab):
    take(lab)
    lab.says("pc2", "touch", "/root/late")
    killed(lab, "restore", "_revert")
    awake(lab)
    restore(lab)
    assert not has(lab, "pc2", "/root/late")
    assert lab.answers("pc1", "pc2")


def test_a_guest_that_stands_still_goes_on_when_the_lab_is_brought_up(lab):
    boot = lab.boot("pc1")
    lab.domain("pc1").suspend()
    assert not lab.read(lab.plan.machine("pc1")).running
    lab.up()
    assert lab.boot("pc1") == boot


def test_a_lab_that_is_not_up_has_no_snapshots():
    ghost = Lab(ONE_LAN)
    assert ghost.backend.snapshots(ghost.copy).all() == []
    with pytest.raises(BackendError, match="not up"):
        take(ghost)


def test_reset_asks_before_a_disk_is_lost_and_names_the_snapshots_that_go_with_it(lab, labiac):
    take(lab)
    refused = labiac("reset", "pc2")
    assert refused.returncode == 1
    assert "it would lose what is on its disk" in refused.stderr
    assert "- snapshot start" in refused.stderr
    assert "--yes" in refused.stderr
    assert lab.backend.snapshots(lab.copy).all()[0].lost == ()


def test_a_reset_guest_boots_from_a_new_disk_and_the_others_go_on(lab, labiac):
    boot = lab.boot("pc1")
    assert lab.says("pc2", "touch", "/root/work").status == 0
    take(lab)
    done = labiac("reset", "pc2", "--yes")
    assert done.returncode == 0, done.stderr
    assert not has(lab, "pc2", "/root/work")
    assert lab.boot("pc1") == boot
    assert lab.answers("pc1", "pc2")
    (half,) = lab.backend.snapshots(lab.copy).all()
    assert half.lost == ("pc2",)


def test_the_command_line_takes_lists_restores_and_deletes(lab, labiac):
    taken = json.loads(labiac("snapshot", "take", "start", "--json").stdout)
    listed = json.loads(labiac("snapshot", "list", "--json").stdout)
    assert listed == {"snapshots": [taken["snapshot"]]}
    assert taken["snapshot"]["nodes"] == ["pc1", "pc2"]
    assert labiac("snapshot", "take", "start").returncode == 2
    lab.says("pc1", "touch", "/root/late")
    restored = labiac("snapshot", "restore", "start")
    assert restored.stdout.startswith("snapshot start is restored: 2 nodes")
    assert not has(lab, "pc1", "/root/late")
    assert "start" in labiac("snapshot", "list").stdout
    assert labiac("snapshot", "delete", "start").returncode == 0
    assert labiac("snapshot", "list").stdout == "there are no snapshots\n"


def test_a_preview_says_which_snapshots_go_with_a_disk_and_up_asks(lab, labiac):
    take(lab)
    larger = labiac.with_pc1("disk_gib: 20")
    assert "- snapshot start" in larger("preview").stdout
    assert json.loads(larger("preview", "--json").stdout)["snapshots_lost"] == ["start"]
    refused = larger("up")
    assert refused.returncode == 1
    assert "- snapshot start" in refused.stderr
    restore(lab)
    assert labiac("refresh").stdout == "all is as deployed\n"


def test_a_part_is_lost_with_a_disk_that_somebody_deleted(up):
    take(up)
    disk = f"{up.plan.machine('pc2').host_name}.qcow2"
    connect().storagePoolLookupByName(POOL).storageVolLookupByName(disk).delete()
    (half,) = up.backend.snapshots(up.copy).all()
    assert half.lost == ("pc2",)


def test_a_copy_takes_its_snapshots_with_it_and_leaves_the_image(up, labiac):
    (image,) = labiac.resources("Image")
    assert image["id"] == "libvirt:image/debian"
    assert image["outputs"]["sha256"] == image["inputs"]["sha256"]
    assert labiac("destroy").returncode == 0
    assert left(up) == []
    assert up.backend.brought("debian", image["outputs"]["sha256"])
