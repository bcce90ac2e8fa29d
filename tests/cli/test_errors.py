"""What a user sees when something is wrong: never a traceback, always what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labiac import __version__
from labiac.cli.app import _unforeseen
from labiac.cli.options import as_typed

from .conftest import BROKEN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "three-lan"], "take one of three-lans"),
        (["plan", "no/such.yaml"], "there is no such file"),
        (["reach", "three-lans", "--from", "pc9", "--to", "pc1"], "its nodes are r1, r2, pc1"),
        (["reach", "three-lans", "--from", "pc1", "--to", "pc1"], "name two nodes"),
        (["render", "three-lans", "pc9"], "its nodes are r1, r2, pc1"),
        (["plan", "three-lans", "--backend", "xen"], "'xen' is none of hyperv, incus, libvirt"),
        (["exec", "three-lans", "pc1", "ping", "pc4"], "labiac exec three-lans pc1 -- ping pc4"),
        (
            ["exec", "three-lans", "pc1", "--student", "ana", "ping", "-c1", "pc4"],
            "labiac exec three-lans pc1 --student ana -- ping -c1 pc4",
        ),
        (["exec", "three-lans", "pc1", "--"], "there is no command behind --"),
        (["snapshot", "list", "no/such.yaml"], "there is no such file"),
        (["destroy"], "give a FILE, or --lab NAME"),
    ],
)
def test_what_is_not_there_is_wrong_usage_and_the_remedy_is_said(process, arguments, said):
    ran = process(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("arguments", [["plna"], ["plan"], ["plan", "three-lans", "--colour"]])
def test_a_wrong_command_line_is_wrong_usage(process, arguments):
    ran = process(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_problems_of_a_file_go_to_stderr_with_exit_1(process, lab_file):
    ran = process("plan", lab_file(BROKEN))
    assert (ran.code, ran.out) == (1, "")
    assert "lab.yaml:4 pcs.pc1.ipv4: " in ran.err
    assert "lab.yaml:5 pcs.pc2.lan: " in ran.err


def test_with_json_the_problems_are_the_one_document(process, lab_file):
    ran = process("reach", lab_file(BROKEN), "--json")
    assert ran.code == 1
    fields = {problem["field"] for problem in ran.json["problems"]}
    assert fields == {"pcs.pc1.ipv4", "pcs.pc2.lan"}
    assert "lab.yaml:4" in ran.err


@pytest.mark.parametrize("place", [["--debug", "plan"], ["plan", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(process, lab_file, place):
    ran = process(*place, lab_file(BROKEN))
    assert ran.code == 1
    assert "Traceback" in ran.err


def test_a_bug_of_ours_is_no_traceback_either(labiac, monkeypatch):
    def fail(*_arguments):
        message = "boom"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("labiac.plan.resolve.plan_file", fail)
    ran = labiac("plan", "three-lans")
    assert ran.code == 1
    assert "labiac: ZeroDivisionError: boom" in ran.err
    assert "--debug" in ran.err


def test_ctrl_c_exits_as_shells_report_it(labiac, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("labiac.plan.resolve.plan_file", interrupt)
    ran = labiac("plan", "three-lans")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_node_of_a_lab_that_is_down_says_how_to_bring_it_up(process):
    ran = process("exec", "ring", "pc1", "--student", "nobody", "--", "true")
    assert ran.code == 1
    assert "labiac up ring --student nobody" in ran.err


def test_output_that_is_no_terminal_has_no_colours(process):
    ran = process("plan", "three-lans")
    assert ran.code == 0
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("arguments", [["plan", "three-lans"], ["reach", "three-lans"], ["schema"]])
def test_with_json_stdout_is_one_document_and_stderr_silent(process, arguments):
    ran = process(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert isinstance(ran.json, dict)


def test_help_names_every_command(process):
    ran = process("--help")
    for command in ("check", "plan", "reach", "render", "graph", "preview", "up", "verify", "exec"):
        assert f" {command} " in ran.out
    for command in ("shell", "capture", "status", "refresh", "destroy", "schema", "doctor"):
        assert f" {command} " in ran.out


def test_the_version_is_said_alone(process):
    ran = process("--version")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{__version__}\n"


def test_a_reader_that_goes_away_gets_no_traceback():
    argv = [sys.executable, "-m", "labiac", "schema"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        writer.stdout.close()
        said = writer.stderr.read()
    assert said == b""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "/home: No space left on device\n  fix: make room there"),
        (errno.EMFILE, "/home: Too many open files\n  fix: allow more"),
        (errno.ENOENT, "labiac: FileNotFoundError: "),
    ],
)
def test_what_the_system_refuses_is_told_as_such_and_the_rest_as_a_bug(number, said):
    error = OSError(number, os.strerror(number), "/home")
    assert str(_unforeseen(error)).startswith(said)


def test_a_command_that_is_told_can_be_pasted_whatever_a_file_is_called():
    assert as_typed("up", Path("my lab.yaml")) == "labiac up 'my lab.yaml'"
