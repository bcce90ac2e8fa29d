"""A lab as a Graphviz graph: its DOT text, or laid out by the ``dot`` program.

The graph grows from left to right: cables end at the sides of buses and nodes, so what hangs below
a bus is in nobody's way. Graphviz's other engines know no sides; their lines wind around the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import graphviz

from labiac.cli.draw.columns import columns
from labiac.cli.draw.labels import BUS, NAME, Labels
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.cli.draw.picture import Picture
    from labiac.cli.draw.topology import Box, Bus, Link, Topology

_FONT = "Helvetica,Arial,sans-serif"
_FULL_MAX = 16
"""Nodes that a page has room for with their addresses in full."""


def dot(
    picture: Picture, heights: Mapping[str, float] | None = None, *, nics: bool = True
) -> graphviz.Graph:
    """Return *picture* as a Graphviz graph; ``.source`` is its DOT text.

    Args:
        picture: What to draw.
        heights: How high each LAN came to lie when it was laid out before, if it was: the NICs of
            a node follow, so that their cables do not cross.
        nics: Whether cables end at NICs, whose order binds Graphviz, or just at the node.
    """
    what = picture.topology
    labels = Labels(picture, short=len(what.boxes) > _FULL_MAX)
    graph: graphviz.Graph = graphviz.Graph(
        what.title,
        graph_attr={
            "rankdir": "LR", "splines": "polyline", "nodesep": "0.3", "ranksep": "0.6",
            "pad": "0.2", "bgcolor": "white",
            "label": labels.head(), "labelloc": "t", "labeljust": "l",
            "fontname": _FONT, "fontsize": "12",
        },
        node_attr={"shape": "plain", "fontname": _FONT, "fontsize": "12"},
        edge_attr={"penwidth": "2"},
    )  # fmt: skip
    hung = what.hanging()
    for bus in what.buses:
        graph.node(bus.key, labels.bus(bus, _hanging(what, bus, hung)))
    place = columns(what)
    for box in what.boxes:
        if box.key not in hung:
            links = list(what.links_of(box.key))
            links.sort(key=lambda link: -(heights or {}).get(link.bus, 0))
            left = [link for link in links if place[link.bus] < place[box.key]]
            right = [link for link in links if link not in left]
            graph.node(box.key, labels.box(box, left, right))
            for link in links:
                port = link.bus if nics and link.labels else NAME
                ends = [f"{link.box}:{port}", f"{link.bus}:{BUS}"]
                tail, head = reversed(ends) if link in left else ends
                graph.edge(f"{tail}:e", f"{head}:w", **labels.cable(link))
    return graph


def _hanging(what: Topology, bus: Bus, hung: Mapping[str, Link]) -> list[tuple[Box, Link]]:
    return [
        (box, hung[box.key])
        for box in what.boxes
        if box.key in hung and hung[box.key].bus == bus.key
    ]


def rendered(picture: Picture, form: str) -> bytes:
    """Return *picture* laid out as *form*, ``svg`` or ``png``.

    Raises:
        LabError: Graphviz is not installed, or it failed.
    """
    try:
        graph = dot(picture, _heights(dot(picture, nics=False).pipe(format="plain").decode()))
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
