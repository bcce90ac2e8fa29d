"""What `up` does not do unasked: break a check of the lab, or take a machine's disk along."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labiac.backends import BACKENDS
from labiac.backends.memory import Memory
from labiac.cli.app import app
from labiac.fleet.pulumi_cli import find
from labiac.provider.lifecycle import backend

from .conftest import TWICE, UNREACHABLE, Ran

LAB = """\
name: guarded
lans: {lan1: {}}
pcs:
  pc1: {lan: lan1, disk_gib: 10}
  pc2: {lan: lan1}
  pc3: {lan: lan1, gateway: none}
"""
BIGGER = LAB.replace("disk_gib: 10", "disk_gib: 20")
RENAMED = BIGGER.replace("pc2: {lan: lan1}", "bob: {lan: lan1, ipv4: 10.0.1.12}")
SMALLER = RENAMED.replace("  pc3: {lan: lan1, gateway: none}\n", "")


class Disks(Memory):
    """A backend whose machines boot from disks of their own, as hypervisors' do."""

    name = "disks"
    features = replace(Memory.features, boots=True, live=frozenset({"nics.connected"}))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A labiac and a Pulumi of this test's own."""
    path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "labiac"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    return tmp_path


@pytest.fixture
def disks(home, monkeypatch):  # noqa: ARG001 -- its state is the test's own
    """A backend with disks, and nothing on it."""
    monkeypatch.setitem(sys.modules, "tests_disks", SimpleNamespace(open=Disks))
    monkeypatch.setitem(BACKENDS, Disks.name, "tests_disks")
    backend.cache_clear()
    yield backend(Disks.name)
    backend.cache_clear()


def disk_sizes(disks):
    (copy,) = disks.find()
    nodes = [disks.read(ref).item for ref in copy.refs if "/machine/" in ref]
    return {node.name: node.disk_gib for node in nodes}


@pytest.fixture
def up(labiac, lab_file, disks):  # noqa: ARG001 -- that is where it goes up
    def call(text, *options, command="up"):
        return labiac(command, lab_file(text), "--backend", "disks", *options)

    assert call(LAB).code == 0
    return call


@contextmanager
def terminal(monkeypatch, typed):
    """Play a person at a terminal who has *typed* something."""
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    with open(theirs, encoding="utf-8", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def at_terminal(up, disks, monkeypatch, capsys, lab_file):  # noqa: ARG001 -- LAB is up by then
    def call(text, typed):
        with terminal(monkeypatch, typed), pytest.raises(SystemExit) as ended:
            app(["up", lab_file(text), "--backend", "disks"], prog_name="labiac")
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return call


def test_up_refuses_a_lab_that_breaks_a_check_of_its_own_and_touches_nothing(
    labiac, lab_file, home
):
    file = lab_file(UNREACHABLE)
    ran = labiac("up", file, "--backend", "memory")
    assert ran.code == 1
    assert f"{file}:5 checks[0]: ping pc1 -> pc2 will not hold: pc1 has no route to" in ran.err
    assert "; up --force goes on all the same" in ran.err
    assert not (home / "labiac" / "state").exists()


def test_a_program_reads_which_checks_a_lab_breaks(labiac, lab_file, home):  # noqa: ARG001
    ran = labiac("up", lab_file(UNREACHABLE), "--backend", "memory", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    (problem,) = ran.json["problems"]
    assert (problem["level"], problem["field"]) == ("error", "checks[0]")
    assert "--force" in problem["fix"]


def test_force_brings_a_lab_up_that_breaks_a_check_and_says_which(labiac, lab_file, home):  # noqa: ARG001
    ran = labiac("up", lab_file(UNREACHABLE), "--backend", "memory", "--force", "--json")
    assert (ran.code, ran.json["ok"]) == (0, True)
    assert "goes on by --force: " in ran.err
    assert "ping pc1 -> pc2 will not hold" in ran.err


def test_a_preview_says_what_up_will_refuse(labiac, lab_file, home):  # noqa: ARG001
    ran = labiac("preview", lab_file(UNREACHABLE), "--backend", "memory", "--json")
    assert ran.code == 0
    assert {change["effect"] for change in ran.json["changes"]} == {"create"}
    assert "up will refuse it: " in ran.err


def test_up_refuses_what_cannot_be_meant_and_says_what_is_just_odd(labiac, lab_file, home):
    file = lab_file(TWICE)
    ran = labiac("up", file, "--backend", "memory")
    assert ran.code == 1
    assert f"warning: {file}:6 pcs.pc3: no cable of pc3 is in" in ran.err
    assert f"{file}:5 pcs.pc2.ipv4: pc1 on sw and pc2 on sw both have 10.0.1.5" in ran.err
    assert "; up --force goes on all the same" in ran.err
    assert not (home / "labiac" / "state").exists()


def test_what_would_lose_disks_is_not_done_where_nobody_can_be_asked(up, disks):
    ran = up(SMALLER)
    assert ran.code == 1
    assert (
        "guarded of local: 3 machines would lose what is on their disks\n"
        "  ± PC pc1   replace: disk 10 GiB -> 20 GiB\n"
        "  > PC bob   replace: name pc2 -> bob\n"
        "  - PC pc3   delete\n"
    ) in ran.err
    assert "--yes goes on" in ran.err
    assert disk_sizes(disks) == {"pc1": 10, "pc2": 4, "pc3": 4}


@pytest.mark.usefixtures("up")
def test_a_lab_that_moves_to_a_backend_without_disks_does_not_leave_its_disks_unasked(
    labiac, lab_file, disks
):
    ran = labiac("up", lab_file(LAB), "--backend", "memory")
    assert ran.code == 1
    assert "± PC pc1   replace: backend disks -> memory" in ran.err
    assert disk_sizes(disks) == {"pc1": 10, "pc2": 4, "pc3": 4}


def test_a_program_is_never_asked(up):
    ran = up(BIGGER, "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert "--yes" in ran.json["problems"][0]["fix"]


def test_yes_answers_beforehand(up, disks):
    assert up(BIGGER, "--yes").code == 0
    assert disk_sizes(disks) == {"pc1": 20, "pc2": 4, "pc3": 4}


def test_a_person_who_agrees_gets_the_new_disk(at_terminal, disks):
    ran = at_terminal(BIGGER, "y\n")
    assert (ran.code, "Go on? [y/N]" in ran.err) == (0, True)
    assert disk_sizes(disks)["pc1"] == 20


def test_a_person_who_does_not_agree_keeps_the_disk(at_terminal, disks):
    ran = at_terminal(BIGGER, "\n")
    assert (ran.code, "nothing was changed" in ran.err) == (1, True)
    assert disk_sizes(disks)["pc1"] == 10


def test_what_costs_no_disk_is_not_asked_about(up, disks):
    ran = up(LAB.replace("pc2: {lan: lan1}", "pc2: {lan: lan1, memory_mib: 1024}"))
    assert ran.code == 0, ran.err
    assert disk_sizes(disks) == {"pc1": 10, "pc2": 4, "pc3": 4}


def test_a_preview_tells_the_disturbed_pairs_as_a_diff_does(up, labiac, tmp_path, lab_file):
    (tmp_path / "old.yaml").write_text(LAB)
    previewed = up(BIGGER, "--json", command="preview")
    compared = labiac(
        "diff", str(tmp_path / "old.yaml"), lab_file(BIGGER), "--backend", "disks", "--json"
    )
    assert {key: previewed.json[key] for key in compared.json} == compared.json
    assert previewed.json["changes"][0]["disturbs"] == [
        "pc1 -> pc2",
        "pc1 -> pc3",
        "pc2 -> pc1",
        "pc3 -> pc1",
    ]
