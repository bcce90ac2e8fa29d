"""What every drawing of a lab shows: buses, boxes, and the NICs between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface
from itertools import chain
from typing import Literal

from labiac.plan.lower import raised
from labiac.plan.model import Machine, Network, Nic, Plan, Role

BusKind = Literal["internal", "host", "nat", "bridged", "generic", "switch"]
BoxKind = Role | Literal["host", "trunk"]
"""But for a switch: that is a bus, and a trunk is what stands between two of them."""
ROLES: dict[BoxKind, str] = {
    "router": "router", "firewall": "firewall", "nat": "NAT", "bridge": "bridge", "ids": "IDS",
    "trunk": "trunk",
}  # fmt: skip
"""What a drawing says of a node that is no end of conversations."""

HOST = "(host)"
"""Key of the host's own box; the parentheses keep it apart from a node of that name."""


@dataclass(frozen=True, slots=True)
class Label:
    """An address at a NIC: in full, and as what it adds to the subnet that its bus shows."""

    full: str
    short: str


@dataclass(frozen=True, slots=True)
class Bus:
    """A LAN, a switch of it, or the network that a NIC with no LAN leads to."""

    key: str
    name: str
    kind: BusKind
    notes: tuple[str, ...]
    """Its subnets, and what is special about it, a line each."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node, the host, or the trunk between two switches."""

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
    ends = _Ends(plan)
    links: dict[tuple[str, str], list[tuple[Label, ...]]] = defaultdict(list)
    out: set[tuple[str, str]] = set()
    for machine, nic, bus in ends.nics():
        links[machine.name, bus.key].append(_labels(nic, outside=_outside(machine) == nic.name))
        if not nic.connected:
            out.add((machine.name, bus.key))
    hosted = [network for network in ends.whole.networks if network.host_addresses]
    for network in hosted:
        key = ends.buses[network.name][0].key
        links[HOST, key].append(tuple(_label(text) for text in network.host_addresses))
    for trunk, bus in ends.trunks():
        links[trunk.key, bus.key].append(())
    own = {bus.key: bus for _, nic, bus in ends.nics() if nic.attach != "lan"}
    boxes = [Box(node.name, node.name, node.role, node.student) for node in ends.whole.machines]
    trunks = dict.fromkeys(trunk for trunk, _ in ends.trunks())
    return Topology(
        title=plan.lab if plan.student == "local" else f"{plan.lab} of {plan.student}",
        buses=(*chain.from_iterable(ends.buses.values()), *own.values()),
        boxes=(*boxes, *trunks, *([Box(HOST, "host", "host", student=False)] if hosted else [])),
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


class _Ends:
    """Where the cables of a plan end: a switch that is a machine is drawn as a LAN is.

    Args:
        plan: What is drawn.
    """

    def __init__(self, plan: Plan) -> None:
        self.whole = raised(plan)
        self._nodes = [machine for machine in plan.machines if machine.switch is None]
        self._switches = [machine for machine in plan.machines if machine.switch]
        self.buses = {network.name: self._of_lan(network) for network in self.whole.networks}
        """Those of each LAN, by its name."""
        self._by_key = {bus.key: bus for buses in self.buses.values() for bus in buses}
        self._ports = {nic.network: each.name for each in self._switches for nic in each.nics}

    def nics(self) -> Iterator[tuple[Machine, Nic, Bus]]:
        """Yield the NICs of the nodes, as the file has them, each with what it is plugged into."""
        for machine, node in zip(self.whole.machines, self._nodes, strict=True):
            for nic, plugged in zip(machine.nics, node.nics, strict=True):
                if nic.attach == "lan":
                    key = self._ports.get(plugged.network, nic.network)
                    yield machine, nic, self._by_key[key]
                elif nic.attach != "none":
                    key = f"{machine.name}.{nic.name}"
                    name = "NAT" if nic.attach == "nat" else nic.driver
                    yield machine, nic, Bus(key, name, nic.attach, (f"{machine.name} {nic.name}",))

    def trunks(self) -> Iterator[tuple[Box, Bus]]:
        """Yield the ends of each trunk between two switches."""
        near = {nic.network for node in self._nodes for nic in node.nics}
        for switch in self._switches:
            for port in switch.nics:
                if port.trunk and port.network not in near:
                    vlans = ", ".join(sub.vlan for sub in port.trunk)
                    trunk = Box(port.network, vlans, "trunk", student=False)
                    yield trunk, self._by_key[switch.name]

    def _of_lan(self, lan: Network) -> list[Bus]:
        """Return what *lan* is drawn as: itself, or its switches; the first tells all of it."""
        whole = _bus(lan)
        names = [
            each.name for each in self._switches if each.switch and each.switch.lan == lan.name
        ]
        notes = [(*whole.notes, "switch"), *(("switch",) for _ in names[1:])]
        buses = (Bus(name, name, "switch", each) for name, each in zip(names, notes, strict=False))
        return [*buses] or [whole]


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
