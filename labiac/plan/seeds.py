"""A machine of the plan to the seed that its guest reads."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import TYPE_CHECKING

from labiac.plan.addressing import Prefix
from labiac.plan.model import SeedFile
from labiac.plan.nftables import ruleset
from labiac.seed.facts import Facts, NicFacts, RouteFacts, ServiceFacts, VlanFacts
from labiac.seed.templates import render

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labiac.plan.model import Machine, Nic

RoutesBy = dict[str, tuple[RouteFacts, ...]]
"""The routes that leave by each NIC and sub-interface."""


def seed_of(
    machine: Machine, lab: str, student: str, beside: Path | None = None
) -> tuple[SeedFile, ...]:
    """Return what the guest of *machine* reads on its first boot.

    Args:
        machine: A node of the plan; its own `seed` is of no account.
        lab: Name of the lab.
        student: Whose copy it is.
        beside: Folder of the lab file, where templates of the user's own may be.

    Raises:
        DescriptionError: a template is missing or broken.
    """
    files = render(machine.role, facts_of(machine, lab, student), machine.host_name, beside)
    return tuple(SeedFile(name, text) for name, text in files.items())


def facts_of(machine: Machine, lab: str, student: str) -> Facts:
    """Return what templates may name of *machine*."""
    routes = _routes_by(machine)
    return Facts(
        lab=lab,
        student=student,
        hostname=machine.name,
        hosts=machine.hosts,
        nics=tuple(_nic(nic, routes, port=machine.role == "bridge") for nic in machine.nics),
        services=tuple(ServiceFacts(each.name, each.command) for each in machine.services),
        ruleset=ruleset(machine),
    )


def _nic(nic: Nic, routes: RoutesBy, *, port: bool) -> NicFacts:
    # A NAT of its own hands out address and default route: only the hypervisor knows them.
    dhcp = nic.attach == "nat"
    addresses = () if dhcp else nic.addresses
    return NicFacts(
        name=nic.name,
        mac=nic.mac,
        dhcp=dhcp,
        # A port is online as soon as it is in its bridge, which never is: it has no address.
        optional=not ((addresses or port) and nic.connected),
        addresses=addresses,
        ipv6=_speaks_ipv6(addresses),
        routes=() if dhcp else routes.get(nic.name, ()),
        vlans=tuple(
            VlanFacts(
                name=sub.name,
                id=sub.id,
                optional=not (sub.addresses and nic.connected),
                addresses=sub.addresses,
                ipv6=_speaks_ipv6(sub.addresses),
                routes=routes.get(sub.name, ()),
            )
            for sub in nic.trunk
        ),
    )


def _speaks_ipv6(addresses: Iterable[str]) -> bool:
    return any(":" in address for address in addresses)


def _routes_by(machine: Machine) -> RoutesBy:
    """Return the routes of *machine* by the interface whose subnet has the next hop.

    Where no subnet has it, the guest refuses the route, by whatever interface; it is the first's.
    """
    near = [
        (name, Prefix.parse(address))
        for nic in machine.nics
        for name, addresses in nic.interfaces()
        for address in addresses
    ]
    leaves: dict[str, str] = {}
    found: dict[str, list[RouteFacts]] = defaultdict(list)
    for route in machine.routes:
        if route.via not in leaves:
            via = ipaddress.ip_address(route.via)
            ways = (name for name, it in near if it.version == via.version and int(via) in it)
            leaves[route.via] = next(ways, machine.nics[0].name)
        found[leaves[route.via]].append(RouteFacts(route.to, route.via))
    return {name: tuple(routes) for name, routes in found.items()}
