"""The plan: what will exist, with every default made a value.

A *network* is one LAN's switch, a *machine* is a node. Frozen, and complete: no field means "work
it out later". ``None`` and the empty tuple mean "there is none". A plan is plain data, so that it
compares, hashes, prints and travels as JSON (see `labiac.plan.document`); importing it costs no
third-party library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from labiac.plan.management import Management  # noqa: TC001 -- likewise
from labiac.plan.speaker import Speaker  # noqa: TC001 -- read at run time (labiac.plan.document)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.checks import Check

NetworkType = Literal["internal", "host", "nat", "bridged"]
Attachment = Literal["lan", "none", "nat", "generic"]
Role = Literal["router", "pc", "firewall", "nat", "bridge", "ids", "switch"]
Routing = Literal["static", "none", "ospf", "rip", "bgp"]
Protocol = Literal["tcp", "udp"]
Action = Literal["accept", "drop", "reject"]
Traffic = Literal["any", "icmp", "tcp", "udp"]

DEFAULT_VLAN = 1
"""Untagged frames of a port that names no VLAN travel in the one with this 802.1Q ID."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host that leads to a port of a guest.

    Args:
        protocol: ``tcp`` or ``udp``.
        host_port: Where the host listens, 1-65535.
        guest: Address of the guest, without a prefix.
        guest_port: Where the guest listens, 1-65535.
        host_address: Address of the host to listen on; ``127.0.0.1`` keeps it on the host.
    """

    protocol: Protocol
    host_port: int
    guest: str
    guest_port: int
    host_address: str


@dataclass(frozen=True, slots=True)
class Vlan:
    """One VLAN of a network: an 802.1Q ID (1-4094) and its own subnets."""

    name: str
    id: int
    ipv4: str | None
    ipv6: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A static route. Directly connected subnets are not routes.

    Args:
        to: Destination prefix; ``0.0.0.0/0`` and ``::/0`` are the default routes.
        via: Address of the next hop, without a prefix.
    """

    to: str
    via: str


@dataclass(frozen=True, slots=True)
class Network:
    """One LAN's switch, or a cable to a switch that is a machine.

    Args:
        name: Name in the lab file; of a cable, the LAN and its two ends, joined by ``_``.
        host_name: Name of the object on the host: ``<lab>-<student>-<name>``.
        type: How the LAN meets the host.
        ipv4: Subnet (``10.0.1.0/24``), or None.
        ipv6: Subnet (``fd00:0:0:1::/64``), or None.
        vlans: The VLANs it carries, in the order written.
        host_addresses: The host's own addresses in it, with prefix (types ``host`` and ``nat``).
        host_routes: Whether the host forwards between this LAN and the others it routes.
        routes: The host's static routes to what lies behind this LAN's routers.
        interface: The physical interface of a ``bridged`` LAN, else the empty string.
        forwards: Port forwards of a ``nat`` LAN.
        watched: Whether a NIC listens to it: that gets a copy of every frame.
    """

    name: str
    host_name: str
    type: NetworkType
    ipv4: str | None
    ipv6: str | None
    vlans: tuple[Vlan, ...]
    host_addresses: tuple[str, ...]
    host_routes: bool
    routes: tuple[Route, ...]
    interface: str
    forwards: tuple[Forward, ...]
    watched: bool


def lan_of(network: str) -> str:
    """Return the LAN of the lab file that *network* is, or is a cable of."""
    return network.partition("_")[0]


@dataclass(frozen=True, slots=True)
class SubInterface:
    """An 802.1Q sub-interface of a trunk NIC: ``eth0.10``."""

    name: str
    vlan: str
    id: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impairments:
    """What a link does to packets, in the direction from the node to the LAN. Zero: nothing."""

    delay_ms: float
    jitter_ms: float
    loss_percent: float
    rate_kbit: int


@dataclass(frozen=True, slots=True)
class Nic:
    """A node's interface.

    Args:
        name: Name inside the node: ``eth0``.
        attach: What the cable leads to: its LAN, nothing, a NAT of its own, a generic driver.
        network: Name of the LAN, or the empty string where `attach` is not ``lan``.
        mac: Six octets in lower case, colon separated.
        addresses: With prefix, untagged (or of the access VLAN).
        vlan: Name of the access VLAN, or None.
        native: Name of the trunk's native (untagged) VLAN, or None.
        trunk: Sub-interfaces, one a tagged VLAN; empty on a NIC that is no trunk.
        connected: False when the cable is out.
        model: NIC model the guest sees (``virtio``, ``e1000``, ...).
        promiscuous: Whether the switch hands it frames for other MACs.
        listens: Whether it gets a copy of every frame on its LAN, and none of its own gets there.
        forwards: Port forwards of a NIC with a NAT of its own.
        driver: Name of the generic driver, or the empty string.
        properties: Its properties, sorted by name.
        impair: What the link does to packets.
    """

    name: str
    attach: Attachment
    network: str
    mac: str
    addresses: tuple[str, ...]
    vlan: str | None
    native: str | None
    trunk: tuple[SubInterface, ...]
    connected: bool
    model: str
    promiscuous: bool
    listens: bool
    forwards: tuple[Forward, ...]
    driver: str
    properties: tuple[tuple[str, str], ...]
    impair: Impairments

    def interfaces(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name and addresses of each interface: its own, then its sub-interfaces'."""
        yield self.name, self.addresses
        yield from ((sub.name, sub.addresses) for sub in self.trunk)


@dataclass(frozen=True, slots=True)
class Service:
    """A program that runs in the background as long as its node does: an argv, never a shell."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a firewall's policy. Each field that says something narrows what it matches.

    Args:
        action: What becomes of a packet that matches; ``reject`` drops it, and tells the sender.
        protocol: ``any``, or the one that it is about; ``icmp`` is that of either IP version.
        sources: Prefixes, of either IP version, that the packet comes from; empty is anywhere.
        targets: Prefixes that the packet goes to; empty is anywhere.
        ports: Destination ports, each the first and last of a range, 1-65535; empty is every one.
    """

    action: Action
    protocol: Traffic
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ports: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a firewall lets through of the packets that it forwards. It is stateful.

    Packets of a conversation that it let through pass both ways. What belongs to none, and opens
    none (the answer to a question that took another way), is dropped. Else the first rule that
    matches decides; its own addresses answer as any router's.

    Args:
        rules: In order.
        default: What becomes of a packet that no rule matches.
    """

    rules: tuple[Rule, ...]
    default: Action


@dataclass(frozen=True, slots=True)
class Redirect:
    """A port of a NAT's outside that leads inside.

    Args:
        protocol: ``tcp`` or ``udp``.
        port: Where the NAT listens, 1-65535.
        target: Address of the node inside, without a prefix.
        target_port: Where that node listens, 1-65535.
    """

    protocol: Protocol
    port: int
    target: str
    target_port: int


@dataclass(frozen=True, slots=True)
class Translation:
    """What a NAT does: whatever it forwards out of `outside` takes its address there.

    Args:
        outside: Name of the NIC that leads outside.
        redirects: Its ports that lead inside.
    """

    outside: str
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch carries: a port takes what its NIC names, and drops the rest.

    Args:
        lan: Name of the LAN that it is a switch of.
        vlans: First that of NICs that name none, called ``1``, then the LAN's, as written.
    """

    lan: str
    vlans: tuple[Vlan, ...]

    @property
    def ids(self) -> dict[str, int]:
        """The 802.1Q ID of each VLAN."""
        return {vlan.name: vlan.id for vlan in self.vlans}


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One file that a guest reads on first boot (cloud-init NoCloud), as exact text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One node with its NICs and its seed; enough to make it without the rest of the plan.

    Args:
        name: Name in the lab file; the guest's hostname.
        host_name: Name of the object on the host: ``<lab>-<student>-<name>``.
        role: What it is for. A ``bridge`` or ``switch`` has no addresses: its NICs are ports.
        nics: In the order written: ``eth0``, ``eth1``, ...
        routes: Static routes, defaults included, sorted by family, prefix and next hop.
        routing: Where its routes come from.
        speaker: What it says in the routing protocol that `routing` names, if that is one.
        forwards: Whether it forwards IP packets. A PC never does, nor an IDS, bridge or switch.
        policy: What it lets through of what it forwards, if it is a firewall.
        translation: What it hides, if it is a NAT.
        switch: What it carries, if it is a switch.
        student: Whether its configuration is the student's own work (no drift, no undoing).
        hosts: Text of ``/etc/hosts``: the whole lab's names, the same on every node.
        services: Programs that run in the background on it.
        memory_mib: Guest memory, MiB (virtual machines).
        cpus: Virtual CPUs (virtual machines).
        disk_gib: Size of its disk, GiB (virtual machines).
        image: Name of the base image in the catalogue (virtual machines).
        start: Whether it is started when it is made (virtual machines); else it stays as it is.
        seed: What the guest reads on first boot; empty on a backend where nothing boots.
        management: How labiac reaches its guest, where it takes a NIC of its own.
    """

    name: str
    host_name: str
    role: Role
    nics: tuple[Nic, ...]
    routes: tuple[Route, ...]
    routing: Routing
    speaker: Speaker | None
    forwards: bool
    policy: Policy | None
    translation: Translation | None
    switch: Switch | None
    student: bool
    hosts: str
    services: tuple[Service, ...]
    memory_mib: int
    cpus: int
    disk_gib: int
    image: str
    start: bool
    seed: tuple[SeedFile, ...]
    management: Management | None

    @property
    def section(self) -> str:
        """The section of the lab file that it stands in: ``routers``."""
        return {"router": "routers", "pc": "pcs", "switch": "lans"}.get(self.role, "middleboxes")

    def interfaces(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Return the name and addresses of each of its interfaces, NIC by NIC."""
        return (each for nic in self.nics for each in nic.interfaces())

    def addresses(self) -> Iterator[str]:
        """Return its addresses with prefix, interface by interface: ``10.0.1.1/24``."""
        return (address for _, own in self.interfaces() for address in own)


Item = Network | Machine
"""What a backend makes, one at a time."""

END_ROLES = frozenset({"pc"})
"""Roles of the nodes that conversations begin and end at; all others are on the way."""

SWITCHING = frozenset({"bridge", "switch"})
"""Roles of the machines that pass on frames: IP does not see them."""

_Item = TypeVar("_Item", Network, Machine)


@dataclass(frozen=True, slots=True)
class Plan:
    """A lab for one student on one backend: everything that will exist."""

    lab: str
    student: str
    backend: str
    networks: tuple[Network, ...]
    machines: tuple[Machine, ...]
    checks: tuple[Check, ...]
    quiet: bool = False
    """Why its pairs are silent is for the student to find out: nothing that is kept tells."""

    @property
    def end_nodes(self) -> tuple[str, ...]:
        """Names of the PCs and other ends of conversations: those that a matrix is about."""
        return tuple(machine.name for machine in self.machines if machine.role in END_ROLES)

    def network(self, name: str) -> Network:
        """Return the network called *name*.

        Raises:
            KeyError: there is none.
        """
        return _named(self.networks, name)

    def machine(self, name: str) -> Machine:
        """Return the machine called *name*.

        Raises:
            KeyError: there is none.
        """
        return _named(self.machines, name)


def unstarted(plan: Plan) -> Plan:
    """Return *plan* with machines that are made, and not started."""
    return replace(plan, machines=tuple(replace(each, start=False) for each in plan.machines))


def _named(items: tuple[_Item, ...], name: str) -> _Item:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)
