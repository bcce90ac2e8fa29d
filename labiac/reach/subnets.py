"""Addresses and subnets that are there more than once, so that routing is left to chance."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import Prefix, address_text
from labiac.reach.fabric import segment_name
from labiac.reach.finding import Finding, port_path, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Plan
    from labiac.reach.bridges import Segment
    from labiac.reach.fabric import Fabric, Port


class _Link(NamedTuple):
    """A subnet in a broadcast domain, and the first interface there that is in it."""

    prefix: Prefix
    domain: Segment
    port: Port


def subnets(plan: Plan, whole: Fabric) -> Iterator[Finding]:
    """Yield the addresses and subnets of *plan* that are there more than once."""
    for ports in whole.members.values():
        yield from _shared(plan, whole, ports)
    yield from _overlapping(plan, whole)


def _shared(plan: Plan, whole: Fabric, ports: tuple[Port, ...]) -> Iterator[Finding]:
    """Yield the addresses that two nodes have whose *ports* are in one broadcast domain."""
    owners: dict[tuple[int, int], Port] = {}
    for port in ports:
        for address in port.addresses:
            version = address.subnet.version
            first = owners.setdefault((version, address.value), port)
            if first.node != port.node:
                who = " and ".join(_end(whole, each) for each in (first, port))
                problem = f"{who} both have {address_text(version, address.value)}"
                fix = "give one of them another address: only one of the two is heard"
                place = (*port_path(plan, whole, port), f"ipv{version}")
                yield Finding(place, problem, fix, "error")


def _overlapping(plan: Plan, whole: Fabric) -> Iterator[Finding]:
    """Yield the subnets that others are part of, in another broadcast domain."""
    parts: dict[_Link, list[_Link]] = defaultdict(list)
    around: list[_Link] = []
    for link in sorted(_routed(plan, whole), key=lambda link: _order(link.prefix)):
        while around and not _within(link.prefix, around[-1].prefix):
            around.pop()
        for other in around:
            if other.domain != link.domain:
                parts[other].append(link)
        around.append(link)
    for link, others in parts.items():
        names = shortened(_name(whole, other) for other in others)
        problem = f"{_name(whole, link)} overlaps {names}: routers can't tell them apart"
        fix = "give each LAN a subnet of its own, and all NICs there its prefix length"
        place = (*port_path(plan, whole, link.port), f"ipv{link.prefix.version}")
        yield Finding(place, problem, fix)


def _routed(plan: Plan, whole: Fabric) -> Iterator[_Link]:
    """Yield the subnets that a router leads to. What is inside a NAT, nobody else knows of."""
    outside = {m.name: m.translation.outside for m in plan.machines if m.translation}
    for domain, ports in whole.members.items():
        leads = (
            port.forwards and outside.get(whole.nodes[port.node].name, port.name) == port.name
            for port in ports
        )
        if any(leads):
            found: dict[Prefix, _Link] = {}
            for port in ports:
                for address in port.addresses:
                    found.setdefault(address.subnet, _Link(address.subnet, domain, port))
            yield from found.values()


def _order(prefix: Prefix) -> tuple[int, int, int]:
    """Return what sorts a prefix behind those that it is part of."""
    return prefix.version, prefix.first, prefix.length


def _within(part: Prefix, whole: Prefix) -> bool:
    return part.version == whole.version and part.first in whole


def _name(whole: Fabric, link: _Link) -> str:
    return f"{link.prefix} ({_end(whole, link.port)})"


def _end(whole: Fabric, port: Port) -> str:
    lan = f" on {segment_name(port.segment)}" if port.segment else ""
    return f"{whole.nodes[port.node].name}{lan}"
