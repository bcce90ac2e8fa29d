"""Nodes, their interfaces, and the segments that join them: who hears whom.

A *port* is an interface as IP sees it: a NIC (untagged), a sub-interface of a trunk, or the host's
own end in a LAN. Ports on the same segment hear each other, and so do those on segments that are
joined by bridges and switches, which are no nodes here: IP does not see them. Addresses are
numbers, because the matrix of a large lab asks for them a million times.

Source:
    Linux answers for its addresses as a weak host. IPv4: for any address of the node, on whichever
    interface the question comes in (``arp_ignore`` is 0). IPv6: only for the interface's own.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import IPV4, Prefix
from labiac.plan.model import DEFAULT_VLAN, END_ROLES, SWITCHING, lan_of
from labiac.reach.bridges import Bridges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.plan.model import Machine, Network, Nic, Plan, Route, Routing, SubInterface
    from labiac.reach.bridges import Segment

HOST = "host"
"""What the host is called in a path."""
SMALLEST_BROADCAST = 30
"""IPv4 prefixes longer than this have no broadcast address (RFC 3021)."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address of an interface.

    Args:
        value: The address.
        subnet: The subnet that it says to be in.
        lost: Whether nobody answers for it: its node has it for the broadcast address of a subnet.
    """

    value: int
    subnet: Prefix
    lost: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """An interface.

    Args:
        node: Whose it is, by number.
        name: ``eth0``, ``eth0.10``.
        segment: Where it is plugged in; None where it leads to no segment of the lab.
        forwards: Whether packets that come in here, and are somebody else's, are passed on.
        problem: Why nothing passes, to be formatted with ``node``; empty when the cable is in.
        addresses: In the order of the plan, both versions.
    """

    node: int
    name: str
    segment: Segment | None
    forwards: bool
    problem: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A machine, or the host, as a place that packets come through."""

    number: int
    name: str
    router: bool
    routing: Routing
    routes: tuple[Route, ...]
    ports: tuple[Port, ...]

    def addresses(self, version: int) -> Iterator[tuple[Port, Address]]:
        """Yield its addresses of one IP version: its primary address first."""
        for port in self.ports:
            for address in port.addresses:
                if address.subnet.version == version and not address.lost:
                    yield port, address

    @property
    def forwards(self) -> bool:
        """Whether it passes on packets of others, from any interface."""
        return any(port.forwards for port in self.ports)

    def primary(self, version: int) -> Address | None:
        """Return the address that it is known by, or None."""
        return next((address for _, address in self.addresses(version)), None)


@dataclass(frozen=True, slots=True)
class Fabric:
    """All nodes of a plan, the host last, and who is in each broadcast domain.

    Args:
        nodes: Whatever has a network layer: all machines but bridges and switches, and the host.
        members: Who is in each domain, by the segment that stands for it (see `Bridges.domain`).
        bridges: What joins segments to domains.
    """

    nodes: tuple[Node, ...]
    members: dict[Segment, tuple[Port, ...]]
    bridges: Bridges

    def answers(self, domain: Segment, version: int) -> dict[int, Port]:
        """Return who answers for each address in *domain*: where a packet to it arrives.

        Of two that have the same address, the one that stands first in the plan answers.
        """
        found: dict[int, Port] = {}
        for port in self.members.get(domain, ()):
            for address in port.addresses:
                if address.subnet.version == version and not address.lost:
                    found.setdefault(address.value, port)
        if version == IPV4:
            for port in self.members.get(domain, ()):
                for _, address in self.nodes[port.node].addresses(version):
                    found.setdefault(address.value, port)
        return found


def fabric(plan: Plan) -> Fabric:
    """Return the nodes and segments of *plan*."""
    networks = {network.name: network for network in plan.networks}
    bridges = Bridges(plan.machines)
    routed = (machine for machine in plan.machines if machine.role not in SWITCHING)
    nodes = [_machine(number, each, networks, bridges) for number, each in enumerate(routed)]
    nodes.append(_host(len(nodes), plan.networks, bridges))
    members: dict[Segment, list[Port]] = {}
    for node in nodes:
        for port in node.ports:
            if port.segment is not None and not port.problem:
                members.setdefault(bridges.domain(port.segment), []).append(port)
    joined = {segment: tuple(ports) for segment, ports in members.items()}
    return Fabric(tuple(nodes), joined, bridges)


def segment_name(segment: Segment) -> str:
    """Return the name of *segment* for people: ``lan1``, or ``lan1 red`` for a VLAN."""
    return " ".join(filter(None, segment))


def _machine(
    number: int, machine: Machine, networks: Mapping[str, Network], bridges: Bridges
) -> Node:
    ports: list[Port] = []
    for nic in machine.nics:
        ports += _ports(number, machine, nic, _Cable(nic, networks.get(nic.network), bridges))
    return Node(
        number,
        machine.name,
        machine.role not in END_ROLES,
        machine.routing,
        machine.routes,
        tuple(_without_lost(ports)),
    )


def _without_lost(ports: Iterable[Port]) -> Iterator[Port]:
    """Yield *ports* of a node with those addresses marked that it has for broadcast addresses.

    Of a subnet and an address, both its own, that which comes first decides (Linux).
    """
    broadcasts: set[int] = set()
    for port in ports:
        addresses: list[Address] = []
        for address in port.addresses:
            lost = address.value in broadcasts
            addresses.append(replace(address, lost=True) if lost else address)
            if address.subnet.version == IPV4 and address.subnet.length <= SMALLEST_BROADCAST:
                broadcasts.add(address.subnet.last)
        yield replace(port, addresses=tuple(addresses))


def _ports(number: int, machine: Machine, nic: Nic, cable: _Cable) -> Iterator[Port]:
    """Yield *nic* itself, which is untagged, then its sub-interfaces."""
    problem = _unplugged(nic)
    segment = cable.untagged()
    if not problem and nic.trunk and nic.native is None and segment == (nic.network, None):
        problem = f"{cable.lan} takes nothing untagged from the trunk of {{node}}"
    addresses = _addresses(nic.addresses)
    yield Port(number, nic.name, segment, machine.forwards, problem, addresses)
    for sub in nic.trunk:
        segment, addresses = cable.tagged(sub), _addresses(sub.addresses)
        yield Port(number, sub.name, segment, machine.forwards, _unplugged(nic), addresses)


def _host(number: int, networks: Iterable[Network], bridges: Bridges) -> Node:
    joined = [network for network in networks if network.host_addresses]
    ports = tuple(
        Port(
            number,
            network.host_name,
            bridges.place((network.name, None)),
            network.host_routes,
            "",
            _addresses(network.host_addresses),
        )
        for network in joined
    )
    routes = tuple(route for network in joined for route in network.routes)
    return Node(number, HOST, router=True, routing="static", routes=routes, ports=ports)


class _Cable(NamedTuple):
    """Where the cable of a NIC leads, if it leads to a segment of the lab."""

    nic: Nic
    network: Network | None
    bridges: Bridges

    @property
    def lan(self) -> str:
        """The LAN of the lab file that it leads to."""
        return lan_of(self.nic.network)

    def untagged(self) -> Segment | None:
        """Return the segment that untagged frames of the NIC come to."""
        return self._segment(self._vlan(self.nic.vlan or self.nic.native))

    def tagged(self, sub: SubInterface) -> Segment | None:
        """Return the segment that frames of *sub* come to."""
        is_bare = self.network is not None and not self.network.vlans
        return self._segment(str(sub.id) if is_bare else self._vlan(sub.vlan))

    def _vlan(self, name: str | None) -> str | None:
        vlans = self.network.vlans if self.network else ()
        return (
            None if any(each.name == name and each.id == DEFAULT_VLAN for each in vlans) else name
        )

    def _segment(self, vlan: str | None) -> Segment | None:
        at = self.nic.attach == "lan"
        return self.bridges.place((self.nic.network, vlan)) if at else None


def _unplugged(nic: Nic) -> str:
    if nic.attach == "none":
        return f"{{node}}'s {nic.name} is connected to nothing"
    if nic.attach != "lan":
        return f"{{node}}'s {nic.name} leads out of the lab"
    if nic.listens:
        return f"{{node}}'s {nic.name} only listens"
    return "" if nic.connected else f"{{node}}'s cable to {lan_of(nic.network)} is out"


def _addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    return tuple(map(_address, texts))


@lru_cache(maxsize=1 << 14)  # a change is looked at in hundreds of states of one lab
def _address(text: str) -> Address:
    return Address(int(ipaddress.ip_interface(text).ip), Prefix.parse(text))
