"""What holds between two nodes, worked out once for all nodes of their kinds.

Nodes that differ in nothing but their address in a subnet are alike to every other: a large lab
costs a walk a subnet, not one a pair.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS, IPV4
from labiac.reach.conversation import exchange
from labiac.reach.fabric import fabric
from labiac.reach.walk import planes

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from labiac.plan.model import Plan
    from labiac.reach.conversation import Exchange
    from labiac.reach.fabric import Node
    from labiac.reach.walk import Plane, Way


REPLY = "the reply from {target}: "
"""How the reason begins where the question arrives, and the answer does not."""


class Judgement(NamedTuple):
    """What holds of every pair of two kinds.

    Args:
        ok: Whether the answer arrives.
        version: The IP version it speaks of: the first that fails, else the first; 0 is none.
        between: Names of the nodes that the packet visits after its source, but for its target.
        arrives: Whether the packet itself arrives.
        reason: Why not, to be formatted with ``source`` and ``target``, and their addresses
            ``asker`` and ``asked``; empty when `ok`.
    """

    ok: bool
    version: int
    between: tuple[str, ...]
    arrives: bool
    reason: str


class Judge:
    """Says of any two nodes of a plan whether one reaches the other."""

    def __init__(self, plan: Plan) -> None:
        self.whole = fabric(plan)
        self.planes = planes(plan, self.whole)
        self.nodes = self.planes[IPV4].nodes[:-1]
        """The machines of the plan, in its order; the host is nobody's end."""
        self._by_name = {node.name: node for node in self.nodes}
        numbers: dict[Hashable, int] = {}
        special = _special(self.planes)
        self._kinds = [
            numbers.setdefault(_kind(node, self.planes, special), len(numbers))
            for node in self.nodes
        ]
        self._known: dict[tuple[int, int], Judgement] = {}

    def node(self, name: str) -> Node:
        """Return the machine called *name*.

        Raises:
            KeyError: there is none.
        """
        return self._by_name[name]

    def kind(self, node: Node) -> int:
        """Return a number that *node* shares with those that are alike to every other node."""
        return self._kinds[node.number]

    def questions(self, source: Node, target: Node) -> Iterator[tuple[Plane, int]]:
        """Yield the addresses of *target* to ask for, in each IP version that both have."""
        for version, plane in self.planes.items():
            asked = target.primary(version)
            if asked is not None and source.primary(version) is not None:
                yield plane, asked.value

    def judgement(self, source: Node, target: Node) -> Judgement:
        """Return what holds between *source* and *target*, two nodes."""
        key = self._kinds[source.number], self._kinds[target.number]
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._judge(source, target)
        return found

    def reason(self, judgement: Judgement, source: Node, target: Node) -> str:
        """Return the reason of *judgement* for these two nodes."""
        for plane, asked in self.questions(source, target):
            if plane.version == judgement.version:
                asker = plane.source(source, asked)
                return spoken(judgement.reason, plane, (source, target), (asker, asked))
        return judgement.reason.format(source=source.name, target=target.name)

    def answers(self, name: str, address: str) -> bool:
        """Return whether *address* answers node *name*, whichever node has it.

        Nobody answers a node that is not there.
        """
        source = self._by_name.get(name)
        if source is None:
            return False
        plane = self.planes[6 if ":" in address else IPV4]
        asked = int(ipaddress.ip_address(address))
        if any(port.node == source.number for port in plane.owners.get(asked, ())):
            return True
        return exchange(plane, source, None, asked).ok

    def _judge(self, source: Node, target: Node) -> Judgement:
        found = [
            outcome(plane, exchange(plane, source, target, asked))
            for plane, asked in self.questions(source, target)
        ]
        if not found:
            reason = _strangers(source, target)
            return Judgement(ok=False, version=0, between=(), arrives=False, reason=reason)
        return next((judgement for judgement in found if not judgement.ok), found[0])


def outcome(plane: Plane, found: Exchange) -> Judgement:
    """Return what holds of an exchange on its *plane*, and of all that are alike."""
    names = tuple(plane.nodes[port.node].name for way in found.there for port in way.visits)
    if not found.back:
        reason = _reason(plane, found, found.there[-1])
        return Judgement(
            ok=False, version=plane.version, between=names, arrives=False, reason=reason
        )
    reason = "" if found.ok else REPLY + _reason(plane, found, found.back[-1])
    return Judgement(found.ok, plane.version, names[:-1], arrives=True, reason=reason)


def spoken(
    reason: str, plane: Plane, ends: tuple[Node, Node], addresses: tuple[int | None, int]
) -> str:
    """Return *reason* for these nodes, source and target, and their addresses."""
    source, target = ends
    asker, asked = addresses
    return reason.format(
        source=source.name,
        target=target.name,
        asker="" if asker is None else plane.text(asker),
        asked=plane.text(asked),
    )


def _reason(plane: Plane, found: Exchange, way: Way) -> str:
    """Return why *way*, the last of one direction, fails: with blanks for ends and addresses."""
    ends = {found.source.number: "{source}", found.target.number: "{target}"}
    addresses = {found.asker: "{asker}", found.asked: "{asked}"}

    def node(number: int) -> str:
        return ends.get(number) or plane.nodes[number].name

    def address(value: int | None) -> str:
        return addresses.get(value) or ("" if value is None else plane.text(value))

    if way.problem:
        owner = next((node(port.node) for port in plane.owners.get(way.address, ())), "")
        return way.problem.format(
            node=node(way.end),
            owner=owner,
            address=address(way.address),
            sender=address(way.sender),
            subnet=plane.subnet(way.address),
        )
    if way.end == found.source.number:
        return f"it comes from {address(way.sender)}, and {{source}} asked {{asked}}"
    return f"{node(way.end)} has {address(way.address)} too"


def _strangers(source: Node, target: Node) -> str:
    for node, name in ((source, "{source}"), (target, "{target}")):
        if not any(node.primary(version) for version in BITS):
            return f"{name} has no address"
    version = next(version for version in BITS if source.primary(version))
    return f"{{target}} has no IPv{version} address, and {{source}} no other"


def _special(planes: dict[int, Plane]) -> set[tuple[int, int]]:
    """Return the addresses, with their IP version, whose owners are like nobody else.

    Next hops, which packets of others go to, and those that more than one node has.
    """
    hops = {
        (version, entry.via)
        for version, plane in planes.items()
        for table in plane.tables
        for entries in table.entries.values()
        for entry in entries
        if entry.via is not None
    }
    shared = {(version, address) for version, plane in planes.items() for address in plane.shared}
    return hops | shared


def _kind(node: Node, planes: dict[int, Plane], special: set[tuple[int, int]]) -> Hashable:
    """Return what *node* has in common with all that are alike to others; its number if none."""
    own = [(a.subnet.version, a) for port in node.ports for a in port.addresses]
    alone = any((version, address.value) in special for version, address in own)
    if alone or node.forwards:
        return node.number
    chains = tuple(
        (planes[version].chain(address.value), planes[version].ruled(address.value))
        for version, address in own
    )
    ports = tuple(
        (port.name, port.segment, port.problem, tuple(each.subnet for each in port.addresses))
        for port in node.ports
    )
    return node.router, node.routes, ports, chains
