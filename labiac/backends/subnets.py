"""Subnets that the host has an address in: of two alike it reaches one alone."""

from __future__ import annotations

from ipaddress import ip_interface
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from labiac.errors import Problem
from labiac.plan.model import lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.backends.base import Copy
    from labiac.plan.model import Plan


class Wanted(NamedTuple):
    """An address that the host is to have.

    Args:
        item: Name of the LAN or node for which it has it.
        field: Where in the lab file that is.
        address: With its prefix.
    """

    item: str
    field: str
    address: str


class Held(NamedTuple):
    """An address that the host has already.

    Args:
        address: With its prefix.
        place: Where it has it: ``on eth0``, ``in lan1 of three-lans of ana``.
        remedy: How to take it away.
    """

    address: str
    place: str
    remedy: str


def of_lans(plan: Plan) -> Iterator[Wanted]:
    """Yield the addresses that the host is to have in LANs of *plan*."""
    apart = plan.backend == "virtualbox"  # whose NAT networks are out of the host's sight
    for lan in plan.networks:
        for address in () if apart and lan.type == "nat" else lan.host_addresses:
            yield Wanted(lan.name, f"lans.{lan_of(lan.name)}", address)


def of_nics(plan: Plan) -> Iterator[Wanted]:
    """Yield the addresses that the host is to have behind NICs with a NAT of their own."""
    for machine in plan.machines:
        for number, nic in enumerate(machine.nics):
            for address in nic.addresses if nic.attach == "nat" else ():
                yield Wanted(machine.name, place(machine, number), gateway(address))


def gateway(address: str) -> str:
    """Return the host's address in the subnet of a NIC with a NAT of its own: the first free."""
    own = ip_interface(address)
    first = own.network.network_address + 1
    return f"{first if first != own.ip else first + 1}/{own.network.prefixlen}"


def of_copy(address: str, item: str, copy: Copy) -> Held:
    """Return that the host has *address* in the *item* of another *copy*."""
    remedy = f"labiac destroy --lab {copy.lab} --student {copy.student}"
    return Held(address, f"in {item} of {copy.lab} of {copy.student}", remedy)


def clashes(backend: str, wanted: Iterable[Wanted], held: Iterable[Held]) -> Iterator[Problem]:
    """Yield what is *wanted* in a subnet that overlaps with one *held*."""
    for ours, theirs in product(wanted, [*held]):
        if overlap(ours.address, theirs.address):
            yield Problem(
                f"{backend} {ours.item}",
                ours.field,
                f"the host is to have {ours.address} here, and has {theirs.address} {theirs.place}"
                " already: it can't tell the two subnets apart",
                f"choose another subnet here, or {theirs.remedy}",
            )


def overlap(one: str, other: str) -> bool:
    """Return whether the subnets of two addresses with prefix have addresses in common."""
    return ip_interface(one).network.overlaps(ip_interface(other).network)
