"""The port that leads to a machine: its own, free, and the same from run to run."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from labiac.backends.virtualbox import console, doors
from labiac.backends.virtualbox import ports as module
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.errors import BackendError
from labiac.plan.resolve import plan_file

PLAN = plan_file("three-lans", "ana", "virtualbox")
PC1, PC2 = PLAN.machine("pc1"), PLAN.machine("pc2")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path))


@pytest.fixture
def ports(monkeypatch):
    """Leave two ports to choose from, which the kernel had free just now."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind((LOOPBACK, 0))
        free = [each.getsockname()[1] for each in (one, other)]
    monkeypatch.setattr(module, "_PORTS", free)
    return free


def taken(port):
    held = socket.socket()
    held.bind((LOOPBACK, port))
    held.listen()
    return held


def test_a_machine_has_a_port_and_keys_and_keeps_both():
    doors.prepare(PC1, runs=False)
    port, seed = doors.port(PC1), doors.seed(PC1)
    doors.prepare(PC1, runs=False)
    assert (doors.port(PC1), doors.seed(PC1)) == (port, seed)
    assert 20_000 <= port < 30_000
    assert [file.name for file in seed if file not in PC1.seed] == ["vendor-data"]
    assert doors.door(PC1, port).port == port


def test_no_two_machines_have_the_same_port(ports):
    for machine in (PC1, PC2):
        doors.prepare(machine, runs=False)
    assert {doors.port(PC1), doors.port(PC2)} == set(ports)


def test_a_console_at_a_port_has_another_one_than_the_way_in(ports, monkeypatch):
    monkeypatch.setenv(console.CONSOLES, "tcp")
    doors.prepare(PC1, runs=False)
    console.prepare(PC1, runs=False)
    assert {str(doors.port(PC1)), console.mode(PC1)[1]} == set(map(str, ports))


@pytest.mark.usefixtures("ports")
def test_a_port_that_another_program_took_is_given_up_unless_the_machine_has_it_itself():
    doors.prepare(PC1, runs=False)
    own = doors.port(PC1)
    with taken(own):
        doors.prepare(PC1, runs=True)
        assert doors.port(PC1) == own
        doors.prepare(PC1, runs=False)
        assert doors.port(PC1) != own


def test_where_all_ports_are_taken_it_says_so(ports):
    with taken(ports[0]), taken(ports[1]), pytest.raises(BackendError, match="are taken"):
        doors.prepare(PC1, runs=False)


def test_a_machine_that_is_not_to_be_entered_gets_nothing_and_says_so():
    alone = replace(PC1, management=None)
    doors.prepare(alone, runs=False)
    assert (doors.port(alone), doors.seed(alone)) == (0, PC1.seed)
    with pytest.raises(BackendError, match="without management: ssh"):
        doors.door(alone, 0)


def test_keys_that_are_gone_are_said_to_be():
    with pytest.raises(BackendError, match="is gone"):
        doors.door(PC1, 22_001)
