"""A machine's serial console in this terminal: VirtualBox has it at a socket of the host's."""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import marks
from labiac.errors import BackendError
from labiac.host.lock import locked

if TYPE_CHECKING:
    from labiac.plan.model import Machine

_LONGEST: Final = 100
"""Bytes of a socket's path; macOS takes 103."""
_CHUNK: Final = 4096


def place(machine: Machine) -> str:
    """Return where VirtualBox is to have the serial port of *machine*: a socket, or a pipe."""
    known_by = uuid_of(f"console/{machine.host_name}")
    if sys.platform == "win32":
        return rf"\\.\pipe\labiac-{known_by}"
    file = marks.machines() / machine.host_name / "console"
    if len(os.fsencode(file)) > _LONGEST:
        file = Path(tempfile.gettempdir(), f"labiac-{known_by}")
    return str(file)


def attach(machine: Machine) -> None:
    """Be at the console of *machine*, which runs, until Ctrl-], or until it is off.

    Raises:
        BackendError: this is no terminal, or VirtualBox has no console there.
    """
    where, there = f"virtualbox {machine.name}", place(machine)
    if sys.platform == "win32":
        fix = f"PuTTY opens it: Serial, {there}; labiac exec runs commands"
        raise BackendError(where, "labiac opens no console on Windows", fix=fix)
    from labiac.backends import terminal

    terminal.insist(where)
    # VirtualBox has one place at it: a second one would see nothing, and not be told why.
    lock = marks.machines() / machine.host_name / "console.lock"
    waiting = f"waiting for the console of {machine.name}, which somebody is at"
    with locked(lock, waiting), socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(there)
        except OSError as error:
            problem = f"there is no console at {there} ({error.strerror})"
            raise BackendError(where, problem, fix="labiac restart puts it there") from None
        with terminal.at_console(machine.name):
            _talk(line, terminal.LEAVE)


def _talk(line: socket.socket, leave: bytes) -> None:
    """Carry what is typed to the guest, and what it says to the screen."""
    line.sendall(b"\r")  # a prompt that waits shows itself
    while True:
        ready, _, _ = select.select([0, line.fileno()], [], [])
        if line.fileno() in ready:
            if not (said := line.recv(_CHUNK)):
                return
            os.write(1, said)
        if 0 in ready:
            typed, left, _ = os.read(0, _CHUNK).partition(leave)
            line.sendall(typed)
            if left or not typed:
                return
