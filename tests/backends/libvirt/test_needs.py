"""What is missing on a machine is named in the order in which to get it, each with how."""

import os
import sys

import pytest

from labiac.backends.libvirt import accelerator, host, needs
from labiac.backends.libvirt.chosen import SCREEN, screen
from labiac.backends.libvirt.connection import URI
from labiac.errors import BackendError
from labiac.plan.model import Plan

NOTHING = Plan("doctor", "local", "libvirt", networks=(), machines=(), checks=())


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with no program installed; return where its programs and sockets are to be.

    Of Python's modules it has all: those of the tests' own machine are not asked for.
    """
    monkeypatch.setattr(needs, "find_spec", lambda name: name)
    monkeypatch.delenv(URI, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "_DAEMONS", str(tmp_path))
    monkeypatch.setattr(needs, "SOCKETS", (tmp_path / "socket",))
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    return tmp_path


def install(machine, *programs):
    for name in programs:
        (machine / name).write_text("")
        (machine / name).chmod(0o755)


def said():
    return [(problem.problem, problem.fix) for problem in needs.lacking()]


def test_packages_that_are_missing_are_named_in_one_command(machine):
    ((problem, fix),) = said()
    assert problem == "not installed: libvirt-daemon-system, qemu-system-x86"
    assert fix.startswith("sudo apt-get install libvirt-daemon-system qemu-system-x86;")
    install(machine, "virtqemud")
    assert said()[0][0] == "not installed: qemu-system-x86"


def test_a_libvirt_that_does_not_run_is_started(machine):
    install(machine, "libvirtd", "qemu-system-x86_64")
    ((problem, fix),) = said()
    assert "does not run" in problem
    assert fix.startswith("sudo systemctl enable --now libvirtd")


def test_a_user_who_may_not_use_it_joins_its_group(machine, monkeypatch):
    install(machine, "libvirtd", "qemu-system-x86_64", "socket")
    monkeypatch.setattr(os, "access", lambda path, _how: path != machine / "socket")
    monkeypatch.setattr(needs, "which", lambda name, **_: name)
    ((_, fix),) = said()
    assert "--groups libvirt" in fix
    assert f"{URI}=qemu:///session" in fix


@pytest.mark.usefixtures("machine")
def test_python_modules_that_are_missing_come_after_what_they_need(monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda _name: None)
    ours, bindings = (fix for _, fix in said())
    assert ours.startswith("sudo apt-get install libvirt-daemon-system")
    assert bindings.startswith("sudo apt-get install libvirt-dev gcc")
    assert bindings.endswith(f"{sys.executable} -m pip install libvirt-python")
    monkeypatch.setattr(sys, "prefix", "/home/ana/.local/share/pipx/venvs/labiac")
    assert said()[1][1].endswith("pipx inject labiac libvirt-python")


@pytest.mark.usefixtures("machine")
def test_a_libvirt_of_choice_needs_nothing_of_this_machine(monkeypatch):
    monkeypatch.setenv(URI, "qemu+ssh://elsewhere/system")
    assert said() == []


def test_a_libvirt_of_a_user_needs_its_programs_and_no_socket(machine, monkeypatch):
    monkeypatch.setenv(URI, "qemu:///session")
    ((problem, _fix),) = said()
    assert problem == "not installed: libvirt-daemon-system, qemu-system-x86"
    install(machine, "libvirtd", "qemu-system-x86_64")
    assert said() == []


@pytest.mark.usefixtures("machine")
def test_the_image_comes_last():
    problems = host.problems(NOTHING)
    assert [each.level for each in problems] == ["error", "warning"]
    assert "labiac image build" in problems[-1].fix


def test_a_choice_that_there_is_not_is_told_with_those_that_there_are(monkeypatch):
    monkeypatch.setenv(SCREEN, "vnc")
    assert screen() == "vnc"
    monkeypatch.setenv(SCREEN, "spice")
    with pytest.raises(BackendError, match="'spice' is none of none, vnc"):
        screen()


@pytest.fixture
def device(monkeypatch, tmp_path):
    """A /dev/kvm of a processor that has one; nobody chose an accelerator."""
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(accelerator, "DEVICE", device)
    monkeypatch.setattr(accelerator, "_drives_kvm", lambda: True)
    monkeypatch.delenv(accelerator.VARIABLE, raising=False)
    return device


def test_a_user_who_may_not_open_kvm_is_told_where_it_is_up_to_them(device, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _how: path != device)
    monkeypatch.delenv(URI, raising=False)
    assert not accelerator.is_barred(), "the host's libvirt opens it"
    monkeypatch.setenv(URI, "qemu:///session")
    assert accelerator.is_barred()
    monkeypatch.setenv(accelerator.VARIABLE, "tcg")
    assert not accelerator.is_barred(), "nobody wants it"


@pytest.mark.usefixtures("device")
def test_a_user_who_may_open_kvm_has_nothing_to_hear(monkeypatch):
    monkeypatch.setenv(URI, "qemu:///session")
    monkeypatch.setattr(os, "access", lambda _path, _how: True)
    assert not accelerator.is_barred()
