"""Read a machine as it is: what differs from the plan is drift."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import dump, files, rules, settings
from labiac.backends.netns.places import bridge, port
from labiac.backends.netns.wiring import BRIDGE
from labiac.plan.model import Machine, Nic, Route, SubInterface

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeVar

    from labiac.backends.netns.dump import Link
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark

    T = TypeVar("T")

_BEYOND_LINK: Final = 0
"""Scope of an address that leaves its link; IPv6's link-local ones are the kernel's own."""


def machine(ground: Ground, mark: Mark, planned: Machine) -> Machine:
    """Return the machine as its namespace and its files are now."""
    with ground.spaces.inside(planned.host_name) as sock:
        links = dump.links(sock)
        held = _held(dump.addresses(sock))
        lines = [
            line
            for family in (socket.AF_INET, socket.AF_INET6)
            for line in dump.routes(sock, family)
        ]
        forwards = settings.forwards(planned)
        planned = rules.in_force(planned)
    with ground.switch() as sock:
        ports = dump.links(sock)
    lans = {bridge(name): name for name in ground.folder.names("network")}
    switch = _Switch(planned.name, ports, lans)
    names = {link.number: link.name for link in links.values()}
    live = {Route(line.to, line.via or names.get(line.number, "")) for line in lines}
    kept = {line for line in planned.routes if f"{line.to} via {line.via}" in mark.refused}
    nics = [_nic(nic, links, held, switch) for nic in planned.nics if nic.name in links]
    if planned.role == "bridge":
        nics = [_port(nic, links) for nic in nics]
    return replace(
        planned,
        role="bridge" if BRIDGE in links else planned.role,
        nics=tuple(nics),
        routes=_in_order(planned.routes, live | kept),
        forwards=forwards,
        hosts=files.read(ground, planned),
    )


class _Switch:
    """The switch's side of a machine's cables."""

    def __init__(self, machine: str, links: Mapping[str, Link], lans: Mapping[str, str]) -> None:
        self._machine, self._links, self._lans = machine, links, lans
        self._names = {link.number: link.name for link in links.values()}

    def cable(self, nic: Nic) -> tuple[bool, str]:
        """Return whether the cable of *nic* is in, and the LAN it leads to."""
        own = self._links.get(port(self._machine, nic.name))
        if own is None:
            return nic.connected, nic.network
        master = self._names.get(own.master, "")
        return own.up, self._lans.get(master, master)


def _nic(
    planned: Nic, links: Mapping[str, Link], held: Mapping[int, set[str]], switch: _Switch
) -> Nic:
    link = links[planned.name]
    connected, network = switch.cable(planned)
    if planned.attach != "lan":  # its cable leads nowhere, or to the host
        connected, network = planned.connected, planned.network
    return replace(
        planned,
        attach=planned.attach if network or planned.attach != "lan" else "none",
        network=network,
        mac=link.mac,
        addresses=_in_order(planned.addresses, held.get(link.number, set())),
        trunk=tuple(_sub(sub, links, held) for sub in planned.trunk if sub.name in links),
        connected=connected and (link.up or not planned.connected),
    )


def _port(nic: Nic, links: Mapping[str, Link]) -> Nic:
    """Return *nic* of a bridge: what is no port of it leads nowhere, as with the cable out."""
    own = links.get(BRIDGE)
    joined = own is not None and own.up and links[nic.name].master == own.number
    return replace(nic, connected=nic.connected and joined)


def _sub(
    planned: SubInterface, links: Mapping[str, Link], held: Mapping[int, set[str]]
) -> SubInterface:
    link = links[planned.name]
    tag = int.from_bytes(link.data.get(1, b""), "little")
    addresses = _in_order(planned.addresses, held.get(link.number, set()))
    return replace(planned, id=tag, addresses=addresses)


def _held(found: Iterable[dump.Address]) -> dict[int, set[str]]:
    held: dict[int, set[str]] = {}
    for line in found:
        if line.scope == _BEYOND_LINK or not line.cidr.startswith("fe80:"):
            held.setdefault(line.number, set()).add(line.cidr)
    return held


def _in_order(planned: tuple[T, ...], live: set[T]) -> tuple[T, ...]:
    """Return what is *live*, in the order *planned* where it was, the rest sorted after it."""
    known = tuple(value for value in planned if value in live)
    return known + tuple(sorted(live - set(planned), key=str))
