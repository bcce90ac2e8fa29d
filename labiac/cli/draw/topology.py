"""What every drawing of a lab shows: buses, boxes, and the NICs between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Literal

from labiac.plan.model import Machine, Network, Nic, Plan, Role

BusKind = Literal["internal", "host", "nat", "bridged", "generic"]
BoxKind = Role | Literal["host"]
ROLES: dict[BoxKind, str] = {
    "router": "router", "firewall": "firewall", "nat": "NAT", "bridge": "bridge"
}  # fmt: skip
"""What a drawing says of a node that is on the way of others."""

HOST = "(host)"
"""Key of the host's own box; the parentheses keep it apart from a node of that name."""


@dataclass(frozen=True, slots=True)
class Label:
    """An address at a NIC: in full, and as what it adds to the subnet that its bus shows."""

    full: str
    short: str


@dataclass(frozen=True, slots=True)
class Bus:
    """A LAN, or the network that a NIC with no LAN leads to."""

    key: str
    name: str
    kind: BusKind
    notes: tuple[str, ...]
    """Its subnets, and what is special about it, a line each."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or the host."""

    key: str
    name: str
    kind: BoxKind
    student: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A node's NICs on one bus."""

    box: str
    bus: str
    labels: tuple[Label, ...]
    connected: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """A lab as drawings need it."""

    title: str
    buses: tuple[Bus, ...]
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    loose: tuple[str, ...]
    """NICs that lead nowhere, as ``pc1 eth1``."""

    def links_of(self, box: str) -> tuple[Link, ...]:
        """Return the links of the box with key *box*, in the order of its NICs."""
        return tuple(link for link in self.links if link.box == box)

    def hanging(self) -> dict[str, Link]:
        """Return, by key, the one link of each PC that has no other: it can hang on its LAN."""
        links = {box.key: self.links_of(box.key) for box in self.boxes if box.kind == "pc"}
        return {key: only[0] for key, only in links.items() if len(only) == 1}


def topology(plan: Plan) -> Topology:
    """Return what a drawing of *plan* shows; buses and nodes keep the order of the plan."""
    links: dict[tuple[str, str], list[tuple[Label, ...]]] = defaultdict(list)
    out: set[tuple[str, str]] = set()
    for machine, nic, bus in _nics(plan):
        links[machine.name, bus.key].append(_labels(nic, outside=_outside(machine) == nic.name))
        if not nic.connected:
            out.add((machine.name, bus.key))
    hosted = [network for network in plan.networks if network.host_addresses]
    for network in hosted:
        links[HOST, network.name].append(tuple(_label(text) for text in network.host_addresses))
    own = {bus.key: bus for _, nic, bus in _nics(plan) if nic.attach != "lan"}
    boxes = [Box(node.name, node.name, node.role, node.student) for node in plan.machines]
    return Topology(
        title=plan.lab if plan.student == "local" else f"{plan.lab} of {plan.student}",
        buses=(*(_bus(network) for network in plan.networks), *own.values()),
        boxes=(*boxes, *([Box(HOST, "host", "host", student=False)] if hosted else [])),
        links=tuple(
            Link(box, bus, tuple(label for nic in nics for label in nic), (box, bus) not in out)
            for (box, bus), nics in links.items()
        ),
        loose=tuple(
            f"{machine.name} {nic.name}"
            for machine in plan.machines
            for nic in machine.nics
            if nic.attach == "none"
        ),
    )


def _nics(plan: Plan) -> Iterator[tuple[Machine, Nic, Bus]]:
    buses = {network.name: _bus(network) for network in plan.networks}
    for machine in plan.machines:
        for nic in machine.nics:
            if nic.attach == "lan":
                yield machine, nic, buses[nic.network]
            elif nic.attach != "none":
                key = f"{machine.name}.{nic.name}"
                name = "NAT" if nic.attach == "nat" else nic.driver
                yield machine, nic, Bus(key, name, nic.attach, (f"{machine.name} {nic.name}",))


def _bus(network: Network) -> Bus:
    notes = [text for text in (network.ipv4, network.ipv6) if text]
    notes += [
        " ".join(text for text in (f"{vlan.name} {vlan.id}", vlan.ipv4, vlan.ipv6) if text)
        for vlan in network.vlans
    ]
    if network.type == "nat":
        notes.append("NAT to the outside")
    notes += [
        f"port {forward.host_port} to {forward.guest}:{forward.guest_port}"
        for forward in network.forwards
    ]
    if network.type == "bridged":
        notes.append(f"bridged to {network.interface}")
    return Bus(network.name, network.name, network.type, tuple(notes))


def _outside(machine: Machine) -> str:
    return machine.translation.outside if machine.translation else ""


def _labels(nic: Nic, *, outside: bool) -> tuple[Label, ...]:
    head = nic.vlan or nic.native or ("outside" if outside else "")
    own = [_label(address, head) for address in nic.addresses]
    if head and not own:
        own = [Label(head, head)]
    tagged = [_label(address, sub.vlan) for sub in nic.trunk for address in sub.addresses]
    bare = [Label(sub.vlan, sub.vlan) for sub in nic.trunk if not sub.addresses]
    return tuple(own + tagged + bare)


def _label(address: str, head: str = "") -> Label:
    ip = ip_interface(address).ip
    return Label(f"{head} {ip}".lstrip(), f"{head} {_host_part(address)}".lstrip())


def _host_part(address: str) -> str:
    """Return what *address* adds to its subnet: ``.11``, or ``::b``."""
    interface = ip_interface(address)
    if interface.version == 4:  # noqa: PLR2004 -- the IP version
        octets = str(interface.ip).split(".")
        return "".join(f".{octet}" for octet in octets[min(interface.network.prefixlen // 8, 3) :])
    host = int(interface.ip) & int(interface.network.hostmask)
    return str(type(interface.ip)(host))
