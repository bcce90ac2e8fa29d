"""The whole way through the real engine and the real VBoxManage: up --no-start to destroy."""

from __future__ import annotations

import pytest

from labiac.backends.base import Copy, ref_of
from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox.manage import manage
from tests.cli.test_live import Live

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("virtualbox")]

LAB = "three-lans"
ON = ("--backend", "virtualbox")


@pytest.fixture(scope="module")
def live(virtualbox_settings, tmp_path_factory):
    """``labiac`` for one student; its VirtualBox and its images are those of the tests."""
    live = Live(tmp_path_factory.mktemp("home"))
    live._environment |= virtualbox_settings
    yield live
    gone = live("destroy", "--lab", LAB, "--json")
    assert gone.code == 0, gone.err


def machine(live, name):
    return str(uuid_of(ref_of(Copy(LAB, live.student), "machine", name)))


def test_a_lab_is_made_off_drifts_is_mended_and_goes(live, virtualbox):
    made = live("up", LAB, *ON, "--no-start", "--json")
    assert made.code == 0, made.err
    assert made.json["pairs"] == []
    assert live("up", LAB, *ON, "--no-start", "--json").json["resources"]["update"] == 0
    assert live("refresh", LAB, *ON).out == "all is as deployed\n"
    (found,) = virtualbox.find()
    assert set(found.nodes) == {(name, False) for name in live.nodes}

    lan = f"{LAB}-{live.student}-lan1"
    manage("modifyvm", machine(live, "pc4"), "--memory=700", "--nic1=intnet", f"--intnet1={lan}")
    manage("unregistervm", machine(live, "pc1"), "--delete")
    drifted = live("refresh", LAB, *ON)
    assert drifted.code == 1
    assert drifted.out.splitlines() == [
        "pc1: there => gone",
        "pc4 memoryMib: 512 => 700",
        "pc4 eth0 network: lan3 => lan1",
        "3 differ from what was deployed",
    ]
    mended = live("up", LAB, *ON, "--no-start", "--json").json["resources"]
    assert (mended["create"], mended["update"]) == (1, 1)
    assert live("refresh", LAB, *ON).out == "all is as deployed\n"


def test_what_was_made_off_is_started_by_the_next_up_which_needs_the_driver(live):
    assert live("up", LAB, *ON, "--no-start").code == 0
    refused = live("up", LAB, *ON)
    assert refused.code == 1
    assert "VirtualBox's kernel driver is not loaded" in refused.err
    assert "modprobe vboxdrv" in refused.err
