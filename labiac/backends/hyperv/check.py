"""Every reason that a plan can't be made here of Hyper-V's machines and switches."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from labiac.backends import nics, room
from labiac.backends.hyperv import addresses, doors, host, machines, marks
from labiac.backends.hyperv.shell import command, select
from labiac.errors import LabError, Problem
from labiac.plan.model import lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.plan.model import Machine, Network, Nic, Plan

MOST_NICS: Final = 8
"""Adapters that every version of Hyper-V has room for."""
_MODELS: Final = frozenset({"virtio", "netvsc"})
"""What a lab file calls a hypervisor's own kind of NIC, and Hyper-V's name of its own."""
_KIB_A_MIB: Final = 1024
_BESIDE_MIB: Final = 32
"""Memory that a machine takes beside its own."""


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on this host."""
    found = [problem for network in plan.networks for problem in _network(network)]
    found += [problem for machine in plan.machines for problem in _machine(machine)]
    return [*found, *nics.problems("hyperv", plan), *_host(plan)]


def _network(network: Network) -> Iterator[Problem]:
    where, path = f"hyperv {network.name}", f"lans.{lan_of(network.name)}"
    if network.type == "nat" and (network.ipv6 or not network.ipv4):
        problem = "Windows has a NAT for IPv4 alone"
        yield Problem(where, f"{path}.ipv6", problem, "give it an IPv4 subnet alone")
    if network.host_routes and network.type != "nat":
        yield Problem(
            where,
            f"{path}.host.router",
            "labiac does not make a router of a Windows host",
            "put a router into the lab, or use the backend libvirt",
        )
    if network.type == "bridged" and not network.interface:
        problem = "an external switch is bound to an interface of the host, and none is named"
        yield Problem(where, f"{path}.interface", problem, "name one: Ethernet")


def _machine(machine: Machine) -> Iterator[Problem]:
    where, path = f"hyperv {machine.name}", f"{machine.section}.{machine.name}.nics"
    own, fix = (", one of them labiac's own,", "; or say management: none")
    if machine.management is None:
        own = fix = ""
    if (count := len(machine.nics) + bool(own)) > MOST_NICS:
        problem = f"{count} NICs{own} are more than the {MOST_NICS} that Hyper-V has room for"
        yield Problem(where, path, problem, f"give it fewer, or trunks{fix}")
    for number, nic in enumerate(machine.nics):
        yield from _nic(where, f"{path}[{number}]", nic)


def _nic(where: str, path: str, nic: Nic) -> Iterator[Problem]:
    if nic.attach == "generic":
        problem = "Hyper-V has no adapters with a driver of the user's"
        yield Problem(where, f"{path}.attach", problem, "use the backend virtualbox or libvirt")
    if nic.attach == "nat":
        problem = "Hyper-V has no NAT for one adapter"
        yield Problem(where, f"{path}.attach", problem, "plug it into a LAN of type nat")
    if nic.model not in _MODELS:
        problem = f"Hyper-V has no NIC model {nic.model!r}"
        yield Problem(where, f"{path}.model", problem, "leave the model out")


def _host(plan: Plan) -> Iterator[Problem]:
    """Yield what the host lacks for *plan*."""
    if not host.name():
        yield Problem("hyperv", "", "this machine is not Windows", host.NO_HOST_FIX)
        return
    if find_spec("psrpcore") is None:
        problem = "psrpcore is not installed, which speaks PowerShell's protocol"
        yield Problem("hyperv", "", problem, "pip install 'labiac[hyperv]'")
        return
    try:
        machines.firmware()
        yield from _lans(plan)
        yield from addresses.clashes(plan)
        yield from _machines(plan)
        yield from doors.problems(plan)
    except LabError as error:
        said = f"{error.problem} ({error.detail})" if error.detail else error.problem
        yield Problem(error.where, "", said, error.fix)


def _lans(plan: Plan) -> Iterator[Problem]:
    bridged = [lan for lan in plan.networks if lan.type == "bridged" and lan.interface]
    if not bridged:
        return
    cards = command("Get-NetAdapter", Physical=True) | select("Name", "InterfaceDescription")
    there = {str(row["Name"]) for row in host.look(cards, where="hyperv")}
    for lan in bridged:
        if lan.interface not in there:
            yield Problem(
                f"hyperv {lan.name}",
                f"lans.{lan_of(lan.name)}.interface",
                f"the host has no interface {lan.interface!r}",
                f"use one of {', '.join(sorted(there)) or 'none: it has no physical one'}",
            )


def _machines(plan: Plan) -> Iterator[Problem]:
    if not plan.machines:
        yield from room.no_image("hyperv")
    made = {mark.ref for mark, _ in marks.found()}
    new = room.to_come(plan, made.__contains__)
    if new:
        yield from room.lacking_images("hyperv", new)
        yield from _room(new)


def _room(new: Sequence[Machine]) -> Iterator[Problem]:
    system = command("Get-CimInstance", ClassName="Win32_OperatingSystem")
    rows = host.look(
        command("Get-VMHost") | select("LogicalProcessorCount"),
        system | select("FreePhysicalMemory"),
        where="hyperv",
    )
    has = {key: int(str(value)) for row in rows for key, value in row.items()}
    free_mib = has["FreePhysicalMemory"] // _KIB_A_MIB
    yield from room.lacking_memory("hyperv", new, beside_mib=_BESIDE_MIB, free_mib=free_mib)
    yield from room.lacking_cpus("hyperv", new, has["LogicalProcessorCount"])
