"""Every reason that a plan can't be made here of VirtualBox's machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.backends import nics, ssh
from labiac.backends.virtualbox import console, host
from labiac.backends.virtualbox.box import MOST_NICS, slots
from labiac.backends.virtualbox.cards import MODELS
from labiac.errors import Problem
from labiac.plan.model import lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Network, Nic, Plan


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on this host."""
    found = [problem for network in plan.networks for problem in _network(network)]
    found += [problem for machine in plan.machines for problem in _machine(machine)]
    entered = any(machine.management for machine in plan.machines)
    found += ssh.problems("virtualbox") if entered else ()
    if console.is_open():
        problem = "VirtualBox opens the consoles of machines, with root's shell, to every network"
        fix = f"let a firewall keep others out, or leave {console.CONSOLES} out"
        found.append(Problem("virtualbox", "", problem, fix, level="warning"))
    return [*found, *nics.problems("virtualbox", plan), *host.problems(plan)]


def _network(network: Network) -> Iterator[Problem]:
    where, path = f"virtualbox {network.name}", f"lans.{lan_of(network.name)}"
    if network.type == "nat":
        yield from _nat(network, where, path)
    if network.type == "host":
        yield from _host_only(network, where, path)


def _nat(network: Network, where: str, path: str) -> Iterator[Problem]:
    if network.ipv6 or not network.ipv4:
        yield Problem(
            where,
            f"{path}.ipv6",
            "VirtualBox chooses the IPv6 prefix of a NAT network itself",
            "give it an IPv4 subnet alone",
        )
        return
    gateway = f"{network.ipv4.rpartition('.')[0]}.1"
    if any(address.partition("/")[0] != gateway for address in network.host_addresses):
        yield Problem(
            where,
            f"{path}.host.ipv4",
            f"VirtualBox's own address in a NAT network is the first, {gateway}",
            "leave the host's address out",
        )


def _host_only(network: Network, where: str, path: str) -> Iterator[Problem]:
    if not any("." in address for address in network.host_addresses):
        yield Problem(
            where,
            f"{path}.ipv4",
            "a LAN of type host is known on VirtualBox by the host's IPv4 address in it",
            "give it an IPv4 subnet",
        )
    if network.ipv6:
        yield Problem(
            where,
            f"{path}.ipv6",
            "a LAN of type host has no IPv6 on VirtualBox in this version",
            "give it an IPv4 subnet alone, or use the backend libvirt",
        )
    if network.host_routes:
        yield Problem(
            where,
            f"{path}.host.router",
            "VirtualBox does not make a router of the host",
            "put a router into the lab, or use the backend libvirt",
        )


def _machine(machine: Machine) -> Iterator[Problem]:
    where, path = f"virtualbox {machine.name}", f"{machine.section}.{machine.name}.nics"
    if (count := slots(machine)) > MOST_NICS:
        own, fix = (", one of them labiac's own,", "; or say management: none")
        if machine.management is None:
            own = fix = ""
        yield Problem(
            where,
            path,
            f"{count} NICs{own} are more than the {MOST_NICS} that VirtualBox has slots for",
            f"give it fewer, or trunks{fix}",
        )
    for number, nic in enumerate(machine.nics):
        yield from _nic(where, f"{path}[{number}]", nic)


def _nic(where: str, path: str, nic: Nic) -> Iterator[Problem]:
    if nic.model not in MODELS:
        known = ", ".join(sorted(MODELS))
        problem = f"VirtualBox has no NIC model {nic.model!r}"
        yield Problem(where, f"{path}.model", problem, f"use one of {known}")
