"""A lab as a Mermaid flowchart, for Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.cli.draw.topology import Box, Bus, Link, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.cli.draw.marked import Marks

_STYLES = (
    "classDef lan fill:#dbeafe,stroke:#1d4ed8,color:#1e3a8a",
    "classDef router fill:#fde68a,stroke:#b45309,color:#451a03",
    "classDef pc fill:#f3f4f6,stroke:#4b5563,color:#111827",
    "classDef host fill:#dcfce7,stroke:#15803d,color:#14532d",
    "classDef student stroke-width:3px,stroke-dasharray:6 3",
)
_MARKS = {
    "added": "stroke:#15803d,stroke-width:4px",
    "removed": "stroke:#b91c1c,stroke-width:2px,stroke-dasharray:2 4",
    "changed": "stroke:#7e22ce,stroke-width:4px",
}


def mermaid(topology: Topology, marks: Marks | None = None) -> str:
    """Return *topology* as the text of a Mermaid flowchart, with a newline at its end.

    Args:
        topology: What to draw.
        marks: What was added, removed or changed, by the keys of buses and boxes, and of links:
            box and bus.
    """
    keys = [*(bus.key for bus in topology.buses), *(box.key for box in topology.boxes)]
    # Mermaid's own words (end, graph) are names of nodes too, so nodes are called by number.
    ids = {key: f"n{number}" for number, key in enumerate(keys)}
    lines = ["---", f"title: {topology.title}", "---", "flowchart LR"]
    lines += [f"    {ids[bus.key]}{_bus(bus)}" for bus in topology.buses]
    lines += [f"    {ids[box.key]}{_box(box)}" for box in topology.boxes]
    lines += [f"    {ids[link.bus]} {_edge(link)} {ids[link.box]}" for link in topology.links]
    lines += [f"    {style}" for style in _STYLES]
    owned = [ids[box.key] for box in topology.boxes if box.student]
    if owned:
        lines.append(f"    class {','.join(owned)} student")
    lines += [f"    {line}" for line in _marked(topology, ids, marks or {})]
    return "\n".join(lines) + "\n"


def _marked(topology: Topology, ids: dict[str, str], marks: Marks) -> Iterator[str]:
    for mark, style in _MARKS.items():
        nodes = [name for key, name in ids.items() if marks.get(key) == mark]
        if nodes:
            yield f"classDef {mark} {style}"
            yield f"class {','.join(nodes)} {mark}"
        links = enumerate(topology.links)
        numbers = [str(at) for at, link in links if marks.get((link.box, link.bus)) == mark]
        if numbers:
            yield f"linkStyle {','.join(numbers)} {style}"


def _bus(bus: Bus) -> str:
    notes = "".join(f"<br/>{_text(note)}" for note in bus.notes)
    return f'(["<b>{_text(bus.name)}</b>{notes}"]):::lan'


def _box(box: Box) -> str:
    left, right = {"router": ("((", "))"), "pc": ("[", "]"), "host": ("[[", "]]")}[box.kind]
    return f'{left}"{box.name}"{right}:::{box.kind}'


def _edge(link: Link) -> str:
    line = "---" if link.connected else "-.-"
    text = "<br/>".join(label.full for label in link.labels)
    return f'{line}|"{text}"|' if text else line


def _text(text: str) -> str:
    """Return *text*, which may be any (a driver's name), so that nothing in it is markup."""
    return "".join(f"#{ord(char)};" if char in '#&"<>' else char for char in text)
