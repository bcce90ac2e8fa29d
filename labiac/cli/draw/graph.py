"""A lab as a Graphviz graph: its DOT text, or laid out by the ``dot`` program."""

from __future__ import annotations

import graphviz

from labiac.cli.draw.topology import Bus, Link, Topology
from labiac.errors import LabError

_FONT = "Helvetica,Arial,sans-serif"
_LAN = {"fillcolor": "#dbeafe", "color": "#1d4ed8", "fontcolor": "#1e3a8a"}
_SIDE_BY_SIDE = 4
"""LANs that a slide has room for in a row."""
_BOXES = {
    "router": {"shape": "circle", "fillcolor": "#fde68a", "color": "#b45309", "width": "0.7"},
    "pc": {"shape": "box", "fillcolor": "#f3f4f6", "color": "#4b5563", "width": "0.7"},
    "host": {"shape": "box3d", "fillcolor": "#dcfce7", "color": "#15803d"},
}


def dot(topology: Topology) -> graphviz.Graph:
    """Return *topology* as a Graphviz graph; ``.source`` is its DOT text."""
    graph: graphviz.Graph = graphviz.Graph(
        topology.title,
        graph_attr={
            "label": topology.title, "labelloc": "t", "fontsize": "18", "fontname": _FONT,
            "nodesep": "0.4", "ranksep": "0.6",
        },
        node_attr={"fontname": _FONT, "style": "filled", "penwidth": "1.5", "margin": "0.12"},
        edge_attr={"fontname": _FONT, "fontsize": "10", "color": "#4b5563", "penwidth": "1.5"},
    )  # fmt: skip
    for bus in topology.buses:
        graph.node(bus.key, _bus_label(bus), shape="box", style="filled,rounded", **_LAN)
    for box in topology.boxes:
        style = "filled,dashed" if box.student else "filled"
        graph.node(box.key, box.name, style=style, **_BOXES[box.kind])
    depths = _depths(topology)
    for link in topology.links:
        upper, lower = sorted((link.bus, link.box), key=depths.__getitem__)
        style = "solid" if link.connected else "dotted"
        graph.edge(upper, lower, label=_edge_label(link), style=style)
    return graph


def _depths(topology: Topology) -> dict[str, int]:
    """Return how far below the top of the drawing each bus and box stands.

    A few LANs without a ring stand side by side. More would be too wide, and a ring would cross
    itself: the LAN in the middle of the lab is the top then, and the others grow from it.
    """
    neighbours: dict[str, list[str]] = {bus.key: [] for bus in topology.buses}
    for link in topology.links:
        neighbours[link.bus].append(link.box)
        neighbours.setdefault(link.box, []).append(link.bus)
    grown: dict[str, int] = {}
    islands = 0
    for bus in topology.buses:
        if bus.key not in grown:
            islands += 1
            island = _distances(neighbours, bus.key)
            lans = [other.key for other in topology.buses if other.key in island]
            middle = min(lans, key=lambda lan: max(_distances(neighbours, lan).values()))
            grown |= _distances(neighbours, middle)
    has_ring = len(topology.links) > len(neighbours) - islands
    if has_ring or len(topology.buses) > _SIDE_BY_SIDE:
        return grown
    return {key: depth % 2 for key, depth in grown.items()}


def _distances(neighbours: dict[str, list[str]], start: str) -> dict[str, int]:
    """Return how many links all that can be reached from *start* is away from it."""
    found, queue = {start: 0}, [start]
    for key in queue:
        for near in neighbours[key]:
            if near not in found:
                found[near] = found[key] + 1
                queue.append(near)
    return found


def rendered(topology: Topology, form: str) -> bytes:
    """Return *topology* laid out as *form*, ``svg`` or ``png``.

    Raises:
        LabError: Graphviz is not installed, or it failed.
    """
    graph = dot(topology)
    if form == "png":  # in an SVG, Graphviz would scale the drawing out of its frame
        graph.graph_attr["dpi"] = "144"
    try:
        return graph.pipe(format=form)
    except graphviz.ExecutableNotFound:
        fix = "install Graphviz (apt install graphviz), or use --format mermaid or dot"
        raise LabError("graph", "the program dot is not on PATH", fix=fix) from None
    except graphviz.CalledProcessError as error:
        raise LabError("graph", "dot failed", detail=str(error)) from None


def _bus_label(bus: Bus) -> str:
    return "\n".join((bus.name, *bus.notes))


def _edge_label(link: Link) -> str:
    # The blanks keep the text off the line, since Graphviz centres the one on the other.
    return "".join(f"  {label.full}\\l" for label in link.labels)
