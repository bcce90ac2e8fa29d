"""What a firewall lets through and what a NAT hides, with every name made an address."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS
from labiac.plan.model import Action, Policy, Redirect, Rule, Translation
from labiac.schema.middlebox import Bridge, Firewall, Nat, port_span
from labiac.schema.node import is_name
from labiac.schema.vary import FirewallRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.faults import Faults
    from labiac.plan.nics import Draft
    from labiac.plan.segments import Key, Segment
    from labiac.schema import middlebox as written
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path

ACTIONS: Mapping[str, Action] = {"allow": "accept", "deny": "drop", "reject": "reject"}


@dataclass
class Middleboxes:
    """What the firewalls and NATs of a lab do, by name.

    Args:
        policies: Of each firewall.
        translations: Of each NAT.
        planted: The rule of each fault that is one, by its place among the faults of the file.
    """

    policies: dict[str, Policy] = field(default_factory=dict)
    translations: dict[str, Translation] = field(default_factory=dict)
    planted: dict[int, Rule] = field(default_factory=dict)


def middleboxes(
    lab: Lab, segments: Mapping[Key, Segment], drafted: list[Draft], faults: Faults
) -> Middleboxes:
    """Return what the firewalls and NATs of *lab* do; names that it lacks are left out."""
    book = _Book(lab, segments, drafted)
    made = Middleboxes()
    for name, node in lab.middleboxes.items():
        place: Path = ("middleboxes", name)
        if isinstance(node, Firewall):
            rules = (
                _rule((*place, "rules", index), rule, book, faults)
                for index, rule in enumerate(node.rules)
            )
            made.policies[name] = Policy(tuple(rules), node.policy)
        elif isinstance(node, Nat):
            made.translations[name] = _translation(place, node, book, faults)
    for index, fault in enumerate(lab.vary.faults if lab.vary else ()):
        if isinstance(fault.what, FirewallRule):
            place = ("vary", "faults", index, fault.kind)
            made.planted[index] = _rule(place, fault.what, book, faults)
    return made


class _Held(NamedTuple):
    """An address of a node, without a prefix, and the segment that it is on."""

    version: int
    address: str
    segment: Segment | None


class _Book:
    """Where names lead: the prefixes of LANs, and the addresses of nodes."""

    def __init__(self, lab: Lab, segments: Mapping[Key, Segment], drafted: list[Draft]) -> None:
        self._lans: dict[str, list[str]] = defaultdict(list)
        for (lan, _), segment in segments.items():
            self._lans[lan] += [str(hosts.prefix) for hosts in segment.hosts.values()]
        # A bridge is as good as not there: who names one has been told that it has no address.
        self.drafts: dict[str, list[Draft]] = {
            name: [] for name, node in lab.nodes.items() if not isinstance(node, Bridge)
        }
        for draft in drafted:
            if draft.node in self.drafts:
                self.drafts[draft.node].append(draft)

    def prefixes(self, place: str) -> tuple[str, ...] | None:
        """Return the prefixes that *place* stands for, or None: it is a name that is not there."""
        if not is_name(place):
            return (place,)
        if place in self._lans:
            return tuple(self._lans[place])
        if place in self.drafts:
            return tuple(f"{held.address}/{BITS[held.version]}" for held in self.addresses(place))
        return None

    def addresses(self, node: str) -> Iterator[_Held]:
        """Yield every address of *node* in a LAN, in the order of its NICs."""
        for draft in self.drafts[node]:
            for socket in draft.sockets():
                for version, addresses in socket.got.items():
                    for address in addresses:
                        yield _Held(version, address.partition("/")[0], socket.segment)


def _rule(path: Path, rule: written.Rule, book: _Book, faults: Faults) -> Rule:
    said = {
        key: _prefixes((*path, key), places, book, faults)
        for key, places in (("from", rule.source), ("to", rule.target))
    }
    versions = [{":" in each for each in prefixes} for prefixes in said.values() if prefixes]
    if versions and not set.intersection(*versions):
        problem = "what it is from and what it is to have no IP version in common"
        faults.add(path, problem, "name addresses of the same IP version")
    return Rule(
        action=ACTIONS[rule.verb],
        protocol=rule.traffic,
        sources=said["from"],
        targets=said["to"],
        ports=tuple(port_span(each) for each in rule.ports or ()),
    )


def _prefixes(
    path: Path, places: tuple[str, ...] | None, book: _Book, faults: Faults
) -> tuple[str, ...]:
    """Return what *places* stand for. To name what has no address must not mean "anywhere"."""
    found: dict[str, None] = {}
    for place in places or ():
        prefixes = book.prefixes(place)
        if prefixes == ():
            problem = f"{place} has no address, so that no packet would match"
            faults.add(path, problem, "leave it out, or give it one")
        found.update(dict.fromkeys(prefixes or ()))
    return tuple(found)


def _translation(path: Path, nat: Nat, book: _Book, faults: Faults) -> Translation:
    name = str(path[-1])
    outside = next((each for each in book.drafts[name] if each.nic.lan == nat.outside), None)
    if outside is None:  # the rules say so
        return Translation("", ())
    redirects = [
        redirect
        for index, each in enumerate(nat.forwards)
        if each.to in book.drafts
        for redirect in _redirects((*path, "forwards", index), each, outside, book, faults)
    ]
    return Translation(outside.name, tuple(redirects))


def _redirects(
    path: Path, said: written.NatForward, outside: Draft, book: _Book, faults: Faults
) -> Iterator[Redirect]:
    """Yield where a port leads: for each IP version of the outside, to one address of the node."""
    near = [id(socket.segment) for each in book.drafts[outside.node] for socket in each.sockets()]
    inside = [
        held
        for held in book.addresses(said.to)
        if held.segment is not None and held.segment is not outside.untagged.segment
    ]
    inside.sort(key=lambda held: id(held.segment) not in near)
    if not inside:
        problem = f"{said.to} has no address inside"
        fix = f"name a node with an address behind {outside.node}"
        faults.add((*path, "to"), problem, fix)
        return
    firsts = {held.version: held.address for held in reversed(inside)}
    versions = [version for version, own in outside.untagged.got.items() if own]
    if not firsts.keys() & versions:
        problem = f"{said.to} has no address of an IP version that {outside.node} has outside"
        faults.add((*path, "to"), problem, "give both an address of the same IP version")
    for version in sorted(firsts.keys() & versions):
        yield Redirect(said.protocol, said.port, firsts[version], said.to_port or said.port)
