"""What a firewall lets through and a NAT hides, as nftables reads it. Pure.

Packets of a conversation that is known pass; what belongs to none is dropped; then come the rules
in order, then the policy. Neighbour discovery is not forwarded, so it needs no rule.

Every value is parsed and written anew, so that none can become text that it is not.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Network, IPv6Network

    from labiac.plan.model import Action, Machine, Nic, Policy, Redirect, Rule, Traffic

TABLE: Final = "labiac"
"""Name of the table, of family ``inet``: it holds all of it, and nothing else."""

_LAST_PORT: Final = 65535
_INTERFACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_VERSIONS: Final = {"ip": 4, "ip6": 6}
_TCP: Final = "meta l4proto tcp"
_UDP: Final = "meta l4proto udp"
_TRAFFIC: Final = {"any": "", "icmp": "meta l4proto { icmp, icmpv6 }", "tcp": _TCP, "udp": _UDP}
_WITH_PORTS: Final = {"any": "meta l4proto { tcp, udp }", "tcp": _TCP, "udp": _UDP}
"""What of each kind of traffic has ports: a rule about the ports of ICMP matches nothing."""
_VERDICTS: Final = {
    "accept": "accept",
    "drop": "drop",
    "reject": "reject with icmpx admin-prohibited",
}


def ruleset(machine: Machine) -> str:
    """Return the file for ``nft -f`` that makes table ``inet labiac`` what *machine* says.

    It replaces the table as a whole: one packet meets all of the old, the next all of the new.

    Returns:
        The text; empty when *machine* has neither a policy nor a translation.

    Raises:
        LabError: a value is none of its kind: a prefix, a port, a NIC of the machine.
    """
    chains: list[str] = []
    try:
        if machine.policy:
            chains += _chain("forward", "filter hook forward priority 0", _policy(machine.policy))
        if machine.translation:
            outside = _nic(machine, machine.translation.outside)
            inward = _inward(machine.translation.redirects, outside)
            chains += _chain("inward", "nat hook prerouting priority -100", inward)
            chains += _chain("outward", "nat hook postrouting priority 100", _outward(outside))
    except (KeyError, TypeError, ValueError) as error:
        problem = f"its rules have a value of no such kind: {error}"
        raise LabError(machine.name, problem, fix="write what the lab file's page says") from error
    if not chains:
        return ""
    anew = (f"add table inet {TABLE}", f"delete table inet {TABLE}")
    return "\n".join([*anew, f"table inet {TABLE} {{", *chains, "}", ""])


def _chain(name: str, hook: str, lines: Iterable[str]) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{line}" for line in (f"type {hook};", *lines)), "\t}"]


def _policy(policy: Policy) -> Iterator[str]:
    yield f"policy {'accept' if policy.default == 'accept' else 'drop'};"
    yield "ct state established,related accept"
    yield "ct state invalid drop"
    for number, rule in enumerate(policy.rules, 1):
        for match in _matches(rule):
            for verdict in _verdicts(rule.action, rule.protocol):
                yield _line(match, verdict, f'comment "rule {number}"')
    if policy.default == "reject":
        yield from _verdicts("reject", "any")


def _verdicts(action: Action, protocol: Traffic) -> tuple[str, ...]:
    """Return what does *action* to what matched; a TCP segment is rejected as TCP does it."""
    verdict = _VERDICTS[action]
    if action != "reject" or protocol in {"icmp", "udp"}:
        return (verdict,)
    reset = _line(_TCP if protocol == "any" else "", "reject with tcp reset")
    return (reset, verdict) if protocol == "any" else (reset,)


def _matches(rule: Rule) -> Iterator[str]:
    """Yield what matches *rule*: once, or once for each IP version that it is about."""
    if rule.ports and rule.protocol == "icmp":
        return
    traffic = (_WITH_PORTS if rule.ports else _TRAFFIC)[rule.protocol]
    ports = f"th dport {_set(_range(*ports) for ports in rule.ports)}" if rule.ports else ""
    ends = [
        (field, _by_version(prefixes))
        for field, prefixes in (("saddr", rule.sources), ("daddr", rule.targets))
        if prefixes
    ]
    if not ends:
        yield _line(traffic, ports)
        return
    for version in _VERSIONS:
        if all(found[version] for _, found in ends):
            among = (f"{version} {field} {_set(found[version])}" for field, found in ends)
            yield _line(*among, traffic, ports)


def _inward(redirects: Iterable[Redirect], outside: Nic) -> Iterator[str]:
    """Yield what sends a packet for a port of *outside* on to the node inside."""
    addresses = [address.partition("/")[0] for _, held in outside.interfaces() for address in held]
    own = _by_version(addresses)
    for redirect in redirects:
        port = f"{_WITH_PORTS[redirect.protocol]} th dport {_port(redirect.port)}"
        for version, targets in _by_version([redirect.target]).items():
            for target in targets if own[version] else ():
                place = f"[{target}]" if version == "ip6" else target
                to = f"dnat {version} to {place}:{_port(redirect.target_port)}"
                yield f"{version} daddr {_set(own[version])} {port} {to}"


def _outward(outside: Nic) -> Iterator[str]:
    """Yield what gives a packet that leaves by *outside* the address there."""
    names = [name for name, _ in outside.interfaces()]
    for name in names:
        if not _INTERFACE.fullmatch(name):
            raise ValueError(repr(name))
    quoted = _set(f'"{name}"' for name in names)
    yield f"oifname {quoted} masquerade"


def _nic(machine: Machine, name: str) -> Nic:
    return {nic.name: nic for nic in machine.nics}[name]


def _by_version(prefixes: Iterable[str]) -> dict[str, list[str]]:
    """Return *prefixes* by IP version, written anew. Some may overlap: nft merges them."""
    parsed = [_parsed(prefix) for prefix in prefixes]
    return {
        header: [_written(prefix) for prefix in parsed if prefix.version == version]
        for header, version in _VERSIONS.items()
    }


def _parsed(prefix: str) -> IPv4Network | IPv6Network:
    if "%" in prefix:  # a scope: any text whatever
        raise ValueError(repr(prefix))
    return ip_network(prefix, strict=False)


def _written(prefix: IPv4Network | IPv6Network) -> str:
    whole = prefix.prefixlen == prefix.max_prefixlen
    return str(prefix.network_address if whole else prefix)


def _range(first: int, last: int) -> str:
    if last < first:
        raise ValueError(f"ports {first}-{last}")
    return _port(first) if first == last else f"{_port(first)}-{_port(last)}"


def _port(number: int) -> str:
    if not 1 <= number <= _LAST_PORT:
        raise ValueError(f"port {number}")
    return f"{number:d}"


def _set(values: Iterable[str]) -> str:
    """Return what matches any of *values*."""
    several = tuple(values)
    return several[0] if len(several) == 1 else f"{{ {', '.join(several)} }}"


def _line(*parts: str) -> str:
    return " ".join(part for part in parts if part)
