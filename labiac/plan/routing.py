"""Shortest-path static routes of every router, computed from the graph.

The graph's routers are nodes that forward; they are neighbours where both have an address of the
same prefix on the same segment. A NAT hides what is behind it: on its outside nobody goes by it.
Every hop costs one. Of several shortest ways the one through the node that stands first in the lab
file is taken, so the same file always gives the same routes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.plan.addressing import Prefix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

DEFAULT = {4: Prefix(4, 0, 0), 6: Prefix(6, 0, 0)}
"""The destination "everywhere else", by IP version."""


Segment = tuple[str, str | None]
"""What stands for a broadcast domain: a LAN, and the VLAN in it or None."""


@dataclass(frozen=True, slots=True)
class End:
    """One address of one node on one segment.

    Args:
        node: Name of the node.
        segment: The broadcast domain that it is on.
        address: The address, as a number.
        prefix: The subnet that the node believes to be in.
    """

    node: str
    segment: Segment
    address: int
    prefix: Prefix


Link = tuple[Segment, Prefix]
"""A segment and one subnet on it: routers that share it are neighbours."""
NextHops = dict[str, dict[Prefix, int]]
"""Of each router, the address of the next hop to each prefix that it is not itself in."""


def shortest_paths(
    ends: Iterable[End],
    exits: Mapping[int, str],
    hidden: Collection[tuple[str, Segment]] = (),
) -> NextHops:
    """Return the next hops of every router to every subnet that a router is in.

    Args:
        ends: Addresses of the routers, in the order of the lab file.
        exits: Of each IP version, the router through which everywhere else is reached.
        hidden: NATs, each with the segment on which nobody shall go by it.
    """
    members: dict[Link, list[End]] = defaultdict(list)
    links: dict[str, list[Link]] = defaultdict(list)
    hops: NextHops = {}
    for end in ends:
        link = (end.segment, end.prefix)
        members[link].append(end)
        hops.setdefault(end.node, {})
        if (end.node, end.segment) not in hidden:
            links[end.node].append(link)
    roots: dict[Prefix, list[str]] = defaultdict(list)
    for (_, prefix), there in members.items():
        roots[prefix] += [end.node for end in there]
    for version, node in exits.items():
        roots[DEFAULT[version]].append(node)
    for prefix, nodes in roots.items():
        for node, via in _towards(nodes, prefix.version, members, links).items():
            hops[node][prefix] = via
    return hops


def _towards(
    roots: list[str],
    version: int,
    members: Mapping[Link, list[End]],
    links: Mapping[str, list[Link]],
) -> dict[str, int]:
    """Return, of every router that is not one of *roots*, its next hop towards the nearest."""
    seen = set(roots)
    done: set[Link] = set()
    found: dict[str, int] = {}
    queue = deque(dict.fromkeys(roots))
    while queue:
        node = queue.popleft()
        for link in links[node]:
            if link in done or link[1].version != version:
                continue
            done.add(link)
            via = next(end.address for end in members[link] if end.node == node)
            for end in members[link]:
                if end.node not in seen:
                    seen.add(end.node)
                    found[end.node] = via
                    queue.append(end.node)
    return found


def sorted_routes(routes: Mapping[Prefix, str]) -> list[tuple[str, str]]:
    """Return (destination, next hop) as text, sorted by IP version and destination."""
    order = sorted(routes, key=lambda prefix: (prefix.version, prefix.first, prefix.length))
    return [(str(prefix), routes[prefix]) for prefix in order]
