"""The routing table of each node: which of its subnets and routes a packet takes.

Source:
    Linux. A connected subnet beats a static route to the same prefix; of two interfaces in one
    subnet the first is used, but IPv6 prefers the one that a packet came in by. A route whose next
    hop is in no connected subnet is refused, in IPv6 also one whose next hop has a route of its
    own. In IPv4, an own address as next hop means the link.
    Of routing protocols the table has what they agree on in the end: the shortest ways between the
    subnets of the routers that run the same one and are neighbours; nothing is redistributed.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from labiac.plan.addressing import BITS, IPV4, Prefix, address_text
from labiac.plan.routing import DEFAULT, End, shortest_paths
from labiac.reach.fabric import SMALLEST_BROADCAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.reach.fabric import Address, Fabric, Node, Port

UNIQUE_LOCAL = 0xFC >> 1
"""The first seven bits of fc00::/7, which RFC 6724 labels apart from the rest of IPv6."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a table says of one prefix.

    Args:
        to: The prefix.
        port: The interface that packets leave by.
        via: The next hop, or None: the destination is on the link.
        source: The IPv4 address that the node itself sends from on this way.
        broadcast: Whether the prefix is a subnet's broadcast address, which answers nobody.
    """

    to: Prefix
    port: Port
    via: int | None
    source: int | None
    broadcast: bool = False


@dataclass(slots=True)
class Table:
    """The routes of one node in one IP version.

    Args:
        entries: By prefix; several for subnets that more than one interface is in.
        links: The connected subnets among them.
        routed: Prefixes with a next hop.
        refused: Next hops of the routes that could not be set, by prefix.
    """

    entries: dict[Prefix, list[Entry]] = field(default_factory=dict)
    links: list[Entry] = field(default_factory=list)
    routed: list[Prefix] = field(default_factory=list)
    refused: dict[Prefix, int] = field(default_factory=dict)

    def ways(self, chain: Iterable[Prefix], came: Port | None) -> Iterator[Entry]:
        """Yield the ways of a packet, the longest prefix first. The first is the one it takes.

        Args:
            chain: Prefixes that the destination is in, the longest first.
            came: The interface that the packet came in by; None for one that starts here.
        """
        for prefix in chain:
            found = self.entries.get(prefix)
            if found:
                yield next((entry for entry in found[1:] if entry.port is came), found[0])

    def connect(self, port: Port, address: Address) -> None:
        """Add the subnet that *address* puts *port* in, with its broadcast address."""
        prefix = address.subnet
        same = self.entries.setdefault(prefix, [])
        if not same or (prefix.version != IPV4 and all(entry.port is not port for entry in same)):
            same.append(Entry(prefix, port, None, address.value))
            self.links.append(same[-1])
        if prefix.version == IPV4 and prefix.length <= SMALLEST_BROADCAST:
            last = Prefix(IPV4, prefix.last, BITS[IPV4])
            self.entries.setdefault(last, [Entry(last, port, None, None, broadcast=True)])

    def add(self, node: Node, to: Prefix, via: int | Port) -> None:
        """Add a route, unless there is one to the same prefix; note it when it is refused."""
        if to in self.entries:
            return
        if not isinstance(via, int):
            self.entries[to] = [Entry(to, via, None, _near(via, to.version))]
            return
        entry = self._through(node, to, via)
        if entry is None:
            self.refused[to] = via
        else:
            self.entries[to] = [entry]
            self.routed.append(to)

    def _through(self, node: Node, to: Prefix, via: int) -> Entry | None:
        own = next((p for p, address in node.addresses(to.version) if address.value == via), None)
        if own is not None:
            return Entry(to, own, None, via) if to.version == IPV4 else None
        link = max(
            (entry for entry in self.links if via in entry.to),
            key=lambda entry: entry.to.length,
            default=None,
        )
        if link is None or self._hidden(link.to, via):
            return None
        return Entry(to, link.port, via, _near(link.port, to.version, via))

    def _hidden(self, link: Prefix, via: int) -> bool:
        """Return whether next hop *via* cannot be one, though it is in connected subnet *link*."""
        if link.version == IPV4:
            own = self.entries.get(Prefix(IPV4, via, BITS[IPV4]))
            return own is not None and own[0].broadcast
        return any(via in to and to.length > link.length for to in self.routed)


def tables(fabric: Fabric) -> dict[int, tuple[Table, ...]]:
    """Return the table of every node, by number, for each IP version."""
    learned = _learned(fabric)
    made = {version: tuple(Table() for _ in fabric.nodes) for version in BITS}
    for node in fabric.nodes:
        for port in node.ports:
            for address in port.addresses:
                made[address.subnet.version][node.number].connect(port, address)
        named = {port.name: port for port in node.ports}
        for route in node.routes:
            to = _prefix(route.to)
            made[to.version][node.number].add(node, to, named.get(route.via) or _value(route.via))
        for to, via in learned.get(node.name, {}).items():
            made[to.version][node.number].add(node, to, via)
    return made


def source_of(node: Node, entry: Entry, destination: int) -> int | None:
    """Return the address that *node* sends from to *destination*, or None: it has none.

    Source:
        RFC 6724, section 5, of which rules 5, 6 and 8 can differ in a lab: the interface that the
        packet leaves by, the label, the longest common prefix.
    """
    version = entry.to.version
    if version == IPV4:
        return entry.source
    leaving = [address for address in entry.port.addresses if address.subnet.version == version]
    anywhere = [address for _, address in node.addresses(version)]

    def score(address: Address) -> tuple[bool, int]:
        common = BITS[version] - (address.value ^ destination).bit_length()
        return _label(address.value) == _label(destination), min(common, address.subnet.length)

    best = max(leaving or anywhere, key=score, default=None)
    return best.value if best else None


def masquerade(node: Node, entry: Entry, destination: int) -> int | None:
    """Return the address that NAT *node* gives a packet to *destination* that leaves by *entry*.

    Source:
        Linux. IPv4: the address of that interface which is in the next hop's subnet, or else its
        first. IPv6: the one that the node itself would send from.
    """
    if entry.to.version != IPV4:
        return source_of(node, entry, destination)
    return _near(entry.port, IPV4, destination if entry.via is None else entry.via)


class Classes:
    """Which of the lab's prefixes an address is in: what its way depends on, or what rules see."""

    def __init__(self, prefixes: Iterable[Prefix], version: int) -> None:
        self._bits = BITS[version]
        self._by_length: dict[int, dict[int, Prefix]] = defaultdict(dict)
        for prefix in prefixes:
            self._by_length[prefix.length][prefix.first] = prefix
        self._lengths = sorted(self._by_length, reverse=True)
        self._chains: dict[int, tuple[Prefix, ...]] = {}

    def chain(self, address: int) -> tuple[Prefix, ...]:
        """Return the prefixes that *address* is in, the longest first."""
        found = self._chains.get(address)
        if found is None:
            found = self._chains[address] = tuple(self._containing(address))
        return found

    def _containing(self, address: int) -> Iterable[Prefix]:
        for length in self._lengths:
            step = self._bits - length
            prefix = self._by_length[length].get(address >> step << step)
            if prefix is not None:
                yield prefix


def gateway_of(node: Node, table: Table, version: int) -> str:
    """Return why *node*, without a route to somewhere, may lack it, in brackets, or nothing."""
    via = table.refused.get(DEFAULT[version])
    if via is None:
        return "" if node.router else " (no gateway)"
    return f" (its gateway {address_text(version, via)} is {refusal(node, table, version, via)})"


def refusal(node: Node, table: Table, version: int, via: int) -> str:
    """Return why the table of *node* refuses next hop *via*: what that is."""
    if any(address.value == via for _, address in node.addresses(version)):
        return "its own address"
    if any(via in entry.to for entry in table.links):
        return "a broadcast address"
    return "in none of its subnets"


def _learned(fabric: Fabric) -> Mapping[str, Mapping[Prefix, int]]:
    ends: dict[str, list[End]] = defaultdict(list)
    for domain, ports in fabric.members.items():
        for port in ports:
            node = fabric.nodes[port.node]
            ends[node.routing] += [
                End(node.name, domain, address.value, address.subnet) for address in port.addresses
            ]
    found: dict[str, dict[Prefix, int]] = {}
    for protocol in ("ospf", "rip", "bgp"):
        found |= shortest_paths(ends[protocol], {})
    return found


@lru_cache(maxsize=4096)
def _prefix(text: str) -> Prefix:
    return Prefix.parse(text)


@lru_cache(maxsize=4096)
def _value(text: str) -> int:
    return int(ipaddress.ip_address(text))


def _near(port: Port, version: int, hop: int | None = None) -> int | None:
    """Return the address of *port* to send from to *hop*: of its subnet, or else the first."""
    own = [address for address in port.addresses if address.subnet.version == version]
    near = [address for address in own if hop is not None and hop in address.subnet]
    return (near or own)[0].value if own else None


def _label(address: int) -> bool:
    return address >> (BITS[6] - 7) == UNIQUE_LOCAL
