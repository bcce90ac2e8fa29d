"""Everything a template may name, and nothing else.

A fact is a value of the plan in the shape that a guest's own files have: routes stand with the
interface they leave by, because network-config wants them there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """A static route: ``to`` is a prefix in CIDR notation, ``via`` an address without one."""

    to: str
    via: str


@dataclass(frozen=True, slots=True)
class VlanFacts:
    """An 802.1Q sub-interface.

    Args:
        name: Name inside the guest: ``eth0.10``.
        id: VLAN ID, 1-4094.
        optional: Whether the boot goes on without it: it has no address, or the cable is out.
        addresses: With prefix, IPv4 and IPv6.
        ipv6: Whether it speaks IPv6 at all.
        routes: Those that leave by it.
    """

    name: str
    id: int
    optional: bool
    addresses: tuple[str, ...]
    ipv6: bool
    routes: tuple[RouteFacts, ...]


@dataclass(frozen=True, slots=True)
class NicFacts:
    """A NIC, known to the guest by its MAC.

    Args:
        name: Name that the guest gives it: ``eth0``.
        mac: Six octets in lower case, colon separated.
        dhcp: Whether it asks for its address: only a NIC with a NAT of its own does.
        optional: Whether the boot goes on without it: its address is not given here, or the
            cable is out. The port of a bridge or switch counts as one with an address.
        addresses: With prefix, IPv4 and IPv6.
        ipv6: Whether it speaks IPv6 at all.
        routes: Those that leave by it.
        vlans: Its 802.1Q sub-interfaces.
        untagged: As the port of a switch: ID of the VLAN that travels untagged on it, or None.
        tagged: As the port of a switch: IDs of those that travel tagged.
    """

    name: str
    mac: str
    dhcp: bool
    optional: bool
    addresses: tuple[str, ...]
    ipv6: bool
    routes: tuple[RouteFacts, ...]
    vlans: tuple[VlanFacts, ...]
    untagged: int | None
    tagged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A program that runs in the background: the name of its unit, and its argv."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrrFacts:
    """What FRR runs: its configuration, and the daemons for it beside those it always has.

    Both are empty where no routing protocol runs.
    """

    config: str
    daemons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What ``user-data.j2`` and ``network-config.j2`` may name.

    Args:
        lab: Name of the lab.
        student: Whose copy it is.
        hostname: Name of the node.
        hosts: Text of ``/etc/hosts``.
        nics: In the order of the lab file.
        management: The NIC by which labiac reaches the guest, if there is one.
        services: Programs that run in the background.
        ruleset: What nftables shall load; empty where nothing is filtered or translated.
        frr: What FRR runs.
        user: Name of the account that people log in to.
        keys: Public SSH keys that it takes: the copy's own (its place, in a plan), then others.
    """

    lab: str
    student: str
    hostname: str
    hosts: str
    nics: tuple[NicFacts, ...]
    management: tuple[NicFacts, ...]
    services: tuple[ServiceFacts, ...]
    ruleset: str
    frr: FrrFacts
    user: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetaFacts:
    """What ``meta-data.j2`` may name.

    Args:
        hostname: Name of the node.
        instance_id: A name that changes whenever a file of the seed does. A guest that reads a
            new one takes itself for newly made, and applies the seed again.
    """

    hostname: str
    instance_id: str
