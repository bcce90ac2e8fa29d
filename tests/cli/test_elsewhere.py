"""Where there is neither Linux nor what POSIX gives Python, labs are still planned and checked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ELSEWHERE = """\
import os, runpy, sys, sysconfig

class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}:
            raise ImportError(name)

sysconfig.get_config_vars()  # a file of the real system; Python itself looks for it by the name
sys.meta_path.insert(0, NotThere())
for name in ("fork", "geteuid", "getpgid", "getuid", "killpg", "setsid"):
    delattr(os, name)
sys.platform = "elsewhere"
runpy.run_module("labiac", run_name="__main__")
"""
"""Becomes ``labiac`` on a system that has no more than Windows has."""


@pytest.fixture
def elsewhere(tmp_path):
    """Run ``labiac`` there: call it with its arguments."""

    def run(*arguments):
        argv = [sys.executable, "-c", ELSEWHERE, *arguments]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LABIAC_")}
        environment = {**kept, "LABIAC_HOME": str(tmp_path), "PATH": str(tmp_path)}
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)

    return run


@pytest.mark.parametrize("backend", ["hyperv", "virtualbox"])
@pytest.mark.parametrize("command", ["plan", "reach", "diff", "graph"])
def test_a_lab_is_planned_and_forecast(elsewhere, command, backend):
    labs = ["three-lans", "three-lans"] if command == "diff" else ["three-lans"]
    ran = elsewhere(command, *labs, "--backend", backend)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout


def test_a_seed_is_rendered(elsewhere):
    ran = elsewhere("render", "three-lans", "r1", "--backend", "hyperv")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "10.0.3.0/24" in ran.stdout


def test_a_check_says_what_the_hypervisor_lacks(elsewhere):
    ran = elsewhere("check", "three-lans", "--backend", "virtualbox")
    assert ran.returncode == 1
    assert "there is no VBoxManage\n  fix: install VirtualBox 7" in ran.stderr + ran.stdout


def test_doctor_and_status_look_at_what_there_can_be(elsewhere):
    ran = elsewhere("doctor")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "netns" not in ran.stdout
    assert "virtualbox: not ready" in ran.stdout
    assert elsewhere("status").stdout == "no lab is up\n"


def test_namespaces_are_refused_with_the_way_out(elsewhere):
    ran = elsewhere("check", "three-lans", "--backend", "netns")
    assert ran.returncode != 0
    assert "backend netns: it runs on Linux, and this is elsewhere\n  fix: " in ran.stderr
