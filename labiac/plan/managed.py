"""A NIC beside those of the lab, where labiac has no other way to a guest."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, ip_network
from itertools import chain
from typing import TYPE_CHECKING

from labiac.plan.management import NAME, Management
from labiac.plan.names import MANAGED, macs

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from labiac.plan.model import Plan
    from labiac.schema.lab import Lab

_POOLS = tuple(map(ip_network, ("198.18.0.0/15", "192.168.0.0/16", "172.16.0.0/12")))
"""The subnet is the first in these that is free.

Source:
    RFC 2544 keeps the first for tests of devices, so that hardly a network has it; RFC 1918.
"""
_LENGTH = 24
_HOST = 15
"""Where the NATs of hypervisors expect the first guest."""
_LINK_LOCAL = int(IPv6Address("fe80::"))
_LINK_LOCAL_LENGTH = 64
_UNIVERSAL = 0x02
"""The bit of a MAC's first octet that an address made from it has the other way round."""


def managed(plan: Plan, lab: Lab) -> Plan:
    """Return *plan* with a NIC for labiac on each machine, where *lab* and its backend want it."""
    if plan.backend not in MANAGED:
        return plan
    how = MANAGED[plan.backend] if lab.management == "auto" else lab.management
    if how == "none":
        return plan
    alone = f"{_free(plan)[_HOST]}/{_LENGTH}"
    shared = plan.backend == "hyperv"  # VirtualBox gives each guest a NAT to itself
    keys: list[tuple[str, ...]] = [
        (plan.student, plan.lab, machine.name, NAME) for machine in plan.machines
    ]
    taken = {nic.mac for machine in plan.machines for nic in machine.nics}
    machines = (
        replace(machine, management=Management(mac, _of_the_link(mac) if shared else alone))
        for machine, mac in zip(plan.machines, macs(plan.backend, keys, taken), strict=True)
    )
    return replace(plan, machines=tuple(machines))


def is_entered(plan: Plan) -> bool:
    """Return whether labiac has a way into every machine of *plan* that runs."""
    return plan.backend not in MANAGED or all(machine.management for machine in plan.machines)


def _of_the_link(mac: str) -> str:
    """Return the address that IPv6 makes from *mac*, which no router leads to.

    Source:
        RFC 4291, appendix A.
    """
    first, *rest = bytes.fromhex(mac.replace(":", ""))
    own = bytes([first ^ _UNIVERSAL, *rest[:2], 0xFF, 0xFE, *rest[2:]])
    address = IPv6Address(_LINK_LOCAL + int.from_bytes(own, "big"))
    return f"{address}/{_LINK_LOCAL_LENGTH}"


def _free(plan: Plan) -> IPv4Network | IPv6Network:
    """Return a subnet that no LAN of *plan* has."""
    lans = ((lan.ipv4, *(vlan.ipv4 for vlan in lan.vlans)) for lan in plan.networks)
    used = [ip_network(each) for each in chain.from_iterable(lans) if each]
    every = (each for pool in _POOLS for each in pool.subnets(new_prefix=_LENGTH))
    return next(each for each in every if not any(each.overlaps(other) for other in used))
