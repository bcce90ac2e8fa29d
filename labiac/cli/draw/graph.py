"""A lab as a Graphviz graph: its DOT text, or laid out by the ``dot`` program.

The graph grows from left to right: cables end at the sides of buses and nodes, so what hangs below
a bus is in nobody's way. Graphviz's other engines know no sides; their lines wind around the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import graphviz

from labiac.cli.draw.labels import BUS, NAME, Labels
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.cli.draw.picture import Picture
    from labiac.cli.draw.topology import Box, Bus, Link, Topology

_FONT = "Helvetica,Arial,sans-serif"
_FULL_MAX = 16
"""Nodes that a page has room for with their addresses in full."""
_ROW_MAX = 5
"""LANs that a page has room for in one row."""


def dot(picture: Picture, heights: Mapping[str, float] | None = None) -> graphviz.Graph:
    """Return *picture* as a Graphviz graph; ``.source`` is its DOT text.

    Args:
        picture: What to draw.
        heights: How high each LAN came to lie when it was laid out before, if it was: the NICs of
            a node follow, so that their cables do not cross.
    """
    what = picture.topology
    labels = Labels(picture, short=len(what.boxes) > _FULL_MAX)
    graph: graphviz.Graph = graphviz.Graph(
        what.title,
        graph_attr={
            "rankdir": "LR", "nodesep": "0.3", "ranksep": "0.5", "pad": "0.2", "bgcolor": "white",
            "label": labels.head(), "labelloc": "t", "labeljust": "l",
            "fontname": _FONT, "fontsize": "12",
        },
        node_attr={"shape": "plain", "fontname": _FONT, "fontsize": "12"},
        edge_attr={"penwidth": "2"},
    )  # fmt: skip
    hung = {box.key: link for box in what.boxes if (link := _only(what, box))}
    for bus in what.buses:
        graph.node(bus.key, labels.bus(bus, _hanging(what, bus, hung)))
    depths = _depths(what, [link for link in what.links if link.box not in hung])
    for box in what.boxes:
        if box.key not in hung:
            links = list(what.links_of(box.key))
            links.sort(key=lambda link: -(heights or {}).get(link.bus, 0))
            left = [link for link in links if depths[link.bus] < depths[box.key]]
            right = [link for link in links if link not in left]
            graph.node(box.key, labels.box(box, left, right))
            for link in links:
                _cable(graph, link, labels.cable(link), leftwards=link in left)
    return graph


def _only(what: Topology, box: Box) -> Link | None:
    """Return the one link of a PC that has no other, so that it can hang on its LAN."""
    links = what.links_of(box.key)
    return links[0] if box.kind == "pc" and len(links) == 1 else None


def _hanging(what: Topology, bus: Bus, hung: Mapping[str, Link]) -> list[tuple[Box, Link]]:
    return [
        (box, hung[box.key])
        for box in what.boxes
        if box.key in hung and hung[box.key].bus == bus.key
    ]


def _cable(graph: graphviz.Graph, link: Link, colour: str, *, leftwards: bool) -> None:
    port = link.bus if link.labels else NAME
    style = "solid" if link.connected else "dotted"
    if leftwards:
        graph.edge(f"{link.bus}:{BUS}:e", f"{link.box}:{port}:w", color=colour, style=style)
    else:
        graph.edge(f"{link.box}:{port}:e", f"{link.bus}:{BUS}:w", color=colour, style=style)


def _depths(what: Topology, links: list[Link]) -> dict[str, int]:
    """Return how far from the left of the drawing each bus stands, and each box with *links*.

    A few LANs in a row begin with the first of them. Others would be too wide: the LAN in the
    middle of the lab is at the left then, and the others grow from it.
    """
    neighbours: dict[str, list[str]] = {bus.key: [] for bus in what.buses}
    for link in links:
        neighbours[link.bus].append(link.box)
        neighbours.setdefault(link.box, []).append(link.bus)
    depths: dict[str, int] = {}
    for bus in what.buses:
        if bus.key not in depths:
            island = _distances(neighbours, bus.key)
            lans = [other.key for other in what.buses if other.key in island]
            far = {lan: max(_distances(neighbours, lan).values()) for lan in lans}
            row = len(lans) <= _ROW_MAX and all(len(neighbours[key]) <= 2 for key in island)  # noqa: PLR2004 -- the neighbours on both sides
            start = (max if row else min)(lans, key=far.__getitem__)
            depths |= _distances(neighbours, start)
    return depths


def _distances(neighbours: Mapping[str, list[str]], start: str) -> dict[str, int]:
    """Return how many links all that can be reached from *start* is away from it."""
    found, queue = {start: 0}, [start]
    for key in queue:
        for near in neighbours[key]:
            if near not in found:
                found[near] = found[key] + 1
                queue.append(near)
    return found


def rendered(picture: Picture, form: str) -> bytes:
    """Return *picture* laid out as *form*, ``svg`` or ``png``.

    Raises:
        LabError: Graphviz is not installed, or it failed.
    """
    try:
        graph = dot(picture, _heights(dot(picture).pipe(format="plain").decode()))
        if form == "png":  # in an SVG, Graphviz would scale the drawing out of its frame
            graph.graph_attr["dpi"] = "144"
        return graph.pipe(format=form)
    except graphviz.ExecutableNotFound:
        fix = "install Graphviz (apt install graphviz), or use --format mermaid or dot"
        raise LabError("graph", "the program dot is not on PATH", fix=fix) from None
    except graphviz.CalledProcessError as error:
        raise LabError("graph", "dot failed", detail=str(error)) from None


def _heights(plain: str) -> dict[str, float]:
    """Return the height of each node in a layout that is told in Graphviz's plain format."""
    rows = (line.split() for line in plain.splitlines() if line.startswith("node "))
    return {row[1].strip('"'): float(row[3]) for row in rows}
