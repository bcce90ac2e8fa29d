"""The way of a packet: from node to node, until it arrives, or until one does not know further."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS, IPV4, Prefix, address_text
from labiac.reach.boxes import THE_HOST, boxes
from labiac.reach.fabric import segment_name
from labiac.reach.tables import Classes, gateway_of, source_of, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.model import Plan
    from labiac.reach.boxes import Box
    from labiac.reach.fabric import Fabric, Node, Port
    from labiac.reach.tables import Entry, Table

TTL = 64
"""What a packet starts with on Linux; each router takes one, and drops what would be left 0."""
EXPIRED = f"the TTL of {TTL} runs out at {{node}}"


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a packet to a class of addresses comes.

    Args:
        visits: The interfaces that it comes in by, in order; the first node is not among them.
        last: The way out of the last node when the destination should be on the link there.
        problem: Else why it ends there, to be formatted with ``node``, the last one's name, and
            ``owner``, ``address`` and ``subnet`` of the destination.
    """

    visits: tuple[Port, ...]
    last: Entry | None
    problem: str


class Act(NamedTuple):
    """What a firewall or NAT did with a packet.

    Args:
        hop: Which node of the way did so: 0 is the one where it starts.
        rule: What decided: ``rule 2``, ``policy``, ``known``; empty where nothing is filtered.
        source: The packet's new source address, or None: it stays.
        target: Its new destination, or None.
    """

    hop: int
    rule: str
    source: int | None
    target: int | None


@dataclass(frozen=True, slots=True)
class Way:
    """The way of a packet to one address, one way only.

    Args:
        start: The node that sends it.
        came: The interface that it came in by there, or the question that it answers; else None.
        forwarded: Whether it is that packet itself that came in: a NAT there turned its
            destination into `address`.
        address: Where it goes.
        visits: The interfaces that it comes in by, in order.
        problem: Why it does not arrive (see `Walk`), or the empty string. Also in its blanks may
            be ``sender``, the address that it comes from.
        flooded: Whether it goes out to all on the link, as `start` takes the address for its
            subnet's broadcast address.
        sender: The address that it comes from, where it ends.
        acts: What middleboxes did with it.
    """

    start: Node
    came: Port | None
    forwarded: bool
    address: int
    visits: tuple[Port, ...]
    problem: str
    flooded: bool = False
    sender: int | None = None
    acts: tuple[Act, ...] = ()

    def cut(self, hops: int, problem: str) -> Way:
        """Return the way where it ends after *hops* visits, for *problem*."""
        return replace(self, visits=self.visits[:hops], problem=problem)

    def at(self, hop: int) -> int:
        """Return the number of the node that it visits as number *hop*; 0 is its start."""
        return self.visits[hop - 1].node if hop else self.start.number

    @property
    def end(self) -> int:
        """The number of the node where it ends."""
        return self.at(len(self.visits))


@dataclass(frozen=True, slots=True)
class Step:
    """What one node does to send a packet on, be it that it can or not.

    Args:
        node: The node.
        came: The interface that the packet, or the question that it answers, came in by.
        ways: What its table says of the destination, the way it takes first; empty where it lets
            the packet through to none.
        asks: The address that it looks for on the link.
        to: The interface where that answers, or None: the packet comes no further.
    """

    node: Node
    came: Port | None
    ways: tuple[Entry, ...]
    asks: int
    to: Port | None


class Plane:
    """The forwarding plane of a lab: everything that decides about packets of one IP version."""

    def __init__(
        self, version: int, fabric: Fabric, made: tuple[Table, ...], filters: Mapping[str, Box]
    ) -> None:
        self.version = version
        self.nodes = fabric.nodes
        self.bridges = fabric.bridges
        self.tables = made
        names = [*(node.name for node in self.nodes[:-1]), THE_HOST]
        self.boxes = {at: filters[name] for at, name in enumerate(names) if name in filters}
        self.owners: dict[int, list[Port]] = {}
        for node in self.nodes:
            for port, address in node.addresses(version):
                self.owners.setdefault(address.value, []).append(port)
        self.shared = {address for address, ports in self.owners.items() if len(ports) > 1}
        """Addresses that several interfaces have."""
        self._classes = Classes((prefix for table in made for prefix in table.entries), version)
        ruled = (prefix for box in filters.values() for prefix in box.prefixes())
        self._ruled = Classes(ruled, version)
        answers = {domain: fabric.answers(domain, version) for domain in fabric.members}
        self._answers = {
            port.segment: answers.get(fabric.bridges.domain(port.segment), {})
            for node in self.nodes
            for port in node.ports
            if port.segment is not None
        }
        self._walks: dict[tuple[int, tuple[Prefix, ...], Port | None, bool], Walk] = {}

    def chain(self, address: int) -> tuple[Prefix, ...]:
        """Return the prefixes of the lab that *address* is in, the longest first."""
        return self._classes.chain(address)

    def ruled(self, address: int) -> tuple[Prefix, ...]:
        """Return the prefixes of firewalls' rules that *address* is in."""
        return self._ruled.chain(address)

    def has(self, node: int, address: int) -> bool:
        """Return whether *address* is one of the node of that number."""
        return any(port.node == node for port in self.owners.get(address, ()))

    def text(self, address: int) -> str:
        """Return *address* as people write it."""
        return address_text(self.version, address)

    def source(self, node: Node, destination: int) -> int | None:
        """Return the address that *node* sends from to *destination*, or None: it has no route."""
        entry = self.entry(node, destination, None)
        return source_of(node, entry, destination) if entry else None

    def subnet(self, address: int) -> Prefix:
        """Return the subnet that the owner of *address* says it is in; of nobody's, itself."""
        for port in self.owners.get(address, ()):
            return next(each.subnet for each in port.addresses if each.value == address)
        return Prefix(self.version, address, BITS[self.version])

    def way(
        self, start: Node, address: int, came: Port | None = None, *, forwarded: bool = False
    ) -> Way:
        """Return the way of a packet from *start* to *address*, which is not its own.

        Args:
            start: The node that sends it.
            address: Its destination.
            came: The interface by which the packet, or the question that it answers, came in.
            forwarded: Whether it is the packet that came in, and not an answer.
        """
        walk = self._walk(start, self.chain(address), came, forwarded=forwarded)
        flooded = not walk.visits and walk.last is not None and walk.last.broadcast
        visits, problem = self._met(walk, address)
        return Way(start, came, forwarded, address, visits, problem, flooded)

    def _met(self, walk: Walk, address: int) -> tuple[tuple[Port, ...], str]:
        """Return how far a packet to *address* comes on *walk*, and why no further, if it ends."""
        holders = {port.node for port in self.owners.get(address, ())}
        for count, port in enumerate(walk.visits, start=1):
            if port.node in holders:
                return walk.visits[:count], ""
        if walk.last is None:
            return walk.visits, walk.problem
        found = self._neighbour(walk.last.port, address)
        if found is None:
            return walk.visits, self._silence(walk.last.port, address, hop=False)
        return (*walk.visits, found), ""

    def steps(self, way: Way) -> Iterator[Step]:
        """Yield what each node does that sends a packet on *way*, from its start on."""
        nodes = [way.start, *(self.nodes[port.node] for port in way.visits)]
        targets = way.visits if not way.problem else (*way.visits, None)
        for hops, to in enumerate(targets):
            node, by = nodes[hops], way.visits[hops - 1] if hops else way.came
            ways = self.ways(node, way.address, by)
            passing = by if hops or way.forwarded else None
            refused = self._refusal(node, passing, next(iter(ways), None), hops)
            if to is None and (refused or node in nodes[:hops]):
                ways = ()
            asks = way.address if not ways or ways[0].via is None else ways[0].via
            yield Step(node, by, ways, asks, to)

    def ways(self, node: Node, address: int, came: Port | None) -> tuple[Entry, ...]:
        """Return what the table of *node* says of *address*: the way it takes, then the others."""
        first = self.entry(node, address, came)
        if first is None:
            return ()
        others = self.tables[node.number].ways(self.chain(address), came)
        return (first, *(entry for entry in others if entry is not first))

    def entry(self, node: Node, address: int, came: Port | None) -> Entry | None:
        """Return the way that *node* chooses to *address*, or None: it has no route."""
        return self._entry(node, self.chain(address), came)

    def _entry(self, node: Node, chain: tuple[Prefix, ...], came: Port | None) -> Entry | None:
        """Return the way that *node* chooses for a class of addresses, or None.

        In IPv6 a node that does not forward passes over next hops that do not answer, as long as
        there is another way (Linux; RFC 4191, 3.2).
        """
        ways = self.tables[node.number].ways(chain, came)
        first = next(ways, None)
        if self.version == IPV4 or first is None or first.via is None or node.forwards:
            return first
        live = (
            entry
            for entry in (first, *ways)
            if entry.via is None or self._neighbour(entry.port, entry.via)
        )
        return next(live, first)

    def _neighbour(self, out: Port, address: int) -> Port | None:
        if out.problem or out.segment is None:
            return None
        return self._answers[out.segment].get(address)

    def _silence(self, out: Port, wanted: int, *, hop: bool) -> str:
        """Return why nobody answers for *wanted*, a next hop or the destination, out there."""
        if out.problem or out.segment is None:
            return out.problem
        for port in self.owners.get(wanted, ()):
            if port.problem:
                owner = self.nodes[port.node].name if hop else "{owner}"
                return port.problem.replace("{node}", owner)
        text = self.text(wanted) if hop else "{address}"
        return f"nobody on {segment_name(out.segment)} answers for {text}"

    def _walk(
        self, start: Node, chain: tuple[Prefix, ...], came: Port | None, *, forwarded: bool
    ) -> Walk:
        key = start.number, chain, came, forwarded
        found = self._walks.get(key)
        if found is None:
            found = self._walks[key] = self._new_walk(start, chain, came, forwarded=forwarded)
        return found

    def _new_walk(
        self, start: Node, chain: tuple[Prefix, ...], came: Port | None, *, forwarded: bool
    ) -> Walk:
        entry = self._entry(start, chain, came)
        if came is not None and not forwarded and entry is not None and entry.broadcast:
            return Walk((), entry, "")  # an answer goes out to all, unlike a question
        visits: list[Port] = []
        node = start
        while True:
            entry = self._entry(node, chain, came)
            passing = came if visits or forwarded else None
            problem = self._refusal(node, passing, entry, len(visits))
            if problem or entry is None:
                return Walk(tuple(visits), None, problem)
            if entry.via is None:
                return Walk(tuple(visits), entry, "")
            hop = self._neighbour(entry.port, entry.via)
            if hop is None:
                return Walk(tuple(visits), None, self._silence(entry.port, entry.via, hop=True))
            visits.append(hop)
            if visits.count(hop) > 1:
                return self._loop(start, visits)
            node, came = self.nodes[hop.node], hop

    def _loop(self, start: Node, visits: list[Port]) -> Walk:
        """Return the walk up to the first node that is visited again."""
        numbers = [start.number, *(port.node for port in visits)]
        end = next(at for at, number in enumerate(numbers) if number in numbers[:at])
        loop = numbers[numbers.index(numbers[end]) : end + 1]
        names = " -> ".join(self.nodes[number].name for number in loop)
        return Walk(tuple(visits[:end]), None, f"loop: {names}")

    def _refusal(self, node: Node, came: Port | None, entry: Entry | None, hops: int) -> str:
        """Return why *node* lets no packet through that came in by *came*, or nothing."""
        if came is not None and not came.forwards:
            return _no_router(node, came)
        if hops >= TTL:
            return EXPIRED
        if entry is None:
            what = "{subnet}" if node.router else "{address}"
            hint = gateway_of(node, self.tables[node.number], self.version)
            return f"{{node}} has no route to {what}{hint}"
        if entry.broadcast:
            return "{address} is a broadcast address to {node}"
        return ""


def planes(plan: Plan, whole: Fabric) -> dict[int, Plane]:
    """Return the forwarding plane of *plan*, whose fabric is *whole*, in each IP version."""
    return {
        version: Plane(version, whole, made, boxes(plan, version))
        for version, made in tables(whole).items()
    }


def _no_router(node: Node, came: Port) -> str:
    if node.forwards and came.segment is not None:
        return f"{{node}} does not route {segment_name(came.segment)}"
    return "{node} does not forward" + ("" if node.router else " (it is a PC)")
