"""The serial console of a machine: a socket that this test listens at, as VirtualBox would."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from labiac.backends.virtualbox import console
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.backends.virtualbox.check import problems
from labiac.errors import BackendError, UsageError
from labiac.plan.resolve import plan_file

PLAN = plan_file("three-lans", "ana", "virtualbox")
PC1 = PLAN.machine("pc1")


@pytest.fixture(autouse=True)
def home(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="vb") as folder:
        monkeypatch.setenv("LABIAC_HOME", folder)
        yield


@pytest.fixture
def port():
    """Listen where VirtualBox has the serial port."""
    there = Path(console.place(PC1))
    there.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(there))
        listening.listen(1)
        listening.settimeout(60)
        yield listening
    there.unlink()


ATTACH = """
import sys
from labiac.backends.virtualbox import console
from labiac.errors import BackendError
from labiac.plan.resolve import plan_file
try:
    pc1 = plan_file("three-lans", "ana", "virtualbox").machine("pc1")
    console.attach(pc1, console.mode(pc1))
except BackendError as error:
    sys.exit(str(error))
"""


@contextmanager
def sat():
    """Be at the console in a terminal of its own: the process there, and that terminal."""
    terminal, theirs = pty.openpty()
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
    process = subprocess.Popen([sys.executable, "-c", ATTACH], **ends)
    os.close(theirs)
    yield process, terminal
    process.kill()
    process.wait()
    os.close(terminal)


@pytest.fixture
def seat():
    """Be at the console of a machine."""
    with sat() as seat:
        yield seat


def rest(terminal):
    said = b""
    while True:
        try:
            said += os.read(terminal, 1024)
        except OSError:  # its other end is closed
            return said


def told(line, words):
    said = b""
    while not said.endswith(words):
        said += line.recv(1024)
    return said


def test_keys_go_to_the_guest_and_what_it_says_to_the_screen_until_ctrl_bracket(port, seat):
    process, terminal = seat
    line, _ = port.accept()
    with line:
        assert told(line, b"\r") == b"\r"  # which makes a prompt show itself
        os.write(terminal, b"ls\x03\r")
        assert told(line, b"ls\x03\r")
        line.sendall(b"bin dev")
        os.write(terminal, b"\x1d")
        said = rest(terminal)
        assert process.wait() == 0, said
    assert b"console of pc1: Ctrl-] leaves it" in said
    assert b"left the console of pc1" in said


def test_a_machine_that_goes_off_ends_it(port, seat):
    process, terminal = seat
    line, _ = port.accept()
    with line:
        assert told(line, b"\r")
        line.sendall(b"going down")
    assert b"going down" in rest(terminal)
    assert process.wait() == 0


def test_where_there_is_no_console_it_says_so(seat):
    process, terminal = seat
    assert b"there is no console at" in rest(terminal)
    assert process.wait() == 1


def test_without_a_terminal_it_says_what_works_there():
    argv = [sys.executable, "-c", ATTACH]
    nothing = subprocess.DEVNULL
    ended = subprocess.run(argv, check=False, stdin=nothing, capture_output=True, text=True)
    assert "labiac exec" in ended.stderr
    assert ended.returncode == 1


def test_its_place_is_beside_the_machine_unless_that_is_too_long_for_a_socket(monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", "/home/ana/.local/share/labiac")
    assert console.place(PC1).startswith("/home/ana/")
    monkeypatch.setenv("LABIAC_HOME", f"/home/{'a' * 90}")
    there = Path(console.place(PC1))
    assert there.name.startswith("labiac-")
    assert len(str(there)) < 100


def test_on_windows_its_place_is_a_pipe(monkeypatch):
    monkeypatch.setattr(console.sys, "platform", "win32")
    assert console.place(PC1).startswith(r"\\.\pipe\labiac-")
    with pytest.raises(BackendError, match=r"PuTTY.*Serial, \\\\.\\pipe"):
        console.attach(PC1, console.mode(PC1))


def test_by_tcp_it_is_at_a_port_of_its_own_which_the_check_warns_of(monkeypatch):
    monkeypatch.setenv(console.CONSOLES, "tcp")
    console.prepare(PC1, runs=False)
    kind, number = console.mode(PC1)
    assert (kind, 20_000 <= int(number) < 30_000) == ("tcpserver", True)
    (said,) = (each for each in problems(PLAN) if "consoles" in each.problem)
    assert (said.level, "every network" in said.problem) == ("warning", True)
    monkeypatch.delenv(console.CONSOLES)
    assert not [each for each in problems(PLAN) if "consoles" in each.problem]


def test_keys_go_to_the_guest_by_tcp_too(monkeypatch):
    monkeypatch.setenv(console.CONSOLES, "tcp")
    console.prepare(PC1, runs=False)
    with socket.create_server((LOOPBACK, int(console.mode(PC1)[1]))) as listening, sat() as seat:
        process, terminal = seat
        line, _ = listening.accept()
        with line:
            assert told(line, b"\r") == b"\r"
            os.write(terminal, b"ls\x1d")
            assert told(line, b"ls") == b"ls"
        rest(terminal)
        assert process.wait() == 0


def test_another_place_than_those_is_refused(monkeypatch):
    monkeypatch.setenv(console.CONSOLES, "telnet")
    with pytest.raises(UsageError, match="'telnet' is neither local nor tcp"):
        console.mode(PC1)
