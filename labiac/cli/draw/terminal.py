"""A lab in a terminal: LANs as horizontal buses, nodes hanging on them.

    lan1 10.0.1.0/24 ━━┯━━━━━━━━━━━━━━┯━━━
                       │ 10.0.1.11    │ 10.0.1.1
                     ┌─┴───┐        ╔═╧══╗
                     │ pc1 │        ║ r1 ║
                     └─────┘        ╚═╤══╝
                                      │ 10.0.2.1
    lan2 10.0.2.0/24 ━━━━━━━━━━━━━━━━━┷━━━

Every node has a column from its first bus down to its last one; columns are used again below.
"""

from __future__ import annotations

from dataclasses import dataclass

from labiac.cli.draw.topology import ROLES, Box, BoxKind, Bus, Label, Link, Topology

_GAP = 2
_STEM = 2
"""Where in a column its line runs."""
_BOX_LINES = 3
_SHAPES: dict[BoxKind, str] = {
    "pc": "┌─┐│└┘┴┬", "router": "╔═╗║╚╝╧╤", "host": "╭─╮│╰╯┴┬",
    "firewall": "▒▒▒▒▒▒▒▒", "nat": "╒═╕│╘╛╧╤", "bridge": "╓─╖║╙╜┴┬",
    "ids": "┌╌┐┆└┘┴┬", "trunk": "┏━┓┃┗┛┷┯",
}  # fmt: skip
"""Corners and sides: left top, horizontal, right top, vertical, left and right bottom, joints."""


def drawing(topology: Topology, width: int) -> str | None:
    """Return *topology* drawn in at most *width* columns, or None when it does not fit."""
    for short in (False, True):
        canvas = _Canvas(topology, short=short)
        if canvas.width <= width:
            return canvas.text()
    return None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A node with the rows of the buses it is on, and the column it hangs in."""

    name: str
    kind: BoxKind
    links: dict[int, Link]
    column: int

    @property
    def top(self) -> int:
        return min(self.links)

    @property
    def bottom(self) -> int:
        return max(self.links)


class _Canvas:
    """Characters by line, and where each column starts."""

    def __init__(self, topology: Topology, *, short: bool) -> None:
        self._short = short
        self._topology = topology
        self._rows = {bus.key: row for row, bus in enumerate(topology.buses)}
        self._placed = self._place()
        self._notes = [_margin(bus) for bus in topology.buses]
        self._left = max((len(note) for notes in self._notes for note in notes), default=0) + 1
        self._starts = self._columns()
        self.width = self._starts[-1]
        self._lines: list[list[str]] = []

    def _place(self) -> list[_Placed]:
        nodes = []
        for box in self._topology.boxes:
            links = {self._rows[link.bus]: link for link in self._topology.links_of(box.key)}
            if links:
                nodes.append((box, links))
        # Those on one bus first: their columns are free again for the next bus.
        nodes.sort(key=lambda node: (min(node[1]), max(node[1]) - min(node[1])))
        last_row: list[int] = []
        placed = []
        for box, links in nodes:
            top, bottom = min(links), max(links)
            free = (at for at, row in enumerate(last_row) if row < top)
            column = next(free, len(last_row))
            last_row[column : column + 1] = [bottom]
            placed.append(_Placed(_title(box), box.kind, links, column))
        return placed

    def _columns(self) -> list[int]:
        count = max((node.column for node in self._placed), default=-1) + 1
        widths = [0] * count
        for node in self._placed:
            texts = [
                _STEM + 2 + len(text) for row in node.links for text in self._labels(node, row)
            ]
            widths[node.column] = max(widths[node.column], len(node.name) + 4, *texts, 0)
        starts = [self._left]
        for width in widths:
            starts.append(starts[-1] + width + _GAP)
        return starts

    def _labels(self, node: _Placed, row: int) -> list[str]:
        link = node.links[row]
        texts = [self._text(label) for label in link.labels]
        return texts if link.connected else [*texts, "(cable out)"]

    def _text(self, label: Label) -> str:
        return label.short if self._short else label.full

    def text(self) -> str:
        """Return the drawing, one string with line ends."""
        for row, notes in enumerate(self._notes):
            self._approach(row)
            self._bus(row)
            self._hang(row)
            for at, note in enumerate(notes):
                self._put(self._bus_line + at, 0, note)
        if any(box.student for box in self._topology.boxes):
            self._lines += [[], list("* left to the student")]
        if self._topology.loose:
            self._lines += [[], list(f"connected to nothing: {', '.join(self._topology.loose)}")]
        return "".join(f"{''.join(line).rstrip()}\n" for line in self._lines)

    def _approach(self, row: int) -> None:
        """Draw the addresses of those who come to the bus from above."""
        coming = [node for node in self._placed if row in node.links and node.top < row]
        passing = [node for node in self._placed if node.top < row <= node.bottom]
        count = max((len(self._labels(node, row)) for node in coming), default=0)
        first = self._extend(count, passing)
        for node in coming:
            for at, text in enumerate(self._labels(node, row)):
                self._put(first + at, self._stem(node) + 2, text)

    def _bus(self, row: int) -> None:
        self._bus_line = len(self._lines)
        self._lines.append([])
        passing = [node for node in self._placed if node.top < row < node.bottom]
        linked = [node for node in self._placed if row in node.links]
        end = max((self._stem(node) for node in linked), default=self._left) + 2
        self._put(self._bus_line, self._left, "━" * (end - self._left))
        for node in passing:
            if row not in node.links:
                over = " │ " if self._stem(node) < end else "│"
                self._put(self._bus_line, self._stem(node) - len(over) // 2, over)
        for node in linked:
            joint = "┯" if row == node.top else "┷" if row == node.bottom else "┿"
            self._put(self._bus_line, self._stem(node), joint)

    def _hang(self, row: int) -> None:
        """Draw the nodes whose first bus this is."""
        hanging = [node for node in self._placed if node.top == row]
        labels = max((len(self._labels(node, row)) for node in hanging), default=0)
        lines = labels + _BOX_LINES if hanging else 0
        passing = [node for node in self._placed if node.top <= row < node.bottom]
        first = self._extend(max(lines, len(self._notes[row]) - 1), passing)
        for node in hanging:
            stem = self._stem(node)
            for at in range(labels):
                self._put(first + at, stem, "│")
            for at, text in enumerate(self._labels(node, row)):
                self._put(first + at, stem + 2, text)
            self._box(node, first + labels)

    def _box(self, node: _Placed, line: int) -> None:
        corner, side, right, wall, low, low_right, up, down = tuple(_SHAPES[node.kind])
        start, inner = self._starts[node.column], len(node.name) + 2
        self._put(line, start, f"{corner}{side * inner}{right}")
        self._put(line + 1, start, f"{wall} {node.name} {wall}")
        self._put(line + 2, start, f"{low}{side * inner}{low_right}")
        self._put(line, self._stem(node), up)
        if node.bottom > node.top:
            self._put(line + 2, self._stem(node), down)

    def _extend(self, count: int, passing: list[_Placed]) -> int:
        """Add *count* lines, crossed by the lines of *passing*; return the number of the first."""
        first = len(self._lines)
        self._lines += [[] for _ in range(count)]
        for node in passing:
            for at in range(count):
                self._put(first + at, self._stem(node), "│")
        return first

    def _stem(self, node: _Placed) -> int:
        return self._starts[node.column] + _STEM

    def _put(self, line: int, start: int, text: str) -> None:
        while len(self._lines) <= line:
            self._lines.append([])
        cells = self._lines[line]
        cells.extend(" " * (start + len(text) - len(cells)))
        cells[start : start + len(text)] = text


def _title(box: Box) -> str:
    """Return the name of *box*, and what it is where its shape alone would not say so."""
    role = "" if box.kind == "router" else ROLES.get(box.kind, "")
    return " ".join(text for text in (box.name, role, "*" if box.student else "") if text)


def _margin(bus: Bus) -> list[str]:
    first, *more = bus.notes or ("",)
    return [f"{bus.name} {first}".rstrip(), *(f"  {note}" for note in more)]
