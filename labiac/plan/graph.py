"""Who is on which segment with which address, and the ways between them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from labiac.plan.addressing import Prefix, address_text
from labiac.plan.model import Nic, Route
from labiac.plan.routing import DEFAULT, End, NextHops, shortest_paths, sorted_routes
from labiac.schema.lab import routes_between_lans
from labiac.schema.middlebox import Nat
from labiac.schema.node import IpNode, Node, Routing, is_name
from labiac.schema.scalars import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.segments import Key, Segment
    from labiac.schema.lab import Lab

HOST = ""
"""The host's name among the routers: no node can be called so."""


def routing_of(lab: Lab, node: Node) -> Routing:
    """Return where a node's routes come from: a PC runs no protocol of the lab's routers."""
    said = node.routing if isinstance(node, IpNode) else None
    return said or (lab.routing if routes_between_lans(node) else "static")


def host_routes(lab: Lab, name: str) -> bool:
    """Return whether the host forwards between LAN *name* and the others that it routes."""
    lan = lab.lans[name]
    return lan.type == "nat" or (lan.host is not None and lan.host.router)


class Graph:
    """The nodes of a lab as routing sees them."""

    def __init__(
        self,
        lab: Lab,
        nics: dict[str, list[Nic]],
        host: dict[str, tuple[str, ...]],
        segments: dict[Key, Segment],
    ) -> None:
        self.nics = nics
        self.host = host
        self._lab = lab
        self._nodes = lab.nodes
        self._domain = {key: segment.key for key, segment in segments.items()}
        self._routers = [name for name, node in lab.nodes.items() if routes_between_lans(node)]
        self._ends = {name: list(self._ends_of(name)) for name in nics}
        # The host comes last, so that a router of the lab is preferred to it.
        self._ends[HOST] = [
            _end(HOST, self._domain[name, None], address)
            for name, addresses in host.items()
            if host_routes(lab, name)
            for address in addresses
        ]
        self._on: dict[Key, list[End]] = {}
        for ends in self._ends.values():
            for end in ends:
                self._on.setdefault(end.segment, []).append(end)
        self._outsides = set(self._outside())
        self._hops = self._shortest()

    def interfaces(self, name: str) -> Iterator[tuple[str, tuple[str, ...], Key]]:
        """Yield each interface of a node that is in a LAN, its addresses, and its segment."""
        for nic in self.nics[name]:
            if nic.attach == "lan":
                untagged = self._domain[nic.network, nic.vlan or nic.native]
                yield nic.name, nic.addresses, untagged
                for sub in nic.trunk:
                    yield sub.name, sub.addresses, self._domain[nic.network, sub.vlan]

    def ends(self, name: str) -> list[End]:
        """Return the addresses of a node in LANs."""
        return self._ends[name]

    def on(self, segment: Key) -> list[End]:
        """Return the addresses on *segment*."""
        return self._on.get(segment, [])

    def _ends_of(self, name: str) -> Iterator[End]:
        for _, addresses, segment in self.interfaces(name):
            yield from (_end(name, segment, text) for text in addresses)

    def _outside(self) -> Iterator[tuple[str, Key]]:
        """Yield each NAT with the segment of its outside: nobody there goes by it."""
        for name in self._routers:
            node = self._nodes[name]
            if isinstance(node, Nat):
                nic = next(nic for nic in self.nics[name] if nic.network == node.outside)
                yield name, self._domain[nic.network, nic.vlan]

    def _shortest(self) -> NextHops:
        routers = [end for name in (*self._routers, HOST) for end in self._ends[name]]
        exits: dict[int, str] = {}
        for name, lan in self._lab.lans.items():
            if lan.type == "nat":
                exits.update({Prefix.parse(each).version: HOST for each in self.host[name]})
        for name in self._routers:
            if _nat_gateway(self.nics[name]):
                exits.setdefault(4, name)
        return shortest_paths(routers, exits, self._outsides)

    def node(self, name: str) -> Node:
        """Return what the lab file says of the node."""
        return self._nodes[name]

    def routes(self, name: str) -> tuple[Route, ...]:
        """Return the static routes of a node: computed, its gateway's, and those in the file."""
        node = self._nodes[name]
        if not isinstance(node, IpNode):
            return ()
        chosen = self._computed(name, node) if routing_of(self._lab, node) == "static" else {}
        if node.gateway not in {None, NONE}:
            chosen |= self._through(name, "default", node.gateway or "")
        for route in node.routes:
            chosen |= self._through(name, route.to, route.via)
        return tuple(Route(to, via) for to, via in sorted_routes(chosen))

    def _computed(self, name: str, node: IpNode) -> dict[Prefix, str]:
        gateway = _nat_gateway(self.nics[name])
        chosen = {DEFAULT[4]: gateway} if gateway else {}
        if routes_between_lans(node):
            hops = self._hops.get(name, {})
            return chosen | {to: address_text(to.version, via) for to, via in hops.items()}
        return chosen if node.gateway == NONE else chosen | self._default_gateways(name)

    def host_routes(self, lan: str) -> tuple[Route, ...]:
        """Return the routes that the host needs through *lan*."""
        mine = [Prefix.parse(each) for each in self.host.get(lan, ())]
        chosen = {
            to: address_text(to.version, via)
            for to, via in self._hops.get(HOST, {}).items()
            if any(via in prefix for prefix in mine if prefix.version == to.version)
        }
        return tuple(Route(to, via) for to, via in sorted_routes(chosen))

    def address(self, name: str, lan: str) -> str:
        """Return the first address of node *name* in *lan*, or its first at all, or nothing."""
        ends = self._ends.get(name, [])
        there = self._domain[lan, None][0]
        best = next((end for end in ends if end.segment[0] == there), ends[0] if ends else None)
        return address_text(best.prefix.version, best.address) if best else ""

    def _default_gateways(self, name: str) -> dict[Prefix, str]:
        """Return, for each IP version, the first router of the node's first LAN that has one."""
        found: dict[Prefix, str] = {}
        for end in self._ends[name]:
            for other in self._on[end.segment]:
                to = DEFAULT[end.prefix.version]
                version = other.prefix.version
                if self._leads_on(other) and version == to.version and other.address in end.prefix:
                    found.setdefault(to, address_text(to.version, other.address))
        return found

    def _leads_on(self, end: End) -> bool:
        """Return whether who has *end* forwards for the nodes around it."""
        routes = end.node == HOST or routes_between_lans(self._nodes[end.node])
        return routes and (end.node, end.segment) not in self._outsides

    def _through(self, name: str, to: str, via: str) -> dict[Prefix, str]:
        """Return the routes that ``to`` and ``via`` of the file mean for node *name*."""
        if is_name(via):
            hops = self._neighbour(name, via)
        else:
            address = ipaddress.ip_address(via)
            hops = {address.version: str(address)}
        if to == "default":
            return {DEFAULT[version]: hop for version, hop in hops.items()}
        prefix = Prefix.parse(to)
        return {prefix: hops[prefix.version]} if prefix.version in hops else {}

    def _neighbour(self, name: str, other: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for end in self._ends[name]:
            for theirs in self._ends[other]:
                version = end.prefix.version
                if theirs.segment == end.segment and theirs.prefix.version == version:
                    found.setdefault(version, address_text(version, theirs.address))
        return found


def _nat_gateway(nics: list[Nic]) -> str:
    """Return the host's address of the first NIC that has a NAT of its own, or nothing."""
    for nic in nics:
        for own in map(Prefix.parse, nic.addresses if nic.attach == "nat" else ()):
            if own.version == 4:  # noqa: PLR2004  # it has no other
                return address_text(4, own.first + 1)
    return ""


def _end(node: str, segment: Key, text: str) -> End:
    return End(node, segment, int(ipaddress.ip_interface(text).ip), Prefix.parse(text))
