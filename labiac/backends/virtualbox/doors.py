"""The way into a machine: a port of this host's loopback that leads to its guest's SSH server."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from labiac.backends import ssh
from labiac.backends.ssh import Door
from labiac.backends.virtualbox import marks
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.errors import BackendError
from labiac.host.home import keep
from labiac.host.lock import locked
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labiac.backends.within import Runs
    from labiac.plan.model import Machine, SeedFile

_PORTS: Final = range(20_000, 30_000)
"""Below those that systems give to connections."""
_FILE: Final = "port"


def prepare(machine: Machine, *, runs: bool) -> None:
    """Have keys and a port for *machine*, if it is to be entered; those there are stay.

    A port that another program has taken meanwhile is given up for another one, unless the machine
    *runs*: then it has it itself.

    Raises:
        CommandError: ssh-keygen refused.
        BackendError: all ports are taken.
    """
    if machine.management is None:
        return
    ssh.make_keys(_keys(machine), machine.name)
    lock = marks.folder() / "ports.lock"
    with locked(lock, "waiting for a port, which another machine is getting"):
        others = set(_others(machine))
        own = port(machine)
        if not (own and (runs or (own not in others and _is_free(own)))):
            keep(_keys(machine) / _FILE, str(_chosen(machine, others)))


def port(machine: Machine) -> int:
    """Return the port that leads to *machine*; 0 when it has none."""
    return _read(_keys(machine) / _FILE)


def seed(machine: Machine) -> tuple[SeedFile, ...]:
    """Return all that the guest of *machine* reads: with its seed, the keys that open it."""
    return (*machine.seed, *(ssh.seed(_keys(machine)) if machine.management else ()))


def way(machine: Machine, through: int) -> Runs:
    """Return what runs commands in *machine*, *through* that port.

    Raises:
        BackendError: there is no such way.
    """
    return partial(ssh.execute, door(machine, through))


def door(machine: Machine, through: int) -> Door:
    """Return the way into *machine*, *through* that port.

    Raises:
        BackendError: there is none.
    """
    where = f"virtualbox {machine.name}"
    if machine.management is None:
        problem = "labiac has no way into it without management: ssh"
        raise BackendError(where, problem, fix="say so in the lab, or log in on its console")
    if not through or not _keys(machine).exists():
        problem = "the NIC or the key by which labiac gets into it is gone"
        raise BackendError(where, problem, fix="labiac up mends it")
    return Door(where, _keys(machine), LOOPBACK, through)


def _keys(machine: Machine) -> Path:
    return marks.machines() / machine.host_name / "ssh"


def _others(machine: Machine) -> Iterator[int]:
    """Yield the ports of all other machines, on or off."""
    own = _keys(machine)
    for file in marks.machines().glob(f"*/{own.name}/{_FILE}"):
        if file.parent != own:
            yield _read(file)


def _chosen(machine: Machine, taken: set[int]) -> int:
    """Return a free port, the same for the same machine where it can be."""
    first = digest("port", machine.host_name) % len(_PORTS)
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
