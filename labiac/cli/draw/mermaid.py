"""A lab as a Mermaid flowchart, for Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labiac.cli.draw.columns import columns
from labiac.cli.draw.palette import DASHED, KINDS, LAN, MARKS, PLAIN, TEXT
from labiac.cli.draw.topology import ROLES, Box, BoxKind, Bus, Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.cli.draw.picture import Picture

_SHAPES: dict[BoxKind, tuple[str, str]] = {
    "router": ("((", "))"), "firewall": ("{{", "}}"), "nat": ("[/", "\\]"), "bridge": ("[/", "/]"),
    "ids": (">", "]"), "trunk": ("([", "])"), "pc": ("[", "]"), "host": ("[[", "]]"),
}  # fmt: skip
_STUDENT = "classDef student stroke-width:3px,stroke-dasharray:6 3"


def mermaid(picture: Picture) -> str:
    """Return *picture* as the text of a Mermaid flowchart, with a newline at its end."""
    topology = picture.topology
    keys = [*(bus.key for bus in topology.buses), *(box.key for box in topology.boxes)]
    # Mermaid's own words (end, graph) are names of nodes too, so nodes are called by number.
    ids = {key: f"n{number}" for number, key in enumerate(keys)}
    lines = ["---", f"title: {_title(picture)}", "---", "flowchart LR"]
    lines += [f"    {ids[bus.key]}{_bus(bus)}" for bus in topology.buses]
    hung, place = topology.hanging(), columns(topology)
    lines += [f"    {ids[box.key]}{_box(box, hung.get(box.key))}" for box in topology.boxes]
    for link in topology.links:
        ends = [ids[link.bus], ids[link.box]]
        if link.box not in hung and place[link.box] < place[link.bus]:
            ends.reverse()  # Mermaid, too, puts what comes first to the left
        lines.append(f"    {ends[0]} {_edge(link, told=link.box not in hung)} {ends[1]}")
    lines += [f"    {style}" for style in _classes(picture)]
    owned = [ids[box.key] for box in topology.boxes if box.student]
    if owned:
        lines.append(f"    class {','.join(owned)} student")
    lines += [f"    {line}" for line in _marked(picture, ids)]
    return "\n".join(lines) + "\n"


def _title(picture: Picture) -> str:
    """Return the title as YAML, with the notes: a flowchart has no other place for them."""
    text = ": ".join((picture.topology.title, *picture.notes))
    return json.dumps(text, ensure_ascii=False) if picture.notes else text


def _classes(picture: Picture) -> Iterator[str]:
    for name, tone in (("lan", LAN), *KINDS.items()):
        fill, line = PLAIN if picture.legend else tone
        yield f"classDef {name} fill:{fill},stroke:{line},color:{TEXT}"
    yield _STUDENT


def _marked(picture: Picture, ids: dict[str, str]) -> Iterator[str]:
    for mark in picture.legend:
        tone, name = MARKS[mark], mark.replace(" ", "-")
        dashes = ",stroke-dasharray:2 4" if mark in DASHED else ""
        nodes = [number for key, number in ids.items() if picture.marks.get(key) == mark]
        if nodes:
            yield f"classDef {name} fill:{tone.fill},stroke:{tone.line},stroke-width:3px{dashes}"
            yield f"class {','.join(nodes)} {name}"
        links = enumerate(picture.topology.links)
        cables = [str(at) for at, link in links if picture.marks.get((link.box, link.bus)) == mark]
        if cables:
            yield f"linkStyle {','.join(cables)} stroke:{tone.line},stroke-width:3px{dashes}"


def _bus(bus: Bus) -> str:
    notes = "".join(f"<br/>{_text(note)}" for note in bus.notes)
    return f'(["<b>{_text(bus.name)}</b>{notes}"]):::lan'


def _box(box: Box, hanging: Link | None) -> str:
    """Return a node; the addresses of one that hangs on a LAN stand in it, not at its cable."""
    left, right = _SHAPES[box.kind]
    role = "" if box.kind == "router" else ROLES.get(box.kind, "")
    addresses = [label.full for label in hanging.labels] if hanging else []
    text = "<br/>".join(_text(line) for line in (box.name, role, *addresses) if line)
    return f'{left}"{text}"{right}:::{box.kind}'


def _edge(link: Link, *, told: bool) -> str:
    line = "---" if link.connected else "-.-"
    text = "<br/>".join(_text(label.full) for label in link.labels) if told else ""
    return f'{line}|"{text}"|' if text else line


def _text(text: str) -> str:
    """Return *text*, which may be any (a driver's name), so that nothing in it is markup."""
    return "".join(f"#{ord(char)};" if char in '#&"<>' else char for char in text)
