"""NAT as nftables reads it: masquerade, and ports of the host that lead to a guest. Pure."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.netns.places import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.model import Forward

LOAD: Final = ("nft", "-j", "-f", "-")
"""The command that takes these rules on its standard input, all or none of them."""

_Line = dict[str, dict[str, Any]]

_FAMILY: Final = "inet"
_HIDE: Final[dict[str, Any]] = {"masquerade": None}
_DROP: Final[dict[str, Any]] = {"drop": None}
_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # a listener's address, compared
_LOOPBACK: Final = ("ip", "127.0.0.0", 8)


def table(host_name: str) -> str:
    """Return the name of the nftables table that belongs to *host_name* alone."""
    return f"labiac_{digest(host_name)[:16]}"


def rules(name: str, interface: str, subnets: Iterable[str], forwards: Iterable[Forward]) -> bytes:
    """Return the rules of table *name* for what is behind *interface* of the host.

    Args:
        name: A table of its own; it is replaced as a whole.
        interface: The host's end of the LAN.
        subnets: What is hidden behind the host's own addresses.
        forwards: Ports of the host that lead inside.
    """
    inside = partial(_interface, name=interface)
    lines = [_table(verb, name) for verb in ("add", "delete", "add")]
    lines += [
        _chain(name, "guard", "filter", "prerouting", -300),
        _chain(name, "incoming", "nat", "prerouting", -100),
        _chain(name, "outgoing", "nat", "output", -100),
        _chain(name, "leaving", "nat", "postrouting", 100),
        # The host's loopback can be forwarded because routes to it are allowed on this interface
        # (`labiac.backends.netns.outside`); what comes in from there must not use them.
        _rule(name, "guard", inside("iifname", "=="), _prefix("daddr", *_LOOPBACK), _DROP),
        _rule(name, "leaving", inside("oifname", "=="), _prefix("saddr", *_LOOPBACK), _HIDE),
    ]
    for subnet in subnets:
        hidden = _prefix("saddr", *_parts(subnet))
        lines.append(_rule(name, "leaving", hidden, inside("oifname", "!="), _HIDE))
    for forward in forwards:
        steps = (*_to_host(forward), _port(forward), _to_guest(forward))
        lines += [_rule(name, chain, *steps) for chain in ("incoming", "outgoing")]
    return _json(lines)


def no_rules(name: str) -> bytes:
    """Return what removes table *name*, whether it is there or not."""
    return _json([_table("add", name), _table("delete", name)])


def _rule(table: str, chain: str, *expressions: dict[str, Any]) -> _Line:
    rule = {"family": _FAMILY, "table": table, "chain": chain, "expr": list(expressions)}
    return {"add": {"rule": rule}}


def _chain(table: str, name: str, kind: str, hook: str, priority: int) -> _Line:
    place = {"type": kind, "hook": hook, "prio": priority, "policy": "accept"}
    return {"add": {"chain": {"family": _FAMILY, "table": table, "name": name, **place}}}


def _table(verb: str, name: str) -> _Line:
    return {verb: {"table": {"family": _FAMILY, "name": name}}}


def _json(lines: list[_Line]) -> bytes:
    return json.dumps({"nftables": lines}).encode()


def _match(operator: str, left: dict[str, Any], right: Any) -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _interface(key: str, operator: str, *, name: str) -> dict[str, Any]:
    return _match(operator, {"meta": {"key": key}}, name)


def _prefix(field: str, protocol: str, address: str, length: int) -> dict[str, Any]:
    left = {"payload": {"protocol": protocol, "field": field}}
    return _match("==", left, {"prefix": {"addr": address, "len": length}})


def _parts(subnet: str) -> tuple[str, str, int]:
    address, _, length = subnet.partition("/")
    return _protocol(address), address, int(length)


def _protocol(address: str) -> str:
    return "ip6" if ":" in address else "ip"


def _to_host(forward: Forward) -> list[dict[str, Any]]:
    if forward.host_address in _ANYWHERE:
        local = _match("==", {"fib": {"result": "type", "flags": ["daddr"]}}, "local")
        version = _match("==", {"meta": {"key": "nfproto"}}, _version(forward.guest))
        return [version, local]
    protocol = _protocol(forward.host_address)
    left = {"payload": {"protocol": protocol, "field": "daddr"}}
    return [_match("==", left, forward.host_address)]


def _version(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def _port(forward: Forward) -> dict[str, Any]:
    left = {"payload": {"protocol": forward.protocol, "field": "dport"}}
    return _match("==", left, forward.host_port)


def _to_guest(forward: Forward) -> dict[str, Any]:
    family = _protocol(forward.guest)
    return {"dnat": {"family": family, "addr": forward.guest, "port": forward.guest_port}}
