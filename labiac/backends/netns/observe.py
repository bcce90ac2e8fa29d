"""Read a machine as it is: what differs from the plan is drift."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from labiac.backends import inside
from labiac.backends.netns import dump, files, rules, settings
from labiac.backends.netns.places import bridge, port, tap
from labiac.backends.netns.wiring import BRIDGE
from labiac.backends.ports import NOTHING, as_taking
from labiac.plan.model import Machine, Nic, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labiac.backends.netns.dump import Link
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark

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
            if planned.speaker is None or line.protocol not in dump.LEARNED
        ]
        forwards = settings.forwards(planned)
        planned = rules.in_force(planned)
        vlans = dump.ports(sock) if planned.switch else {}
    with ground.switch() as sock:
        ports = dump.links(sock)
    lans = {bridge(name): name for name in ground.folder.names("network")}
    taps = {bridge(tap(name)): name for name in lans.values()}
    switch = _Switch(planned.name, ports, lans, taps)
    names = {link.number: link.name for link in links.values()}
    live = {Route(line.to, line.via or names.get(line.number, "")) for line in lines}
    kept = {line for line in planned.routes if f"{line.to} via {line.via}" in mark.refused}
    seen = inside.as_configured(planned, _links(links, held), live | kept, bridge=BRIDGE)
    wanted = {nic.name: nic for nic in planned.nics}
    nics = [switch.plugged(nic, wanted[nic.name]) for nic in seen.nics]
    if planned.switch:
        ids = planned.switch.ids
        found = [vlans.get(links[nic.name].number, NOTHING) for nic in nics]
        nics = [
            as_taking(nic, wanted[nic.name], each, ids)
            for nic, each in zip(nics, found, strict=True)
        ]
    return replace(seen, nics=tuple(nics), forwards=forwards, hosts=files.read(ground, planned))


def _links(links: Mapping[str, Link], held: Mapping[int, set[str]]) -> dict[str, inside.Link]:
    names = {link.number: link.name for link in links.values()}
    return {
        link.name: inside.Link(
            mac=link.mac,
            up=link.up,
            carrier=True,  # addresses are held without one, too
            master=names.get(link.master, ""),
            tag=int.from_bytes(link.data.get(1, b""), "little"),
            addresses=frozenset(held.get(link.number, ())),
        )
        for link in links.values()
    }


class _Switch:
    """The switch's side of a machine's cables."""

    def __init__(
        self,
        machine: str,
        links: Mapping[str, Link],
        lans: Mapping[str, str],
        taps: Mapping[str, str],
    ) -> None:
        self._machine, self._links, self._lans, self._taps = machine, links, lans, taps
        self._names = {link.number: link.name for link in links.values()}

    def plugged(self, seen: Nic, planned: Nic) -> Nic:
        """Return a NIC as *seen* from inside, with its cable as it is: in or out, and to where."""
        own = self._links.get(port(self._machine, planned.name))
        if own is None or planned.attach != "lan":  # its cable leads nowhere, or to the host
            return seen
        master = self._names.get(own.master, "")
        network = self._taps.get(master) or self._lans.get(master, master)
        return replace(
            seen,
            attach="lan" if network else "none",
            network=network,
            listens=master in self._taps if network else planned.listens,
            connected=own.up and (seen.connected or not planned.connected),
        )


def _held(found: Iterable[dump.Address]) -> dict[int, set[str]]:
    held: dict[int, set[str]] = {}
    for line in found:
        if line.scope == _BEYOND_LINK or not line.cidr.startswith("fe80:"):
            held.setdefault(line.number, set()).add(line.cidr)
    return held
