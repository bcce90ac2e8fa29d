"""What a plan item has, in the words of the course, and what differs between two of them."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.effects import NETWORK_CONFIG, particular
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.checks import Check
    from labiac.plan.model import (
        Forward,
        Impairments,
        Item,
        Network,
        Nic,
        Redirect,
        Route,
        Rule,
        Vlan,
    )

Said = dict[str, tuple[str, ...]]
"""What an item has by the name of the field; several values where it may have several."""

_VERBS = {"accept": "allow", "drop": "deny", "reject": "reject"}
_DEFAULTS = {"0.0.0.0/0": "default route", "::/0": "IPv6 default route"}


class Difference(NamedTuple):
    """One value that differs; None where there is none."""

    field: str
    was: str | None
    now: str | None


def differences(was: Item | None, now: Item | None) -> tuple[Difference, ...]:
    """Return what differs from *was* to *now*, in words.

    What appears or goes as a whole, an item or a NIC, is said in brief. The name on the host goes
    unsaid: it follows from the lab's and the item's.
    """
    if was is None or now is None:
        whole = was or now
        brief = {} if whole is None else _brief(whole)
        return tuple(_differ({} if was is None else brief, {} if now is None else brief))
    found = [*_differ({"name": (was.name,)}, {"name": (now.name,)})]
    if isinstance(was, Machine) and isinstance(now, Machine):
        network = [*_nics(was, now), *_differ(_routes_of(was), _routes_of(now))]
        parts = (_machine, _speaker, _hosts, _seed, *(() if network else (_network_config,)))
        differ = (_differ(said(was), said(now)) for said in parts)
        found += (*network, *chain.from_iterable(differ))
    else:
        found += _differ(_network(was), _network(now))  # type: ignore[arg-type] # of one kind
    if not found and replace(was, host_name=now.host_name) != now:
        found.append(Difference("order of its parts", "the old", "the new"))
    return tuple(found)


def check_differences(was: Check, now: Check) -> tuple[Difference, ...]:
    """Return what differs, in words, between two checks that ask the same."""
    return tuple(_differ(_check(was), _check(now)))


def _differ(was: Said, now: Said) -> Iterator[Difference]:
    for field in dict.fromkeys((*was, *now)):
        before, after = was.get(field, ()), now.get(field, ())
        lost = [value for value in before if value not in after]
        gained = [value for value in after if value not in before]
        if not lost and not gained and before != after:
            yield Difference(field, ", ".join(before), ", ".join(after))
        yield from (Difference(field, *values) for values in zip_longest(lost, gained))


def _nics(was: Machine, now: Machine) -> Iterator[Difference]:
    before, after = ({nic.name: nic for nic in machine.nics} for machine in (was, now))
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            ends = (_nic_brief(nic) if nic else None for nic in (old, new))
            yield Difference(name, *ends)
        else:
            yield from _differ(_nic(old), _nic(new))


def _brief(item: Item) -> Said:
    if isinstance(item, Machine):
        nics: Said = {nic.name: (_nic_brief(nic),) for nic in item.nics}
        return nics | duties(item) | _routes(item.routes)
    return {
        field: said
        for field, said in _network(item).items()
        if said not in {("internal",), ("no",)}
    }


def _nic_brief(nic: Nic) -> str:
    tagged = (part for sub in nic.trunk for part in (sub.vlan, *sub.addresses))
    words = (nic.vlan, nic.native, "listens" if nic.listens else None)
    return " ".join((_plug(nic), *filter(None, words), *nic.addresses, *tagged))


def _machine(machine: Machine) -> Said:
    return {
        "role": (machine.role,),
        "routing": (machine.routing,),
        "forwarding": (_yes(machine.forwards),),
        **duties(machine),
        "left to the student": (_yes(machine.student),),
        **{f"service {each.name}": (shlex.join(each.command),) for each in machine.services},
        "memory": (f"{machine.memory_mib} MiB",),
        "CPUs": (str(machine.cpus),),
        "disk": (f"{machine.disk_gib} GiB",),
        "image": (machine.image,),
        "started": (_yes(machine.start),),
        "management": ("ssh",) if machine.management else (),
    }


def _speaker(machine: Machine) -> Said:
    """Return what a router says in its routing protocol; of others, nothing."""
    speaker = machine.speaker
    if speaker is None:
        return {}
    return {
        "router ID": (speaker.router_id,),
        "AS": (str(speaker.asn),) if speaker.asn else (),
        "neighbour": tuple(f"{peer.address} AS {peer.asn}" for peer in speaker.peers),
        "speaks on": speaker.interfaces,
        "slow timers on": speaker.patient,
    }


def duties(machine: Machine) -> Said:
    """Return what a firewall lets through, a NAT hides, or a switch carries; of others, nothing."""
    said: Said = {}
    if machine.policy:
        rules = tuple(_rule(rule) for rule in machine.policy.rules)
        said |= {"rule": rules, "policy": (machine.policy.default,)}
    if machine.translation:
        said |= {"outside": (machine.translation.outside,)}
        said |= _redirects(machine.translation.redirects)
    if machine.switch:
        said |= {"switch of": (machine.switch.lan,), **_vlans(machine.switch.vlans)}
    return said


def _rule(rule: Rule) -> str:
    """Return *rule* in the lab file's words: ``allow tcp 80, 443 from 10.0.1.0/24``."""
    ports = ", ".join("-".join(map(str, dict.fromkeys(span))) for span in rule.ports)
    ends = {"from": rule.sources, "to": rule.targets}
    words = (f"{way} {', '.join(map(_alone, places))}" for way, places in ends.items() if places)
    return " ".join(filter(None, (_VERBS[rule.action], rule.protocol, ports, *words)))


def _alone(prefix: str) -> str:
    """Return *prefix*, without its length where it is that of one address."""
    address, _, length = prefix.partition("/")
    return address if length == ("128" if ":" in address else "32") else prefix


def _redirects(redirects: Iterable[Redirect]) -> Said:
    said: Said = {}
    for each in redirects:
        field = f"forward {each.protocol} {each.port}"
        target = f"[{each.target}]" if ":" in each.target else each.target
        said[field] = (*said.get(field, ()), f"to {target}:{each.target_port}")
    return said


def _check(check: Check) -> Said:
    return {
        "title": _there(check.title),
        "hint": _there(check.hint),
        "points": (f"{check.points:g}",),
        "retry": (str(check.retry),),
        "timeout": (f"{check.timeout_s:g} s",),
    }


def _seed(machine: Machine) -> Said:
    """Return what the seed says and no other field does: the rest would be said twice."""
    return {f"seed {name}": (text,) for name, text in particular(machine).items()}


def _network_config(machine: Machine) -> Said:
    """Return what the seed says of the network: by a template, where no other field says it."""
    texts = (file.text for file in machine.seed if file.name == NETWORK_CONFIG)
    return {f"seed {NETWORK_CONFIG}": tuple(texts)}


def _hosts(machine: Machine) -> Said:
    """Return the addresses of each name in the hosts file of *machine*."""
    names: Said = {}
    for line in machine.hosts.splitlines():
        address, *called = line.split()
        for name in called:
            names[f"hosts {name}"] = (*names.get(f"hosts {name}", ()), address)
    return names


def _routes_of(machine: Machine) -> Said:
    return _routes(machine.routes)


def _routes(routes: Iterable[Route], whose: str = "") -> Said:
    said: Said = {}
    for route in routes:
        field = f"{whose}{_DEFAULTS.get(route.to) or f'route {route.to}'}"
        said[field] = (*said.get(field, ()), f"via {route.via}")
    return said


def _nic(nic: Nic) -> Said:
    trunk: Said = {f"{sub.name} VLAN": (f"{sub.vlan} {sub.id}",) for sub in nic.trunk}
    trunk |= {f"{sub.name} address": sub.addresses for sub in nic.trunk}
    own: Said = {
        "LAN": (_plug(nic),),
        "VLAN": _there(nic.vlan),
        "native VLAN": _there(nic.native),
        "MAC": (nic.mac,),
        "address": nic.addresses,
        "cable": ("in" if nic.connected else "out",),
        "model": (nic.model,),
        "promiscuous": (_yes(nic.promiscuous),),
        "listens": (_yes(nic.listens),),
        **_forwards(nic.forwards),
        "driver": _there(nic.driver),
        "property": tuple(f"{key}={value}" for key, value in nic.properties),
        **impairments(nic.impair),
    }
    return {f"{nic.name} {field}": value for field, value in own.items()} | trunk


def impairments(impair: Impairments) -> Said:
    """Return what a link does to packets."""
    return {
        "delay": (f"{impair.delay_ms:g} ms",),
        "jitter": (f"{impair.jitter_ms:g} ms",),
        "loss": (f"{impair.loss_percent:g} %",),
        "rate": (f"{impair.rate_kbit} kbit/s" if impair.rate_kbit else "unlimited",),
    }


def _plug(nic: Nic) -> str:
    return nic.network if nic.attach == "lan" else f"({nic.attach})"


def _network(network: Network) -> Said:
    return {
        "type": (network.type,),
        "subnet": _there(network.ipv4),
        "IPv6 subnet": _there(network.ipv6),
        **_vlans(network.vlans),
        "host address": network.host_addresses,
        "host routes": (_yes(network.host_routes),),
        **_routes(network.routes, "host's "),
        "interface": _there(network.interface),
        **_forwards(network.forwards),
        "watched": (_yes(network.watched),),
    }


def _vlans(vlans: Iterable[Vlan]) -> Said:
    return {
        f"VLAN {vlan.name}": (" ".join(filter(None, (str(vlan.id), vlan.ipv4, vlan.ipv6))),)
        for vlan in vlans
    }


def _forwards(forwards: Iterable[Forward]) -> Said:
    said: Said = {}
    for each in forwards:
        field = f"forward {each.protocol} {each.host_address}:{each.host_port}"
        said[field] = (*said.get(field, ()), f"to {each.guest}:{each.guest_port}")
    return said


def _there(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def _yes(value: bool) -> str:  # noqa: FBT001 -- a value to say, and no switch
    return "yes" if value else "no"
