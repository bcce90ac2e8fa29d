"""A whole lab as one OVA, written by the real VBoxManage, and imported where nothing is yet."""

import secrets
import tarfile
from pathlib import Path

import pytest

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import appliance
from labiac.backends.virtualbox.info import scan
from labiac.backends.virtualbox.manage import manage
from labiac.errors import BackendError

pytestmark = pytest.mark.slow

CHAIN = {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}},
}


def said_of(uuid):
    return scan(manage("showvminfo", uuid, "--machinereadable"))


def cabling(info):
    """Return what a lab is by: names, MACs, and what the NICs are attached to."""
    keys = ("name", *(f"{key}{at}" for at in (1, 2) for key in ("nic", "intnet", "macaddress")))
    return {key: info[key] for key in keys if key in info}


@pytest.fixture
def elsewhere(tmp_path):
    """Return what leads to another VirtualBox, where nothing is, until the test ends."""
    with pytest.MonkeyPatch.context() as patch:

        def go():
            patch.setenv("VBOX_USER_HOME", str(tmp_path / "elsewhere"))
            patch.setenv("VBOX_IPC_SOCKETID", f"labiac-{secrets.token_hex(4)}")
            assert manage("list", "vms") == ""
            manage("setproperty", "machinefolder", str(tmp_path / "imported"))

        yield go


def test_a_lab_is_imported_with_its_networks_macs_disks_and_seeds(
    virtualbox, lab, elsewhere, tmp_path
):
    made = lab(CHAIN)
    made.up()
    there = [said_of(str(uuid_of(made.ref(each)))) for each in made.plan.machines]
    file = tmp_path / "lab.ova"
    file.write_text("of yesterday")
    exported = virtualbox.export(made.copy, str(file))
    assert (exported.nodes, exported.size) == (("pc1", "r1"), file.stat().st_size)
    assert [made.read(each) for each in made.plan.machines] == list(made.plan.machines)
    assert (
        said_of(str(uuid_of(made.ref(made.plan.machine("pc1")))))["uartmode1"]
        == (there[1]["uartmode1"])
    )
    with tarfile.open(file) as parts:
        assert sorted(Path(name).suffix for name in parts.getnames()) == [
            ".iso", ".iso", ".mf", ".ovf", ".vmdk", ".vmdk",
        ]  # fmt: skip

    elsewhere()
    manage("import", str(file), "--options=keepallmacs", timeout_s=300)
    uuids = [line.rpartition("{")[2][:-1] for line in manage("list", "vms").splitlines()]
    here = [said_of(uuid) for uuid in uuids]
    assert sorted(map(cabling, here), key=str) == sorted(map(cabling, there), key=str)
    assert {each["uartmode1"] for each in here} == {"disconnected"}
    for uuid, info in zip(uuids, here, strict=True):
        assert info["disk-1-0"].endswith(".iso")
        said = manage("showmediuminfo", "disk", info["disk-ImageUUID-0-0"])
        assert "Capacity:       4096 MBytes" in said
        manage("unregistervm", uuid, "--delete")


def test_a_lab_that_is_on_or_not_up_is_not_exported_and_nothing_is_written(
    virtualbox, lab, power, tmp_path
):
    made = lab({**CHAIN, "management": "none"})  # nobody answers where nothing boots
    with pytest.raises(BackendError, match="is not up on virtualbox"):
        virtualbox.export(made.copy, str(tmp_path / "lab.ova"))
    made.up()
    virtualbox.start(made.ref(made.plan.machine("r1")))
    power.calls()
    with pytest.raises(BackendError, match="r1 must be off for it"):
        virtualbox.export(made.copy, str(tmp_path / "lab.ova"))
    assert power.calls("modifyvm", "export") == []
    assert not [*tmp_path.glob("*.ova")]


def test_where_it_is_refused_the_older_file_stays_and_the_consoles_are_back(
    virtualbox, lab, monkeypatch, tmp_path
):
    made = lab(CHAIN)
    made.up()
    file = tmp_path / "lab.ova"
    file.write_text("of yesterday")

    def refuse(_guests, partial):
        partial.touch()
        raise BackendError("virtualbox", "VERR_DISK_FULL")

    monkeypatch.setattr(appliance, "_write", refuse)
    with pytest.raises(BackendError, match="VERR_DISK_FULL"):
        virtualbox.export(made.copy, str(file))
    assert [path.name for path in tmp_path.iterdir()] == ["lab.ova"]
    assert file.read_text() == "of yesterday"
    uuid = str(uuid_of(made.ref(made.plan.machine("pc1"))))
    assert said_of(uuid)["uartmode1"].startswith("server,")
