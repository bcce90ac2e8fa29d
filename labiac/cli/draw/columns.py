"""Where the parts of a lab stand in a drawing that goes from left to right: in which column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from labiac.cli.draw.topology import Topology

_ROW_MAX = 4
"""LANs that a page has room for in one row."""
_TALL = 2.5
"""So many times as many parts in a column as there are columns are too tall for a page."""

Neighbours = dict[str, list[str]]


def columns(what: Topology) -> dict[str, int]:
    """Return the column of each bus, and of each box that does not just hang on one.

    Each link leads from one column to the next. A few LANs in a row begin with an end of it. Other
    labs would be too wide: what is in the middle of them comes first, and the rest grows from it to
    the right; to both sides, where one would be too tall.
    """
    buses, hung = [bus.key for bus in what.buses], what.hanging()
    neighbours: Neighbours = {bus: [] for bus in buses}
    for link in what.links:
        if link.box not in hung:
            neighbours[link.bus].append(link.box)
            neighbours.setdefault(link.box, []).append(link.bus)
    found: dict[str, int] = {}
    for bus in buses:
        if bus not in found:
            island = _distances(neighbours, bus)
            found |= _island({key: neighbours[key] for key in neighbours if key in island}, buses)
    return found


def _island(neighbours: Neighbours, buses: Collection[str]) -> dict[str, int]:
    """Return the columns of *neighbours*, which all hang together; some of them are *buses*."""
    away = {key: _distances(neighbours, key) for key in neighbours}
    far = {key: max(away[key].values()) for key in away}
    lans = [key for key in neighbours if key in buses]
    if len(lans) <= _ROW_MAX and all(len(nears) <= 2 for nears in neighbours.values()):  # noqa: PLR2004 -- one on each side
        return away[max(lans, key=far.__getitem__)]
    middle = min(far, key=far.__getitem__)
    depths = away[middle]
    if max(Counter(depths.values()).values()) <= _TALL * (1 + far[middle]):
        return depths
    return _both_sides(depths, list(_branches(neighbours, middle)))


def _both_sides(depths: Mapping[str, int], branches: Sequence[set[str]]) -> dict[str, int]:
    """Return *depths* with about half of the *branches* on the other side of the middle."""
    left: set[str] = set()
    right: set[str] = set()
    for branch in branches:
        lighter = min((right, left), key=len)
        lighter |= branch
    return {key: -depth if key in left else depth for key, depth in depths.items()}


def _branches(neighbours: Neighbours, middle: str) -> Iterator[set[str]]:
    """Yield what hangs together when *middle* is taken away."""
    rest = {key: [near for near in nears if near != middle] for key, nears in neighbours.items()}
    seen: set[str] = set()
    for start in neighbours[middle]:
        if start not in seen:
            branch = set(_distances(rest, start))
            seen |= branch
            yield branch


def _distances(neighbours: Mapping[str, list[str]], start: str) -> dict[str, int]:
    """Return how many links all that can be reached from *start* is away from it."""
    found, queue = {start: 0}, [start]
    for key in queue:
        for near in neighbours[key]:
            if near not in found:
                found[near] = found[key] + 1
                queue.append(near)
    return found
