"""The way into a machine: a switch of its copy's own, in which each guest reaches the host alone.

The host has an address in it, and so has each guest, that IPv6 makes from a MAC: nobody gives them
out, no two copies meet, and none leads anywhere else. The keys lie where labiac runs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from labiac.backends import ssh
from labiac.backends.base import Copy, ref_of
from labiac.backends.hyperv import host, networks, switches
from labiac.backends.hyperv.shell import command, select
from labiac.backends.ssh import Door
from labiac.errors import BackendError
from labiac.host.home import home
from labiac.host.lock import locked
from labiac.plan.model import Network
from labiac.plan.names import digest, host_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from labiac.backends.within import Runs
    from labiac.errors import Problem
    from labiac.plan.model import Machine, Plan, SeedFile

_PORT: Final = 22
_CONSOLE: Final = "vmconnect, or Hyper-V's window, shows its screen"
_DIGITS: Final = 16
"""So many of a hash tell the keys of one host from those of others."""


def problems(plan: Plan) -> Iterator[Problem]:
    """Yield what is missing for the way into the machines of *plan*.

    Raises:
        BackendError: none leads through this host.
    """
    if any(machine.management for machine in plan.machines):
        yield from ssh.problems("hyperv")
        host.tunnel("localhost", _PORT, where="hyperv")


def prepare(machine: Machine) -> None:
    """Have keys for *machine*, if it is to be entered; those there are stay.

    Raises:
        CommandError: ssh-keygen refused.
    """
    if machine.management:
        ssh.make_keys(_keys(machine.host_name), machine.name)


def seed(machine: Machine) -> tuple[SeedFile, ...]:
    """Return all that the guest of *machine* reads: with its seed, the keys that open it."""
    return (*machine.seed, *(ssh.seed(_keys(machine.host_name)) if machine.management else ()))


def switch(copy: Copy) -> Network:
    """Return the network between the host and the guests of *copy*."""
    return Network(
        name=switches.ADMIN,
        host_name=host_name(copy.lab, copy.student, switches.ADMIN),
        type="host",
        ipv4=None,
        ipv6=None,
        vlans=(),
        host_addresses=(),
        host_routes=False,
        routes=(),
        interface="",
        forwards=(),
        watched=False,
    )


def open_to(copy: Copy, machine: Machine) -> None:
    """Have that network, if *machine* is to be entered: its mark is there by now, so that it stays.

    Raises:
        ForeignError: its name on the host is another one's.
        BackendError: the host refused.
    """
    if machine.management:
        own = switch(copy)
        with _lock(copy):
            mark = networks.mark_of(ref_of(copy, "network", own.name))
            if mark is None or not mark.whole:
                networks.create(Copy(copy.lab, copy.student), own)


def close(ref: str) -> None:
    """Forget the way into the machine *ref*, which needs none any more; with the last one go all.

    Raises:
        BackendError: the host refused.
    """
    lab, student, _, name = ref.split("/")
    copy = Copy(lab, student)
    ssh.drop_keys(_keys(host_name(lab, student, name)))
    with _lock(copy):
        networks.delete_unused(ref_of(copy, "network", switches.ADMIN))


def way(copy: Copy, machine: Machine) -> Runs:
    """Return what runs commands in *machine*.

    Raises:
        BackendError: there is no such way.
    """
    return partial(ssh.execute, door(copy, machine))


def door(copy: Copy, machine: Machine) -> Door:
    """Return the way into *machine*.

    Raises:
        BackendError: there is none.
    """
    where = f"hyperv {machine.name}"
    if machine.management is None:
        problem = "labiac has no way into it without management: ssh"
        raise BackendError(where, problem, fix="say so in the lab, or log in on its console")
    own = command("Get-NetAdapter", Name=[switches.alias(switch(copy))]) | select("InterfaceIndex")
    rows = host.look(own, where=where)
    if not rows or not _keys(machine.host_name).exists():
        problem = "the switch or the key by which labiac gets into it is gone"
        raise BackendError(where, problem, fix="labiac up mends it")
    address = machine.management.address.partition("/")[0]
    guest = f"{address}%{rows[0]['InterfaceIndex']}"
    tunnel = host.tunnel(guest, _PORT, where=where)
    return Door(where, _keys(machine.host_name), guest, _PORT, _CONSOLE, tunnel)


def _keys(own: str) -> Path:
    """Return the folder with the keys of the machine that is called *own* on the host."""
    return home() / "hyperv" / f"{digest(host.address()):064x}"[:_DIGITS] / own


def _lock(copy: Copy) -> AbstractContextManager[None]:
    name = f"{host_name(copy.lab, copy.student, switches.ADMIN)}.lock"
    return locked(home() / "hyperv" / name, "waiting for another machine of the same lab")
