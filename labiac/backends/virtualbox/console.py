"""A machine's serial console in this terminal: VirtualBox has it at a socket, a pipe, or a port."""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import marks, ports
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.errors import BackendError, UsageError
from labiac.host.lock import locked

if TYPE_CHECKING:
    from labiac.plan.model import Machine

CONSOLES: Final = "LABIAC_VIRTUALBOX_CONSOLE"
"""Says where consoles are: ``local`` is a socket or, on Windows, a pipe; ``tcp`` is a port."""
LOCAL: Final = "server"
TCP: Final = "tcpserver"
"""VirtualBox's words for them."""
_LONGEST: Final = 100
"""Bytes of a socket's path; macOS takes 103."""
_CHUNK: Final = 4096


def prepare(machine: Machine, *, runs: bool) -> None:
    """Have a port for the console of *machine*, which *runs* or not, if it is to be at one.

    Raises:
        BackendError: all ports are taken.
        UsageError: the variable that says where consoles are says something else.
    """
    if is_open():
        ports.prepare(machine, ports.CONSOLE, runs=runs)


def mode(machine: Machine) -> tuple[str, str]:
    """Return what VirtualBox is to do with the serial port of *machine*: its word, and where.

    Raises:
        UsageError: the variable that says where consoles are says something else.
    """
    if is_open():
        return TCP, str(ports.port(machine, ports.CONSOLE))
    return LOCAL, place(machine)


def is_open() -> bool:
    """Return whether consoles are to be at ports, which VirtualBox opens to all networks.

    Raises:
        UsageError: the variable that says so says something else.
    """
    said = os.environ.get(CONSOLES) or "local"
    if said not in ("local", "tcp"):
        raise UsageError(CONSOLES, f"{said!r} is neither local nor tcp", fix="use one of them")
    return said == "tcp"


def place(machine: Machine) -> str:
    """Return where the serial port of *machine* is, for this host alone: a socket, or a pipe."""
    known_by = uuid_of(f"console/{machine.host_name}")
    if sys.platform == "win32":
        return rf"\\.\pipe\labiac-{known_by}"
    file = marks.machines() / machine.host_name / "console"
    if len(os.fsencode(file)) > _LONGEST:
        file = Path(tempfile.gettempdir(), f"labiac-{known_by}")
    return str(file)


def attach(machine: Machine, there: tuple[str, str]) -> None:
    """Be at the console of *machine*, which runs, until Ctrl-], or until it is off.

    Args:
        machine: Whose console.
        there: Where VirtualBox has it, as of `mode`.

    Raises:
        BackendError: this is no terminal, or VirtualBox has no console there.
    """
    where = f"virtualbox {machine.name}"
    kind, at = there
    if sys.platform == "win32":
        seen = f"Raw, {LOOPBACK}, {at}" if kind == TCP else f"Serial, {at}"
        fix = f"PuTTY opens it: {seen}; labiac exec runs commands"
        raise BackendError(where, "labiac opens no console on Windows", fix=fix)
    from labiac.backends import terminal

    terminal.insist(where)
    # VirtualBox has one place at it: a second one would see nothing, and not be told why.
    lock = marks.machines() / machine.host_name / "console.lock"
    waiting = f"waiting for the console of {machine.name}, which somebody is at"
    family = socket.AF_INET if kind == TCP else socket.AF_UNIX
    with locked(lock, waiting), socket.socket(family) as line:
        try:
            line.connect((LOOPBACK, int(at)) if kind == TCP else at)
        except OSError as error:
            problem = f"there is no console at {at} ({error.strerror})"
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
