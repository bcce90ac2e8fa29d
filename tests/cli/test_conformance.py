"""The trial of a backend, end to end, and a report that names nobody."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.backends.hyperv.host import HOST
from labiac.backends.virtualbox.manage import PROGRAM
from labiac.cli.conformance.anonymous import anonymous
from labiac.cli.conformance.run import run
from labiac.cli.conformance.steps import STEPS, Step
from labiac.cli.conformance.trial import CannotError
from labiac.errors import LabError
from labiac.fleet.pulumi_cli import find
from labiac.images import store
from labiac.plan.resolve import plan_file
from tests.backends.hyperv import simulated
from tests.backends.hyperv.world import Fault

from .conftest import Ran

PLAN = plan_file("three-lans", "ana", "netns")
MAC = PLAN.machines[0].nics[0].mac
LIMIT_S = 600
"""A minute where nobody else works; the engine starts a dozen times."""


class Trials:
    """``labiac doctor --conformance`` in a folder, and with a labiac, of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        own = {"LABIAC_HOME": str(folder / "home"), "PULUMI_HOME": str(folder / "pulumi")}
        self.environment = {**kept, **own, "PATH": path}

    def begin(self, backend: str, *options: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "labiac", "doctor", "--conformance", backend, *options]
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, backend: str, *options: str, **environment: str) -> Ran:
        self.environment |= environment
        process = self.begin(backend, *options)
        out, err = process.communicate(timeout=LIMIT_S)
        return Ran(process.returncode, out, err)

    def report(self, backend: str) -> dict:
        return json.loads((self.folder / f"labiac-conformance-{backend}.json").read_text())


@pytest.fixture
def trials(tmp_path):
    return Trials(tmp_path)


def steps(report, outcome):
    return {each["step"] for each in report["steps"] if each["outcome"] == outcome}


@pytest.fixture
def image(trials, monkeypatch):
    """An image, for machines that do not start."""
    monkeypatch.setenv("LABIAC_HOME", trials.environment["LABIAC_HOME"])
    simulated.adopt_an_image(trials.folder)


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_namespaces_pass_all_that_they_can_and_nothing_is_left(trials):
    ran = trials("netns", "--json")
    assert ran.code == 0, ran.err
    assert steps(ran.json, "skipped") == {"boot", "power", "snapshot"}
    assert not steps(ran.json, "failed")
    assert [each["step"] for each in ran.json["steps"]] == [step.name for step in STEPS]
    assert ran.json == trials.report("netns")
    assert ran.json["ok"] is True
    said = {each["step"]: each["said"] for each in ran.json["steps"]}
    assert said["matrix"] == "12 pairs as forecast, 2 checks hold"
    assert said["change"].startswith("pc4 live; ")
    assert [*trials.folder.glob("home/state/.pulumi/stacks/labiac/*.json")] == []


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_the_report_for_people_tells_each_step_and_names_nobody(trials):
    ran = trials("memory")
    assert ran.code == 0, ran.err
    said = (trials.folder / "labiac-conformance-memory.txt").read_text()
    for line in ran.out.splitlines():
        assert line in said
    assert "3 LANs, 6 machines" in said
    assert str(trials.folder) not in said + json.dumps(trials.report("memory"))


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.usefixtures("image")
def test_where_no_machine_can_start_the_rest_is_tried_on_machines_that_are_off(trials):
    if not os.environ.get(PROGRAM):
        pytest.skip(f"{PROGRAM} is not set: make virtualbox-up prints what to set it to")
    own = {
        "VBOX_USER_HOME": str(trials.folder / "user"),
        "VBOX_IPC_SOCKETID": f"labiac-{secrets.token_hex(4)}",
    }
    ran = trials("virtualbox", "--json", **own)
    assert ran.code == 1, ran.err
    assert ran.json["backend"]["version"].startswith("VirtualBox 7.")
    assert steps(ran.json, "failed") == {"boot"}
    (why,) = (each["said"] for each in ran.json["steps"] if each["step"] == "boot")
    assert "VirtualBox's kernel driver is not loaded (/dev/vboxdrv)" in why
    assert "sudo modprobe vboxdrv" in why
    assert steps(ran.json, "skipped") == {"matrix", "exec", "capture", "power", "snapshot"}


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.usefixtures("image")
def test_a_hyper_v_host_passes_what_needs_no_guest(trials):
    script, store = simulated.install(trials.folder)
    with store.open() as world:
        said = "the hypervisor is not running"
        world.faults.append(Fault("Start-VM", "OperationFailed,x", "InvalidOperation", said))
    ran = trials("hyperv", "--json", **{HOST: str(script)})
    assert ran.code == 1, ran.err
    assert steps(ran.json, "failed") == {"boot"}
    assert {"create", "change", "drift", "repair", "destroy"} <= steps(ran.json, "passed")
    assert "nothing left" in steps(ran.json, "passed")


@pytest.mark.incus
@pytest.mark.timeout(LIMIT_S)
def test_containers_pass_all_of_it(trials):
    home = Path(trials.environment["LABIAC_HOME"])
    home.mkdir()
    (home / "images").symlink_to(store.folder())
    ran = trials("incus", "--json")
    assert ran.code == 0, ran.err
    assert steps(ran.json, "passed") == {step.name for step in STEPS}


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_a_ctrl_c_skips_what_is_left_and_still_deletes_all_of_it(trials):
    process = trials.begin("netns", "--json")
    for line in process.stderr:
        if "+ machine" in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["interrupted"] is True
    assert {"matrix", "change", "drift"} <= steps(report, "skipped")
    assert {"destroy", "nothing left"} <= steps(report, "passed")


def test_a_backend_that_there_is_none_of_is_wrong_usage(labiac):
    ran = labiac("doctor", "--conformance", "vmware")
    assert ran.code == 2
    assert "'vmware' is none of" in ran.err


def fails(_trial):
    raise LabError("pc1", "no")


def breaks(_trial):
    return {}["nobody thought of this"]


def cannot(_trial):
    raise CannotError("it has none")


def stops(_trial):
    raise KeyboardInterrupt


def works(_trial):
    return "done"


def tried(*steps):
    told = []
    trials = run(None, [Step(*step) for step in steps], told.append)
    assert trials.steps == tuple(told)
    return trials, {each.step: (each.outcome, each.said) for each in told}


def test_what_needs_a_step_that_failed_is_skipped_and_so_is_what_needs_that():
    trials, done = tried(
        ("a", fails), ("b", works, ("a",)), ("c", works, ("b",)), ("d", works), ("e", works, ("d",))
    )
    assert done == {
        "a": ("failed", "pc1: no"),
        "b": ("skipped", "needs a"),
        "c": ("skipped", "needs b"),
        "d": ("passed", "done"),
        "e": ("passed", "done"),
    }
    assert not trials.ok


def test_what_a_backend_cannot_do_fails_nothing_and_forbids_nothing():
    trials, done = tried(("a", cannot), ("b", works, ("a",)))
    assert done == {"a": ("skipped", "it has none"), "b": ("passed", "done")}
    assert trials.ok


def test_a_mistake_of_ours_is_a_failed_step_and_no_end():
    trials, done = tried(("a", breaks), ("z", works, (), True))
    assert done["a"] == ("failed", "KeyError: 'nobody thought of this'")
    assert done["z"] == ("passed", "done")
    assert not trials.ok


def test_after_a_ctrl_c_only_what_tidies_up_is_done():
    trials, done = tried(("a", stops), ("b", works), ("z", works, (), True))
    assert done == {
        "a": ("failed", "interrupted"),
        "b": ("skipped", "interrupted"),
        "z": ("passed", "done"),
    }
    assert trials.interrupted
    assert not trials.ok


@pytest.fixture
def somebody(monkeypatch):
    """A user, a machine and folders with names that nobody else is to learn."""
    monkeypatch.setenv("HOME", "/home/Ana Maria")
    monkeypatch.setenv("LABIAC_HOME", "/srv/secret/labs")
    monkeypatch.setenv("LABIAC_HYPERV", "https://bob@win7.example.edu:5986")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "amaria")
    monkeypatch.setattr("socket.gethostname", lambda: "desk3.example.edu")


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("amaria on desk3 and DESK3.example.edu", "<user> on <host> and <host>"),
        ("bob at win7.example.edu", "<user> at <host>"),
        ("of Bob's, https://bob@win7.example.edu:5986", "of <user>'s, <LABIAC_HYPERV>"),
        ("qemu+ssh://eve@there/system", "qemu+ssh://<host>"),
        ("mail eve@example.org", "mail <mail>"),
        ("at /srv/secret/labs/virtualbox/x.vdi", "at <labiac>/virtualbox/x.vdi"),
        ("in '/home/Ana Maria/VMs/x'", "in '<home>'"),
        ("no /data/thesis/disk.vdi, no '/data/my thesis'", "no <path>, no '<path>'"),
        (r"no C:\Users\ana\x.vdi", "no <path>"),
        (r"share \\server\ana", "share <path>"),
        (r"C:\Program Files\Oracle\VBoxManage.exe", r"C:\Program Files\Oracle\VBoxManage.exe"),
        ("/dev/vboxdrv and /usr/bin/ip", "/dev/vboxdrv and /usr/bin/ip"),
        (
            "10.0.1.11 in 10.0.3.0/24, not 192.0.2.7/24",
            "10.0.1.11 in 10.0.3.0/24, not <address>/24",
        ),
        ("127.0.0.1, ::1 and not fe80::1ff:2", "127.0.0.1, ::1 and not <address>"),
        ("2001:db8::7 on 192.0.2.7", "<address> on <address>"),
        ("7.0.22 is 10.0.20348.1", "7.0.22 is 10.0.20348.1"),
        (f"{MAC}, not 08:00:27:12:34:56", f"{MAC}, not <mac>"),
        ("12/12 of IPv4/IPv6 at 12:00:01", "12/12 of IPv4/IPv6 at 12:00:01"),
        ("pc1 -> pc4: r2 has no route", "pc1 -> pc4: r2 has no route"),
    ],
)
def test_a_report_tells_of_the_lab_and_of_nobody(said, told):
    assert anonymous(said, PLAN) == told
