"""Every reason that a plan can't be made here of virtual machines."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from labiac.backends import nics
from labiac.backends.libvirt import cards
from labiac.errors import Problem
from labiac.plan.model import lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Network, Nic, Plan

_AN_EXAMPLE: Final = "say, properties: {dest: 192.0.2.7, dport: 7001, sport: 7001}"
_LAST_PORT: Final = 65_535


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on the host in use."""
    from labiac.backends.libvirt import host
    from labiac.backends.libvirt.connection import is_local, own_user

    found = [problem for network in plan.networks for problem in _network(network)]
    found += [problem for machine in plan.machines for problem in _machine(machine)]
    found += (*nics.deaf("libvirt", plan, "macvtap"), *nics.problems("libvirt", plan))
    found += nics.listening("libvirt", plan)
    found += () if is_local() else _far(plan)
    found += () if own_user() is None else _own(plan)
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


def _far(plan: Plan) -> Iterator[Problem]:
    """Yield the LANs whose ports would have to be another host's: labiac forwards them here."""
    for lan in plan.networks:
        if lan.forwards:
            yield Problem(
                f"libvirt {lan.name}",
                f"lans.{lan_of(lan.name)}.forwards",
                "a LAN on another host's libvirt forwards no ports of that host"
                f" ({len(lan.forwards)} asked for)",
                "give the node a NIC with attach: nat and these forwards, or run labiac there",
            )


def _own(plan: Plan) -> Iterator[Problem]:
    """Yield what LANs can't do on a user's own libvirt, where each is a switch of labiac's."""
    for lan in plan.networks:
        if lan.type != "internal":
            yield Problem(
                f"libvirt {lan.name}",
                f"lans.{lan_of(lan.name)}.type",
                f"a user's own libvirt (qemu:///session) has no LAN of type {lan.type}",
                "make it internal, and give a node a NIC with attach: nat to get out; or use"
                " qemu:///system, or the backend netns",
            )
    for machine in plan.machines:
        for number, nic in enumerate(machine.nics):
            if nic.attach == "lan" and nic.impair.rate_kbit:
                yield Problem(
                    f"libvirt {machine.name}",
                    f"{place(machine, number)}.impair",
                    "a user's own libvirt (qemu:///session) limits no rate",
                    "use qemu:///system, or the backend netns",
                )


def _machine(machine: Machine) -> Iterator[Problem]:
    for number, nic in enumerate(machine.nics):
        yield from _nic(machine, place(machine, number), nic)


def _nic(machine: Machine, path: str, nic: Nic) -> Iterator[Problem]:
    where = f"libvirt {machine.name}"
    if nic.attach == "generic":
        yield from _tunnel(where, path, nic)
    for number, forward in enumerate(nic.forwards):
        if not _is_ipv4(forward.host_address):
            yield Problem(
                where,
                f"{path}.forwards[{number}].host_address",
                f"QEMU listens on no {forward.host_address}: it takes an IPv4 address of its host",
                "127.0.0.1 is the host alone, 0.0.0.0 all its addresses",
            )


def _tunnel(where: str, path: str, nic: Nic) -> Iterator[Problem]:
    """Yield what is missing for a NIC whose cable is a tunnel to another hypervisor's."""
    if nic.driver != cards.TUNNEL:
        yield Problem(
            where,
            f"{path}.driver",
            f"libvirt has no generic driver {nic.driver}",
            f"driver: {cards.TUNNEL}, which VirtualBox has too",
        )
        return
    said = dict(nic.properties)
    for name in sorted(said.keys() - set(cards.PROPERTIES)):
        problem = f"{cards.TUNNEL} has no property {name} on libvirt"
        yield Problem(where, f"{path}.properties.{name}", problem, _AN_EXAMPLE)
    if not _is_ipv4(said.get(cards.DEST, "")):
        problem = f"{cards.TUNNEL} needs the IPv4 address of its other end as {cards.DEST}"
        yield Problem(where, f"{path}.properties.{cards.DEST}", problem, _AN_EXAMPLE)
    for name in (cards.DPORT, cards.SPORT):
        if not _is_port(said.get(name, "")):
            problem = f"{cards.TUNNEL} needs a UDP port as {name}, 1-{_LAST_PORT}"
            yield Problem(where, f"{path}.properties.{name}", problem, _AN_EXAMPLE)


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT
