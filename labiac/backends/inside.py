"""A machine as its own kernel has it: what is not as planned is drift. Pure, for all backends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING, TypeVar

from labiac.plan.model import SWITCHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labiac.plan.model import Machine, Nic, Route, SubInterface

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface, as the kernel of its machine has it.

    Args:
        mac: Six octets in lower case, colon separated.
        up: Whether it is switched on.
        carrier: Whether its cable is in: one that is not may have neither addresses nor routes.
        master: Name of the bridge that it is a port of, or the empty string.
        tag: 802.1Q ID of a sub-interface, else 0.
        addresses: With prefix; link-local ones of IPv6 are the kernel's own, and not among them.
    """

    mac: str
    up: bool
    carrier: bool
    master: str
    tag: int
    addresses: frozenset[str]


def as_configured(
    planned: Machine, links: Mapping[str, Link], routes: set[Route], *, bridge: str
) -> Machine:
    """Return *planned* as its kernel has it: NICs, addresses, sub-interfaces, routes.

    Args:
        planned: What it shall be; what no kernel tells is as it is here.
        links: Its interfaces, by name.
        routes: Those that somebody added.
        bridge: Name of the bridge of a machine that is one.
    """
    ports_only = planned.role in SWITCHING
    nics = tuple(_nic(n, links, ports_only=ports_only) for n in planned.nics if n.name in links)
    if ports_only:
        nics = tuple(_port(nic, links, bridge) for nic in nics)
    silent = [
        ip_interface(address).network
        for nic in planned.nics
        for name, addresses in nic.interfaces()
        if name in links and not links[name].carrier
        for address in addresses
    ]
    hidden = {
        route for route in planned.routes if any(ip_address(route.via) in net for net in silent)
    }
    return replace(
        planned,
        role="bridge" if bridge in links and not ports_only else planned.role,
        nics=nics,
        routes=in_order(planned.routes, routes | hidden),
    )


def forwards(planned: Machine, is_on: Callable[[int], bool]) -> bool:
    """Return whether a machine forwards what *planned* would, where an IP version of it *is_on*.

    Half of it is not what was planned, whichever half.
    """
    versions = {6 if ":" in address else 4 for address in planned.addresses()} or {4}
    on = [is_on(version) for version in sorted(versions)]
    return all(on) if planned.forwards else any(on)


def in_order(planned: tuple[T, ...], live: set[T]) -> tuple[T, ...]:
    """Return what is *live*, in the order *planned* where it was, the rest sorted after it."""
    known = tuple(value for value in planned if value in live)
    return known + tuple(sorted(live - set(planned), key=str))


def _nic(planned: Nic, links: Mapping[str, Link], *, ports_only: bool) -> Nic:
    link = links[planned.name]
    return replace(
        planned,
        mac=link.mac,
        addresses=_addresses(planned.addresses, link),
        trunk=planned.trunk
        if ports_only
        else tuple(_sub(sub, links) for sub in planned.trunk if sub.name in links),
        connected=planned.connected and link.up,
    )


def _sub(planned: SubInterface, links: Mapping[str, Link]) -> SubInterface:
    link = links[planned.name]
    return replace(planned, id=link.tag, addresses=_addresses(planned.addresses, link))


def _addresses(planned: tuple[str, ...], link: Link) -> tuple[str, ...]:
    hidden = () if link.carrier else planned
    return in_order(planned, {*link.addresses, *hidden})


def _port(nic: Nic, links: Mapping[str, Link], bridge: str) -> Nic:
    """Return *nic* of a bridge: what is no port of it leads nowhere, as with the cable out."""
    joined = bridge in links and links[bridge].up and links[nic.name].master == bridge
    return replace(nic, connected=nic.connected and joined)
