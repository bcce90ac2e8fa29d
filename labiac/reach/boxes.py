"""Firewalls and NATs as a packet of one IP version meets them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from labiac.plan.addressing import Prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.plan.model import Action, Machine, Plan, Policy, Traffic, Translation

THE_HOST = ""
"""What the host goes by among firewalls and NATs: no machine is called so."""
Span = tuple[int, int]
"""The first and last of a range of ports."""
NO_PORT: Span = (0, 0)
"""What ICMP has."""
Redirects = dict[tuple[str, int, Span], tuple[int, Span]]
"""By protocol, address and port outside: the address and port inside."""


class Packet(NamedTuple):
    """What a middlebox sees of a packet.

    Args:
        protocol: What it carries.
        source: The address that it comes from.
        target: The address that it goes to.
        source_port: The port that it comes from, or among which that is.
        target_port: The port that it goes to.
    """

    protocol: Literal["icmp", "tcp", "udp"]
    source: int
    target: int
    source_port: Span = NO_PORT
    target_port: Span = NO_PORT

    @property
    def answer(self) -> Packet:
        """The packet that answers it."""
        ports = self.target_port, self.source_port
        return Packet(self.protocol, self.target, self.source, *ports)


@dataclass(frozen=True, slots=True)
class Line:
    """A rule of a policy, as far as one IP version is concerned.

    Args:
        name: What people call it: ``rule 2``.
        action: What becomes of a packet that matches.
        protocol: ``any``, or the one that it is about.
        sources: Prefixes that the packet comes from, or None: anywhere.
        targets: Prefixes that the packet goes to, or None: anywhere.
        ports: Destination ports; empty is every one.
    """

    name: str
    action: Action
    protocol: Traffic
    sources: tuple[Prefix, ...] | None
    targets: tuple[Prefix, ...] | None
    ports: tuple[Span, ...]

    def matches(self, packet: Packet) -> bool:
        """Return whether it is about *packet*."""
        return (
            self.protocol in {"any", packet.protocol}
            and _within(packet.source, self.sources)
            and _within(packet.target, self.targets)
            and (not self.ports or any(_inside(packet.target_port, span) for span in self.ports))
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A firewall, a NAT, or both.

    Args:
        lines: The rules of its policy that can match.
        default: What becomes of a packet that no rule matches; None where nothing is filtered.
        outside: Interfaces by which it hides what it forwards, each with the sources that it
            hides there; None: all.
        redirects: What of its outside leads inside.
    """

    lines: tuple[Line, ...]
    default: Action | None
    outside: Mapping[str, tuple[Prefix, ...] | None]
    redirects: Redirects

    def judge(self, packet: Packet) -> tuple[Action, str]:
        """Return what becomes of *packet*, which opens a conversation, and what decides that."""
        for line in self.lines:
            if line.matches(packet):
                return line.action, line.name
        return (self.default, "policy") if self.default else ("accept", "")

    def hides(self, packet: Packet, interface: str) -> bool:
        """Return whether *packet* leaves by *interface* with another source than its own."""
        return interface in self.outside and _within(packet.source, self.outside[interface])

    def redirected(self, packet: Packet) -> Packet | None:
        """Return *packet* as it goes on inside, or None: it stays as it is."""
        found = self.redirects.get((packet.protocol, packet.target, packet.target_port))
        return found and packet._replace(target=found[0], target_port=found[1])

    def prefixes(self) -> Iterator[Prefix]:
        """Yield the prefixes that its rules name."""
        for line in self.lines:
            yield from line.sources or ()
            yield from line.targets or ()


def boxes(plan: Plan, version: int) -> dict[str, Box]:
    """Return the firewalls and NATs of *plan* by name, as IP *version* meets them.

    The host, which is `THE_HOST`, is one where there are NAT networks and others that it is in.
    """
    found = {
        machine.name: _box(machine, version)
        for machine in plan.machines
        if machine.policy or machine.translation
    }
    host = _host(plan, version)
    return found | {THE_HOST: host} if host.outside else found


def _host(plan: Plan, version: int) -> Box:
    """Return the host, which hides its NAT networks from whatever else it is in."""
    hidden = [
        (network.host_name, Prefix.parse(subnet))
        for network in plan.networks
        if network.type == "nat"
        for subnet in (network.ipv4, network.ipv6)
        if subnet
    ]
    outside = {}
    for network in plan.networks:
        sources = [
            prefix
            for behind, prefix in hidden
            if behind != network.host_name and prefix.version == version
        ]
        if network.host_addresses and sources:
            outside[network.host_name] = tuple(sources)
    return Box((), None, outside, {})


def _box(machine: Machine, version: int) -> Box:
    lines = tuple(_lines(machine.policy, version)) if machine.policy else ()
    default = machine.policy.default if machine.policy else None
    hides = machine.translation
    outside = {
        name: [text.partition("/")[0] for text in held]
        for nic in machine.nics
        if hides and nic.name == hides.outside
        for name, held in nic.interfaces()
    }
    redirects = _redirects(hides, chain.from_iterable(outside.values()), version) if hides else {}
    return Box(lines, default, dict.fromkeys(outside), redirects)


def _redirects(hides: Translation, own: Iterable[str], version: int) -> Redirects:
    found: Redirects = {}
    doors = [prefix.first for prefix in map(Prefix.parse, own) if prefix.version == version]
    for redirect in hides.redirects:
        inside = Prefix.parse(redirect.target)
        for door in doors if inside.version == version else ():
            key = redirect.protocol, door, (redirect.port, redirect.port)
            found.setdefault(key, (inside.first, (redirect.target_port, redirect.target_port)))
    return found


def _lines(policy: Policy, version: int) -> Iterator[Line]:
    for number, rule in enumerate(policy.rules, start=1):
        sources, targets = _of(version, rule.sources), _of(version, rule.targets)
        if () not in {sources, targets}:
            name = f"rule {number}"
            yield Line(name, rule.action, rule.protocol, sources, targets, rule.ports)


def _of(version: int, prefixes: tuple[str, ...]) -> tuple[Prefix, ...] | None:
    """Return those of *prefixes* of IP *version*; None where any address will do."""
    if not prefixes:
        return None
    return tuple(each for each in map(Prefix.parse, prefixes) if each.version == version)


def _within(address: int, prefixes: tuple[Prefix, ...] | None) -> bool:
    return prefixes is None or any(address in prefix for prefix in prefixes)


def _inside(span: Span, ports: Span) -> bool:
    """Return whether all of *span* is among *ports*; ICMP has none."""
    return span != NO_PORT and ports[0] <= span[0] and span[1] <= ports[1]
