"""Every reason that a plan can't be made here of virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.errors import Problem
from labiac.plan.model import SWITCHING, lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Network, Nic, Plan


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on the host in use."""
    from labiac.backends.libvirt import host

    found = [problem for network in plan.networks for problem in _network(network)]
    found += [problem for machine in plan.machines for problem in _machine(machine)]
    found += _deaf(plan)
    return [*found, *host.problems(plan)]


def _network(network: Network) -> Iterator[Problem]:
    where, path = f"libvirt {network.name}", f"lans.{lan_of(network.name)}"
    if network.type == "bridged" and not network.interface:
        yield Problem(
            where,
            f"{path}.interface",
            "a bridged LAN needs the interface of the host that it is bridged to",
            "name one that `ip link` lists on libvirt's host",
        )
    if network.forwards:
        yield Problem(
            where,
            f"{path}.forwards",
            f"libvirt forwards no ports of the host ({len(network.forwards)} asked for)",
            "reach the guest by its address from the host, or use the backend netns",
        )


def _machine(machine: Machine) -> Iterator[Problem]:
    for number, nic in enumerate(machine.nics):
        yield from _nic(machine, f"{machine.section}.{machine.name}.nics[{number}]", nic)


def _deaf(plan: Plan) -> Iterator[Problem]:
    """Yield the bridges and switches with a port that hears only what is for its own MAC."""
    bridged = {network.name for network in plan.networks if network.type == "bridged"}
    for machine in plan.machines if bridged else ():
        for nic in machine.nics if machine.role in SWITCHING else ():
            if nic.network in bridged:
                lan = lan_of(nic.network)
                yield Problem(
                    f"libvirt {machine.name}",
                    f"lans.{lan}.type",
                    f"a {machine.role} can't join {lan}: libvirt bridges it by macvtap, which hears"
                    " only what is sent to its own MAC",
                    "put a router between the two, or use an internal LAN",
                )


def _nic(machine: Machine, path: str, nic: Nic) -> Iterator[Problem]:
    where = f"libvirt {machine.name}"
    if nic.attach == "generic":
        yield Problem(
            where,
            f"{path}.attach",
            f"libvirt has no generic driver in this version ({nic.driver or 'none named'})",
            "attach it to a LAN, to nat, or to nothing",
        )
    if nic.attach == "nat" and nic.forwards:
        yield Problem(
            where,
            f"{path}.forwards",
            "a NAT of a NIC's own forwards no ports on libvirt in this version",
            "put the NIC into a LAN of type host, and reach it by its address",
        )
    impair = nic.impair
    if impair.delay_ms or impair.jitter_ms or impair.loss_percent:
        yield Problem(
            where,
            f"{path}.impair",
            "libvirt limits the rate of a link, and neither delays nor loses packets",
            "leave delay, jitter and loss out, or use the backend netns",
        )
