"""Ports of this host that lead to machines: each has its own, the same from run to run."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.virtualbox import marks
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.errors import BackendError
from labiac.host.home import keep
from labiac.host.lock import locked
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labiac.plan.model import Machine

_PORTS: Final = range(20_000, 30_000)
"""Below those that systems give to connections."""
SSH: Final = "ssh/port"
CONSOLE: Final = "console.port"
"""Files beside a machine with the ports that lead to its guest's SSH server, and its console."""


def prepare(machine: Machine, what: str, *, runs: bool) -> None:
    """Have a port for *what* of *machine*; one that is there stays.

    A port that another program has taken meanwhile is given up for another one, unless the machine
    *runs*: then it has it itself.

    Args:
        machine: Whose port.
        what: `SSH` or `CONSOLE`.
        runs: Whether it is on.

    Raises:
        BackendError: all ports are taken.
    """
    file = _file(machine, what)
    with locked(marks.folder() / "ports.lock", "waiting for a port, which another is getting"):
        others = set(_others(file))
        own = _read(file)
        if not (own and (runs or (own not in others and _is_free(own)))):
            file.parent.mkdir(parents=True, exist_ok=True)
            keep(file, str(_chosen(machine, what, others)))


def port(machine: Machine, what: str) -> int:
    """Return the port that leads to *what* of *machine*; 0 when it has none."""
    return _read(_file(machine, what))


def _file(machine: Machine, what: str) -> Path:
    return marks.machines() / machine.host_name / what


def _others(own: Path) -> Iterator[int]:
    """Yield all ports of machines, on or off, but that of the file *own*."""
    for what in (SSH, CONSOLE):
        yield from (_read(file) for file in marks.machines().glob(f"*/{what}") if file != own)


def _chosen(machine: Machine, what: str, taken: set[int]) -> int:
    """Return a free port, the same for the same machine where it can be."""
    first = digest(what, machine.host_name) % len(_PORTS)
    order: list[int] = [*_PORTS[first:], *_PORTS[:first]]
    for number in order:
        if number not in taken and _is_free(number):
            return number
    problem = f"all ports from {_PORTS[0]} to {_PORTS[-1]} are taken"
    raise BackendError(f"virtualbox {machine.name}", problem, fix="destroy labs that nobody needs")


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # there it would take the port from whoever has it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True


def _read(file: Path) -> int:
    with suppress(FileNotFoundError, ValueError):
        return int(file.read_text(encoding="utf-8"))
    return 0
