"""Machines, their disks and their seeds on the real VBoxManage, up to the moment of power-on."""

import os
import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from labiac.backends.base import Copy, Found, ref_of
from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import console, machines, manage, marks
from labiac.backends.virtualbox.info import scan
from labiac.errors import BackendError, ForeignError
from labiac.images.store import known
from labiac.plan.model import SeedFile, unstarted
from labiac.plan.resolve import plan_file
from tests.backends.killed import killed
from tests.backends.virtualbox import conftest

pytestmark = pytest.mark.slow

ONE_LAN = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
ODD = {
    "lans": {"lan1": {}, "out": {"type": "nat"}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1", "impair": {"rate_kbit": 1000}}, {"lan": "out"}]}},
}
OTHERS = "11111111-2222-4333-8444-555555555555"
"""The UUID of a machine that somebody else made."""


def call(*arguments):
    return manage.manage(*arguments)


def media(kind):
    """Return the files of a *kind* of media (hdds, dvds) that VirtualBox knows of."""
    return set(re.findall(r"^Location: +(.+)$", call("list", kind), re.MULTILINE))


def template(gib=4):
    return str(uuid_of(f"image/{known('debian').sha256}/{gib}"))


def of(lab, name):
    """Return what VirtualBox says of a machine."""
    uuid = str(uuid_of(lab.ref(lab.plan.machine(name))))
    return scan(call("showvminfo", uuid, "--machinereadable"))


def files():
    return {str(path) for path in marks.machines().glob("*")}


def described(uuid):
    """Return all that VirtualBox says of a machine, but a time that a new server rounds."""
    lines = call("showvminfo", uuid, "--machinereadable").splitlines()
    return [line for line in lines if not line.startswith("VMStateChangeTime=")]


@pytest.fixture
def theirs(virtualbox, tmp_path):  # noqa: ARG001  # made in it
    """A machine that is not labiac's, with a disk of its own; it must be there at the end."""
    disk = tmp_path / "theirs.vdi"
    call("createmedium", "disk", f"--filename={disk}", "--size=8")
    call("createvm", "--name=theirs", f"--uuid={OTHERS}", f"--basefolder={tmp_path}", "--register")
    call("storagectl", OTHERS, "--name", "disk", "--add", "sata", "--portcount", "1")
    place = ["--storagectl=disk", "--port=0", "--device=0", "--type=hdd"]
    call("storageattach", OTHERS, *place, f"--medium={disk}")
    was = described(OTHERS)
    yield disk
    assert described(OTHERS) == was
    assert disk.exists()
    call("unregistervm", OTHERS, "--delete")


def test_a_lab_is_made_read_found_and_deleted(virtualbox, lab):
    made = lab(ONE_LAN)
    before = conftest.machines(), media("dvds")
    observed = made.up()
    assert [each.item for each in observed] == [*made.plan.networks, *made.plan.machines]
    assert [made.read(each.item) for each in observed] == [each.item for each in observed]
    refs = tuple(made.ref(item) for item in (*made.plan.machines, *made.plan.networks))
    nodes = (("pc1", False), ("pc2", False))
    assert Found(made.copy, "virtualbox", nodes, refs) in virtualbox.find()
    made.down()
    assert [made.read(each.item) for each in observed] == [None] * 3
    assert (conftest.machines(), media("dvds")) == before
    assert not [name for name in files() if made.plan.lab in name]
    made.down()


def test_machines_are_shown_in_a_group_of_their_copy(lab):
    made = lab(ONE_LAN)
    made.up()
    assert of(made, "pc1")["groups"] == f"/labiac/{made.plan.lab}/ana"
    assert of(made, "pc1")["name"] == made.plan.machine("pc1").host_name


def test_a_console_is_at_a_socket_and_where_that_is_asked_for_at_a_port(lab, monkeypatch):
    made = lab(ONE_LAN)
    for asked, mode in (
        ("", "server,/.*"),
        ("tcp", "tcpserver,2[0-9]{4}"),
        ("local", "server,/.*"),
    ):
        monkeypatch.setenv(console.CONSOLES, asked)
        made.up()
        places = {of(made, name)["uartmode1"] for name in ("pc1", "pc2")}
        assert len(places) == 2
        assert all(re.fullmatch(mode, place) for place in places), places


@pytest.mark.parametrize("watched", ["lan1", "lan2"])
def test_an_ids_hears_all_of_the_lan_that_it_watches_and_no_other(lab, watched):
    ids = {"role": "ids", "lans": ["lan1", "lan2"], "watches": [watched]}
    made = lab({**ONE_LAN, "lans": {"lan1": {}, "lan2": {}}, "middleboxes": {"ids1": ids}})
    made.up()
    assert made.read(made.plan.machine("ids1")) == made.plan.machine("ids1")
    (settings,) = machines.folder(made.plan.machine("ids1")).glob("*.vbox")
    heard = re.findall(
        r'<Adapter slot="(\d)"[^>]*promiscuousModePolicy="(\w+)"', settings.read_text()
    )
    assert heard == [(str(["lan1", "lan2"].index(watched)), "AllowAll")]


def test_a_disk_has_the_size_asked_for_and_stands_on_the_image(lab):
    made = lab({**ONE_LAN, "defaults": {"disk_gib": 3}})
    made.up()
    said = call("showmediuminfo", "disk", of(made, "pc1")["disk-0-0"])
    assert re.search(r"^Capacity: +3072 MBytes$", said, re.MULTILINE)
    assert re.search(r"^Type: +normal \(differencing\)$", said, re.MULTILINE)


def test_a_disk_of_any_size_can_be_read_to_its_end(lab, tmp_path):
    made = lab({**ONE_LAN, "pcs": {f"pc{gib}": {"lan": "lan1", "disk_gib": gib} for gib in (6, 2)}})
    made.up()
    for gib in (6, 2):
        disk = of(made, f"pc{gib}")["disk-ImageUUID-0-0"]
        copy = tmp_path / f"{gib}.vdi"
        call("clonemedium", "disk", disk, str(copy))
        assert f"Capacity:       {gib * 1024} MBytes" in call("showmediuminfo", "disk", str(copy))
        call("closemedium", "disk", str(copy))


@pytest.mark.parametrize("order", [*permutations(("pc1", "pc2", "lan1"))])
def test_the_image_survives_every_order_of_deletes(virtualbox, lab, order):
    made = lab(ONE_LAN)
    made.up()
    image = next(path for path in media("hdds") if path.endswith("/4-gib/image.vdi"))
    content = Path(image).read_bytes()
    items = {item.name: item for item in (*made.plan.networks, *made.plan.machines)}
    for name in order:
        virtualbox.delete(made.ref(items[name]))
        assert Path(image).read_bytes() == content
    assert template() in call("list", "vms")


def test_a_node_with_snapshots_of_somebodys_own_goes_and_the_image_stays(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    pc1 = made.plan.machine("pc1")
    for name in ("one", "two"):
        call("snapshot", str(uuid_of(made.ref(pc1))), "take", name)
    assert made.read(pc1) == pc1
    virtualbox.delete(made.ref(pc1))
    assert not [path for path in media("hdds") if pc1.host_name in path]
    assert [path for path in media("hdds") if path.endswith("/4-gib/image.vdi")]


def test_a_template_that_somebody_deleted_is_made_anew(lab):
    first = lab(ONE_LAN)
    first.up()
    first.down()
    call("unregistervm", template(), "--delete")
    assert not [path for path in media("hdds") if path.endswith("/4-gib/image.vdi")]
    second = lab(ONE_LAN)
    assert [each.item for each in second.up()[1:]] == list(second.plan.machines)


def test_an_image_is_brought_once_and_known_by_its_content(virtualbox):
    image = known("debian")
    brought = virtualbox.bring("debian")
    assert (brought.name, brought.sha256, brought.format) == ("debian", image.sha256, "vdi")
    assert virtualbox.bring("debian") == brought
    assert virtualbox.brought("debian", "") == brought
    assert virtualbox.brought("old", image.sha256).name == "old"
    assert virtualbox.brought("debian", "0" * 64) is None
    assert virtualbox.brought("nobodys", "") is None


def test_an_image_whose_disk_somebody_deleted_is_gone_and_is_brought_again(virtualbox):
    image = virtualbox.bring("debian")
    Path(next(path for path in media("hdds") if path.endswith("/4-gib/image.vdi"))).unlink()
    assert virtualbox.brought("debian", image.sha256) is None
    assert virtualbox.bring("debian") == image


def test_a_node_made_anew_has_another_disk_and_is_the_same_otherwise(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    pc1, before = made.plan.machine("pc1"), of(made, "pc1")
    assert virtualbox.reset(made.ref(pc1)).item == pc1
    after = of(made, "pc1")
    assert after["disk-ImageUUID-0-0"] != before["disk-ImageUUID-0-0"]
    assert not Path(before["disk-0-0"]).exists()
    assert after["disk-1-0"] == before["disk-1-0"]
    assert made.read(made.plan.machine("pc2")) == made.plan.machine("pc2")


def test_what_is_gone_is_neither_started_nor_stopped_nor_made_anew(virtualbox, lab):
    made = lab(ONE_LAN)
    ref = made.ref(made.plan.machine("pc1"))
    for work in (virtualbox.start, virtualbox.stop, virtualbox.reset):
        with pytest.raises(BackendError, match="it is gone"):
            work(ref)


def test_a_machine_that_is_off_is_stopped_already(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    virtualbox.stop(made.ref(made.plan.machine("pc1")))
    assert made.read(made.plan.machine("pc1")) == made.plan.machine("pc1")


def test_machines_of_others_are_never_touched(theirs, lab):
    made = lab(ONE_LAN)
    made.up()
    made.down()
    assert "theirs" in conftest.machines()
    assert str(theirs) in media("hdds")


def test_a_machine_of_others_with_the_same_name_is_another_one(lab, tmp_path):
    made = lab(ONE_LAN)
    name = made.plan.machine("pc1").host_name
    call("createvm", f"--name={name}", f"--uuid={OTHERS}", f"--basefolder={tmp_path}", "--register")
    made.up()
    made.down()
    assert OTHERS in call("list", "vms")
    call("unregistervm", OTHERS, "--delete")


def test_a_name_on_the_host_that_another_lab_has_is_refused_with_its_owner(virtualbox, lab):
    made = lab(ONE_LAN, student="ana")
    made.up()
    clash = replace(made.plan.machine("pc1"), host_name=made.plan.machine("pc2").host_name)
    with pytest.raises(ForeignError, match=f"is {made.plan.lab}/ana/machine/pc2 already"):
        virtualbox.create(made.copy, clash)
    assert made.read(made.plan.machine("pc2")) == made.plan.machine("pc2")


def test_another_seed_is_another_medium_and_the_disk_stays(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    was = made.plan.machine("pc1")
    disk, medium = (of(made, "pc1")[f"disk-{port}-0"] for port in (0, 1))
    now = replace(was, seed=(SeedFile("meta-data", "instance-id: other\n"), *was.seed[1:]))
    assert virtualbox.update(made.ref(was), was, now).item == now
    after = of(made, "pc1")
    assert after["disk-0-0"] == disk
    assert after["disk-1-0"] != medium
    assert not Path(medium).exists()
    assert medium not in media("dvds")
    assert Path(after["disk-1-0"]).stat().st_mode & 0o077 == 0


def test_a_seed_taken_out_by_hand_is_seen_and_put_back(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    pc1 = made.plan.machine("pc1")
    place = ["--storagectl=disk", "--port=1", "--device=0", "--type=dvddrive"]
    call("storageattach", str(uuid_of(made.ref(pc1))), *place, "--medium=emptydrive")
    assert made.read(pc1) == replace(pc1, seed=())
    assert virtualbox.create(made.copy, pc1).item == pc1


@pytest.mark.parametrize("change", [{"memory_mib": 768}, {"cpus": 2}])
def test_hardware_changes_and_changes_back(virtualbox, lab, change):
    made = lab(ONE_LAN)
    made.up()
    was = made.plan.machine("pc1")
    now = replace(was, **change)
    for before, after in ((was, now), (now, was)):
        assert virtualbox.update(made.ref(was), before, after).item == after
        assert made.read(was) == after


def test_another_size_of_disk_is_another_disk(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    disk = of(made, "pc1")["disk-0-0"]
    pc1 = replace(made.plan.machine("pc1"), disk_gib=5)
    assert virtualbox.create(made.copy, pc1).item == pc1
    assert of(made, "pc1")["disk-0-0"] != disk
    assert not Path(disk).exists()


def test_a_machine_whose_settings_are_lost_is_seen_and_made_anew(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    pc1 = made.plan.machine("pc1")
    settings = Path(of(made, "pc1")["CfgFile"])
    settings.unlink()
    end_server()
    assert made.read(pc1) != pc1
    assert virtualbox.create(made.copy, pc1).item == pc1


def test_a_machine_whose_settings_are_lost_is_deleted_with_its_disk(virtualbox, lab):
    made = lab(ONE_LAN)
    made.up()
    pc1 = made.plan.machine("pc1")
    Path(of(made, "pc1")["CfgFile"]).unlink()
    end_server()
    virtualbox.delete(made.ref(pc1))
    assert not [path for path in media("hdds") if pc1.host_name in path]
    assert "inaccessible" not in call("list", "vms")


def test_a_machine_whose_settings_are_lost_is_neither_started_nor_taken_for_stopped(
    virtualbox, lab
):
    made = lab(ONE_LAN)
    made.up()
    pc1 = made.plan.machine("pc1")
    Path(of(made, "pc1")["CfgFile"]).unlink()
    end_server()
    for work in (virtualbox.start, virtualbox.stop):
        with pytest.raises(BackendError, match="VirtualBox can't read its settings"):
            work(made.ref(pc1))
    assert virtualbox.reset(made.ref(pc1)).item == pc1


def end_server():
    """End VirtualBox's server, which the next call starts: its own, by the socket in its name."""
    mine = os.environ["VBOX_IPC_SOCKETID"].encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            argv, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if b"VBoxSVC" in argv and mine in environment:
            os.kill(int(process.name), 9)


def test_a_server_that_died_is_started_by_the_next_call(lab):
    made = lab(ONE_LAN)
    made.up()
    end_server()
    assert [made.read(item) for item in made.plan.machines] == list(made.plan.machines)


def test_starting_one_says_what_is_missing_here(virtualbox, lab):
    if Path("/dev/vboxdrv").exists():
        pytest.skip("VirtualBox's kernel driver is loaded here")
    made = lab(ONE_LAN)
    made.up()
    pc1 = replace(made.plan.machine("pc1"), start=True)
    with pytest.raises(BackendError, match="fix: see that its kernel driver is loaded: labiac doc"):
        virtualbox.create(made.copy, pc1)
    assert not virtualbox.read(made.ref(pc1)).running


def test_three_lans_take_at_most_40_calls_to_make_and_six_to_read(virtualbox, lab, monkeypatch):
    lab(ONE_LAN).up()  # the image is there
    plan = unstarted(plan_file("three-lans", "count", "virtualbox"))
    copy = Copy(plan.lab, plan.student)
    refs = [ref_of(copy, "machine", machine.name) for machine in plan.machines]
    said, once = [], manage._once

    def counted(argv, *rest):
        said.append(argv)
        return once(argv, *rest)

    monkeypatch.setattr(manage, "_once", counted)
    for item in (*plan.networks, *plan.machines):
        virtualbox.create(copy, item)
    assert len(said) <= 40
    said.clear()
    assert [virtualbox.read(ref).item for ref in refs] == list(plan.machines)
    assert len(said) == len(refs)
    for found in virtualbox.find():
        if found.copy.student == "count":
            for ref in found.refs:
                virtualbox.delete(ref)


def watch(steps):
    """Count what touches VirtualBox or labiac's own files."""
    steps.count(manage, "_once")
    steps.count(marks, "keep")
    steps.count(machines, "iso", "_forget")


def test_whatever_was_killed_is_completed_by_the_next_run_and_leaves_nothing(lab):
    before = media("hdds"), media("dvds"), call("list", "natnets")
    for step in range(1, 200):
        made = lab(ODD)
        survived = not killed(step, watch, made.up)
        if step % 2:
            assert [made.read(each.item) for each in made.up()] == [
                *made.plan.networks,
                *made.plan.machines,
            ]
        if not killed(step, watch, made.down):
            made.down()
        made.down()
        assert not [name for name in files() if made.plan.lab in name]
        if survived:
            break
    else:
        pytest.fail("it has more steps than this")
    assert step > 10
    images_only = {path for path in media("hdds") if "/virtualbox/images/" in path}
    assert media("hdds") - images_only <= before[0]
    assert (media("dvds"), call("list", "natnets")) == before[1:]


def test_what_was_done_to_a_nic_by_hand_is_undone_while_the_machine_runs(virtualbox, lab, power):
    made = lab({"management": "none", **ONE_LAN})  # nobody answers where nothing boots
    made.up()
    pc1 = made.plan.machine("pc1")
    uuid = str(uuid_of(made.ref(pc1)))
    virtualbox.start(made.ref(pc1))
    call("controlvm", uuid, "setlinkstate1", "off")
    call("controlvm", uuid, "nic1", "null")
    found = made.read(pc1).nics[0]
    assert (found.connected, found.attach) == (False, "none")
    power.calls()
    virtualbox.create(made.copy, pc1)
    lan = made.plan.network("lan1").host_name
    assert power.calls("controlvm", "modifyvm") == [
        f"controlvm {uuid} nic1 intnet {lan}",
        f"controlvm {uuid} setlinkstate1 on",
    ]
    assert made.read(pc1) == pc1
    assert power.state(uuid) == "running"
