"""What each router says in its routing protocol: its names there, and its neighbours."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from labiac.plan.addressing import IPV4, address_text, number_of
from labiac.plan.graph import HOST, routing_of
from labiac.plan.names import digest
from labiac.plan.speaker import Peer, Speaker
from labiac.schema.lab import routes_between_lans

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from labiac.plan.graph import Graph
    from labiac.plan.routing import End
    from labiac.plan.segments import Key
    from labiac.schema.lab import Lab

PROTOCOLS: Final = frozenset({"ospf", "rip", "bgp"})
"""What `routing` may say that is a protocol."""

AS_BASE: Final = 65_000
AS_LAST: Final = 65_534
"""``r2`` has AS 65002. 64512 to 65534 are for private use, and so are those from `AS_WIDE`.

Source:
    RFC 6996.
"""
AS_WIDE: Final = 4_200_000_000
AS_WIDE_LAST: Final = 4_294_967_294


def speakers(lab: Lab, graph: Graph) -> dict[str, Speaker]:
    """Return what each node of *lab* that runs a routing protocol says in it, by name."""
    protocols = {
        name: routing
        for name, node in lab.nodes.items()
        if routes_between_lans(node) and (routing := routing_of(lab, node)) in PROTOCOLS
    }
    systems = _systems([name for name, protocol in protocols.items() if protocol == "bgp"])
    names = _router_ids(graph, protocols)
    return {
        name: Speaker(
            router_id=names[name],
            asn=systems.get(name, 0),
            peers=tuple(_peers(graph, name, systems)) if protocol == "bgp" else (),
            interfaces=tuple(own for own, addresses, _ in graph.interfaces(name) if addresses),
            patient=tuple(
                own
                for own, addresses, segment in graph.interfaces(name)
                if addresses and _has_students_router(lab, graph, segment)
            ),
        )
        for name, protocol in protocols.items()
    }


def _systems(names: list[str]) -> dict[str, int]:
    """Return a private AS number for each of *names*: its own number's, or else by hash."""
    found: dict[str, int] = {}
    for name in names:
        number = AS_BASE + (number_of(name) or 0)
        if not AS_BASE < number <= AS_LAST or number in found.values():
            number = _free(("AS", name), AS_WIDE, AS_WIDE_LAST, found.values())
        found[name] = number
    return found


def _router_ids(graph: Graph, names: Iterable[str]) -> dict[str, str]:
    """Return a name for each of *names*: its first IPv4 address, or else one by hash."""
    found: dict[str, int] = {}
    for name in names:
        own = next((end.address for end in graph.ends(name) if end.prefix.version == IPV4), 0)
        if not own or own in found.values():
            own = _free(("router", name), 1, 2**32 - 2, found.values())
        found[name] = own
    return {name: address_text(IPV4, own) for name, own in found.items()}


def _free(key: tuple[str, ...], first: int, last: int, taken: Container[int]) -> int:
    """Return a number from *first* to *last* that is not *taken*, by a hash of *key*."""
    numbers = (first + digest(*key, trial) % (last - first + 1) for trial in count())
    return next(number for number in numbers if number not in taken)


def _peers(graph: Graph, name: str, systems: dict[str, int]) -> Iterator[Peer]:
    """Yield the neighbours of BGP router *name*: each address of one that is in a subnet of its."""
    seen: set[str] = set()
    for own in graph.ends(name):
        for other in graph.on(own.segment):
            address = address_text(other.prefix.version, other.address)
            if _are_neighbours(own, other) and other.node in systems and address not in seen:
                seen.add(address)
                yield Peer(address, systems[other.node])


def _are_neighbours(own: End, other: End) -> bool:
    return own.node != other.node and own.prefix == other.prefix


def _has_students_router(lab: Lab, graph: Graph, segment: Key) -> bool:
    """Return whether a router is on *segment* whose routes are left to the student."""
    others = {end.node for end in graph.on(segment)} - {HOST}
    return any(
        routes_between_lans(lab.nodes[name]) and routing_of(lab, lab.nodes[name]) == "none"
        for name in others
    )
