"""``labiac class`` on real labs, through the real Pulumi CLI."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.fleet.pulumi_cli import find

LAB = """\
name: {name}
lans: {{lan1: {{}}}}
pcs: {{pc1: {{lan: lan1}}, pc2: {{lan: lan1}}{more}}}
checks:
  - {{ping: {{from: pc1, to: pc2}}, title: They know each other, points: 2, hint: Plug it in}}
"""
ROSTER = """\
Username;First name;Last name;ID number;E-mail;Group
ana;Ana;Costa;1001;ana@example.edu;A
bob;Bob;Ross;;bob@example.edu;A
;Luís;García;1003;luis@example.edu;B
"""
LUIS = "Luís García"


class Class:
    """Calls ``labiac class`` on a lab of this test's own, with a Pulumi of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"cls{secrets.token_hex(3)}"
        self.file, self.roster = folder / "lab.yaml", folder / "class.csv"
        self.file.write_text(LAB.format(name=self.name, more=""))
        self.roster.write_text(ROSTER)
        path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
        own = {"LABIAC_HOME": str(folder), "PULUMI_HOME": str(folder / "pulumi"), "PATH": path}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self.environment = {**kept, **own, "COLUMNS": "120"}

    def argv(self, command: str, *rest: str) -> list[str]:
        words = command.split()
        whose = ["--roster", str(self.roster)]
        return [
            *(sys.executable, "-m", "labiac", "class", words[0]),
            *(str(self.file), *words[1:], *whose, *rest),
        ]

    def __call__(self, command: str, *rest: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(command, *rest),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def told(self, command: str, *rest: str) -> dict[str, dict]:
        """Return what the command says of each student."""
        ran = self(command, "--json", *rest)
        assert ran.stdout, ran.stderr
        return {each["student"]: each for each in json.loads(ran.stdout)["students"]}


def made(folder: Path):
    there = Class(folder)
    yield there
    gone = there("destroy", "--json")
    assert gone.returncode == 0, gone.stdout + gone.stderr


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """A class that is up, all of it."""
    for there in made(tmp_path_factory.mktemp("class")):
        there.brought_up = there("up")
        assert there.brought_up.returncode == 0, there.brought_up.stderr
        yield there


@pytest.fixture
def fresh(tmp_path):
    """A class of which nothing is up."""
    yield from made(tmp_path)


def test_up_tells_of_each_student_as_they_are_done_and_of_all_at_the_end(up):
    said = [line.partition(":")[0] for line in up.brought_up.stderr.splitlines()]
    assert sorted(said) == sorted(["ana", "bob", LUIS])
    assert up.brought_up.stdout.startswith("3 students: up for 3, ")


def test_up_again_changes_nothing_and_only_those_who_are_named_are_worked_for(up):
    found = up.told("up", "--only", "ana,1003")
    assert set(found) == {"ana", LUIS}
    assert [each["resources"]["same"] for each in found.values()] == [5, 5]
    assert all(each["ok"] and not each["reason"] for each in found.values())


def test_each_student_has_a_stack_that_plain_labiac_goes_on_with(up):
    argv = [sys.executable, "-m", "labiac", "up", str(up.file), "--student", LUIS, "--json"]
    ran = subprocess.run(
        argv, env=up.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert json.loads(ran.stdout)["resources"]["same"] == 5


def test_status_knows_who_is_up_and_what_was_last_done(up):
    found = up.told("status")
    assert found["ana"]["nodes"] == [{"name": name, "running": True} for name in ("pc1", "pc2")]
    assert {each["last"]["what"] for each in found.values()} == {"up"}
    assert "2 of 2 run" in up("status").stdout


def test_verify_measures_every_copy_and_judges_its_checks(up):
    ran = up("verify")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "3 students: 3 as they should be"
    found = up.told("verify")
    assert [each["points"] for each in found.values()] == [{"got": 2, "of": 2}] * 3


def test_exec_runs_a_command_everywhere_and_shows_the_same_output_once(up):
    argv = up.argv("exec pc1")
    ran = subprocess.run(
        [*argv, "--", "cat", "/etc/hosts"],
        env=up.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert ran.stdout.startswith("3 students:\n")
    assert ran.stdout.count("pc2") == 1


def test_exec_fails_where_the_command_does(up):
    ran = subprocess.run(
        [*up.argv("exec pc1"), "--only", "bob", "--json", "--", "sh", "-c", "echo no; exit 3"],
        env=up.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (bob,) = json.loads(ran.stdout)["students"]
    assert (ran.returncode, bob["status"], bob["stdout"]) == (1, 3, "no\n")


def test_grades_are_added_up_and_written_and_nothing_is_changed(fresh, tmp_path):
    assert fresh("up", "--only", f"ana,{LUIS}").returncode == 0
    unplug = ["ip", "link", "set", "eth0", "down"]
    subprocess.run(
        [*fresh.argv("exec pc2"), "--only", LUIS, "--", *unplug], env=fresh.environment, check=True
    )
    files = {form: tmp_path / f"grades.{form}" for form in ("csv", "html", "junit")}
    options = [str(part) for form in files for part in (f"--{form}", files[form])]
    ran = fresh("grade", "--json", *options)
    assert ran.returncode == 1  # bob has no copy
    found = {each["student"]: each for each in json.loads(ran.stdout)["students"]}
    points = {name: each["points"] for name, each in found.items()}
    assert points == {
        "ana": {"got": 2, "of": 2},
        "bob": {"got": None, "of": 2},
        LUIS: {"got": 0, "of": 2},
    }
    assert found[LUIS]["drift"] == ["pc2: eth0 cable in -> out"]
    assert found[LUIS]["checks"][0]["hint"] == "Plug it in"
    assert found["ana"]["drift"] == found["ana"]["work"] == []
    assert files["csv"].read_text().count("example.edu") == 3
    assert files["html"].read_text().count("data:image/svg+xml") == 2
    assert b"<testsuite " in files["junit"].read_bytes()
    again = fresh.told("grade")
    assert {name: each["points"] for name, each in again.items()} == points


def test_a_change_is_one_answer_and_who_has_drifted_is_named(fresh):
    assert fresh("up").returncode == 0
    gone = ["ip", "link", "set", "eth0", "down"]
    subprocess.run(
        [*fresh.argv("exec pc1"), "--only", "bob", "--", *gone], env=fresh.environment, check=True
    )
    drift = fresh("refresh")
    assert drift.returncode == 1
    assert f"2 students (ana, {LUIS}): all is as deployed" in drift.stdout
    assert "1 student (bob):\n  pc1 eth0 connected: yes => no" in drift.stdout
    fresh.file.write_text(LAB.format(name=fresh.name, more=", pc3: {lan: lan1}"))
    change = fresh("preview").stdout
    assert change.startswith(f"2 students (ana, {LUIS}):\n  + PC pc3   eth0 lan1 10.0.1.13/24")
    assert "\n1 student (bob):\n" in change
    found = fresh.told("preview")
    assert found["ana"]["changes"] == found[LUIS]["changes"] != found["bob"]["changes"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of somebody else's takes root")
def test_a_student_who_fails_stops_nobody_and_is_taken_up_again_alone(fresh):
    theirs = f"{fresh.name}-bob-pc2"
    subprocess.run(["ip", "netns", "add", theirs], check=True)
    try:
        ran = fresh("up", "--json")
        found = {each["student"]: each for each in json.loads(ran.stdout)["students"]}
        assert (ran.returncode, found["ana"]["ok"], found[LUIS]["ok"]) == (1, True, True)
        assert theirs in found["bob"]["reason"]
        shown = fresh("up", "--only", "bob").stdout
        log = Path(next(word for word in shown.split() if word.endswith(".log")))
        assert theirs in log.read_text()
    finally:
        subprocess.run(["ip", "netns", "del", theirs], check=True)
    again = fresh.told("up", "--retry-failed")
    assert {name: each["ok"] for name, each in again.items()} == {"bob": True}
    assert fresh("up", "--retry-failed").stdout.startswith("0 students: up for 0")


def stopped_after_the_first(there: Class, number: signal.Signals) -> str:
    """Send the signal to ``class up`` as it says that one student is done; return who that is."""
    argv = there.argv("up", "--parallel", "1")
    with subprocess.Popen(
        argv, env=there.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr
        first = process.stderr.readline().partition(":")[0]
        process.send_signal(number)
        process.stderr.read()
        status = process.wait(60)
    assert status == (130 if number == signal.SIGINT else -number)
    return first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whoever_ends_labiac_midway_retry_failed_finishes_the_rest(fresh, number):
    first = stopped_after_the_first(fresh, number)
    done = {name for name, each in fresh.told("status").items() if each["last"]["ok"]}
    assert first in done  # and maybe the second, who may have come to the end all the same
    assert LUIS not in done
    found = fresh.told("up", "--retry-failed")
    assert set(found) == {"ana", "bob", LUIS} - done
    assert all(each["ok"] for each in found.values())
    assert fresh("verify").returncode == 0


def test_whatever_hinders_destroy_afterwards_what_became_of_each_student_is_told(fresh):
    assert fresh("up", "--only", "ana").returncode == 0
    fresh.environment["LABIAC_LIBVIRT_URI"] = "qemu:///system?socket=/nobody/listens"
    hindered = fresh("destroy", "--only", "ana")
    del fresh.environment["LABIAC_LIBVIRT_URI"]
    assert (hindered.returncode, "1 student: destroy for 1" in hindered.stdout) == (1, True)
    assert "what killed runs may have left is not deleted: libvirt" in hindered.stderr
    assert fresh("destroy", "--only", "ana").returncode == 0
    assert "0 students" in fresh("destroy", "--only", "ana", "--retry-failed").stdout
    assert not [*fresh.file.parent.rglob("ana.*")]


def test_a_roster_with_problems_is_refused_before_anything_is_made(fresh):
    fresh.roster.write_text("student\nana\nana\n")
    ran = fresh("up")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"{fresh.roster}:3: ana is here twice, first on line 2" in ran.stderr
    fresh.roster.write_text("student\nana\n")
    assert "eva is not in the roster" in fresh("up", "--only", "eva").stderr
