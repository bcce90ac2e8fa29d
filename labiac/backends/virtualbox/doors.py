"""The way into a machine: a port of this host's loopback that leads to its guest's SSH server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labiac.backends import ssh
from labiac.backends.ssh import Door
from labiac.backends.virtualbox import marks, ports
from labiac.backends.virtualbox.cards import LOOPBACK
from labiac.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.backends.within import Runs
    from labiac.plan.model import Machine, SeedFile


def prepare(machine: Machine, *, runs: bool) -> None:
    """Have keys and a port for *machine*, if it is to be entered; those there are stay.

    Raises:
        CommandError: ssh-keygen refused.
        BackendError: all ports are taken.
    """
    if machine.management is None:
        return
    ssh.make_keys(_keys(machine), machine.name)
    ports.prepare(machine, ports.SSH, runs=runs)


def port(machine: Machine) -> int:
    """Return the port that leads to *machine*; 0 when it has none."""
    return ports.port(machine, ports.SSH)


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
