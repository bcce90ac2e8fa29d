"""The whole way through the real engine and the real VBoxManage: up --no-start to destroy."""

from __future__ import annotations

import os
import re
import subprocess
from uuid import UUID

import pytest

from labiac.backends.base import Copy, ref_of
from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import doors, marks
from labiac.backends.virtualbox.manage import PROGRAM, manage
from tests.backends.sshd import entered, served
from tests.backends.virtualbox.powered import AFTER
from tests.cli.test_live import Live

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("virtualbox")]

LAB = "three-lans"
ON = ("--backend", "virtualbox")
TRACES = ("nictraceN", "nictracefileN")


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


def test_a_node_that_is_switched_on_is_ready_when_its_guest_is_and_runs_commands(
    live, power, bench, tmp_path, monkeypatch
):
    assert live("up", LAB, *ON, "--no-start").code == 0
    for name in ("LABIAC_TEST_VBOXMANAGE", "LABIAC_TEST_POWER", PROGRAM):
        monkeypatch.setitem(live._environment, name, os.environ[name])
    (mark,) = (each for each in marks.marks() if each.uuid == UUID(machine(live, "pc1")))
    files, port = doors.seed(mark.machine), doors.port(mark.machine)
    bench.add("host")
    with (
        served(bench, "host", tmp_path / "sshd", files[-1:], port),
        entered(bench, "host") as inside,
    ):
        started = inside(lambda: live("start", LAB, "pc1", *ON))
        assert re.fullmatch(r"pc1 ready +\d+\.\d s\n", started.out), started.err
        assert power.state(machine(live, "pc1")) == "running"
        command = ["sh", "-c", 'echo "$0"; exit 3', "it's me"]
        ran = inside(lambda: live("exec", LAB, "pc1", *ON, tail=("--", *command)))
        assert (ran.code, ran.out) == (3, "it's me\n"), ran.err
    assert re.fullmatch(r"pc1 off +\d+\.\d s\n", live("stop", LAB, "pc1", *ON).out)
    assert power.state(machine(live, "pc1")) == "poweroff"
    for refused in (
        live("exec", LAB, "pc1", *ON, tail=("--", "true")),
        live("shell", LAB, "pc1", *ON),
        live("capture", LAB, "pc1", *ON),
    ):
        assert (refused.code, "is off" in refused.err) == (1, True)


def test_a_lab_that_is_off_is_exported_to_one_file(live, tmp_path):
    assert live("up", LAB, *ON, "--no-start").code == 0
    file = tmp_path / "lab.ova"
    made = live("export", LAB, *ON, "-o", str(file), "--json")
    assert made.code == 0, made.err
    assert made.json["nodes"] == sorted(live.nodes)
    assert made.json["bytes"] == file.stat().st_size > 0


@pytest.mark.parametrize(
    "word", [*AFTER, "nicN", "setlinkstateN", "nicpromiscN", *TRACES, "startvm"]
)
def test_what_is_said_about_power_is_in_virtualboxs_own_words(word):
    command, said = ("startvm", "<gui|headless|") if word == "startvm" else ("controlvm", word)
    argv = [os.environ[PROGRAM], "help", command]
    helped = subprocess.run(argv, check=False, capture_output=True, text=True).stdout
    usage = [line for line in helped.splitlines() if line.startswith("  ")]
    assert any(said in line.split() or f"[--type={said}" in line for line in usage)
