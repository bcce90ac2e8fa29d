"""A LAN with a NAT as VirtualBox's NAT network, and back. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import TYPE_CHECKING, Final

from labiac.plan.model import Forward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.model import Network, Protocol

Interface = IPv4Interface | IPv6Interface

_RULE: Final = re.compile(r"(\S+):(tcp|udp):\[([^\]]*)\]:(\d+):\[([^\]]*)\]:(\d+)")
_RULES: Final = "Port-forwarding (ipv4)"


def changes(was: Mapping[str, str] | None, lan: Network) -> list[list[str]]:
    """Return the calls that make a NAT network from what it *was*, if it was, to *lan*.

    A guest never asks for its address: there is no DHCP.
    """
    name, rules = ["--netname", lan.host_name], [*map(_rule, lan.forwards)]
    if was is None:
        net = ["--network", str(lan.ipv4), "--enable", "--dhcp", "off"]
        forwards = [word for rule in rules for word in ("--port-forward-4", rule)]
        return [["natnetwork", "add", *name, *net, *forwards]]
    words = [
        *(["--network", str(lan.ipv4)] if was["Network"] != lan.ipv4 else []),
        *(["--dhcp", "off"] if was["DHCP Server"] != "No" else []),
        *(["--enable"] if was["Enabled"] != "Yes" else []),
    ]
    there = was.get(_RULES, "").split()
    # A NAT network that moves takes its rules along: they are made anew.
    kept = set(there) & set(rules) if was["Network"] == lan.ipv4 else set()
    gone, come = ([each for each in all_ if each not in kept] for all_ in (there, rules))
    for rule in gone:
        words += ["--port-forward-4", "delete", rule.partition(":")[0]]
    for rule in come:
        words += ["--port-forward-4", rule]
    return [["natnetwork", "modify", *name, *words]] if words else []


def observed(lan: Network, there: Mapping[str, str]) -> Network:
    """Return *lan* as VirtualBox says that it is *there*."""
    net = ip_network(there["Network"])
    forwards = {_rule(each): each for each in lan.forwards}
    rules = there.get(_RULES, "").split()
    if set(rules) != set(forwards):
        forwards |= {rule: each for rule, each in _forwards(rules) if rule not in forwards}
    return replace(
        lan,
        ipv4=str(net),
        host_addresses=lan.host_addresses
        if str(net) == lan.ipv4
        else (ip_interface(f"{there['Gateway']}/{net.prefixlen}").with_prefixlen,),
        forwards=tuple(each for rule, each in forwards.items() if rule in rules),
    )


def _rule(forward: Forward) -> str:
    host = f"[{forward.host_address}]:{forward.host_port}"
    guest = f"[{forward.guest}]:{forward.guest_port}"
    return f"{forward.protocol}-{forward.host_port}:{forward.protocol}:{host}:{guest}"


def _forwards(rules: list[str]) -> Iterator[tuple[str, Forward]]:
    for rule in rules:
        if match := _RULE.fullmatch(rule):
            _, protocol, address, port, guest, guest_port = match.groups()
            kind: Protocol = "udp" if protocol == "udp" else "tcp"
            yield rule, Forward(kind, int(port), guest, int(guest_port), address)
