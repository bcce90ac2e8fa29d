"""The parts of a Graphviz drawing, as HTML-like labels.

All text stands in a cell of its own, so that none can lie on another, on a line or on a node: a
node is its name between its NICs, and a LAN is a bus with the PCs that hang on it.

Source:
    https://graphviz.org/doc/info/shapes.html#html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import ceil, sqrt
from typing import NamedTuple

from labiac.cli.draw.palette import DASHED, KINDS, LAN, MARKS, PLAIN, Tone
from labiac.cli.draw.picture import SIGNS, Key, Picture
from labiac.cli.draw.topology import ROLES, Box, Bus, Link

BUS, NAME = "_bus", "_name"
"""Ports: where a LAN's cables end, and where that of a NIC with no address does. NICs have the
names of their LANs, which begin with a letter."""
_ROW = 4
"""So many PCs hang on a bus side by side; more hang below each other, in columns."""
_BARE = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
_NICS = 'BORDER="0" CELLBORDER="1" CELLSPACING="3" CELLPADDING="3"'
_BRICK, _HALF = '<TD COLSPAN="2" WIDTH="20" HEIGHT="6"></TD>', '<TD WIDTH="10" HEIGHT="6"></TD>'
_BRICKS = (
    '<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" BGCOLOR="#fca5a5">'
    f"<TR>{_BRICK * 5}</TR><TR>{_HALF}{_BRICK * 4}{_HALF}</TR></TABLE>"
)
"""A piece of wall: what a firewall is drawn as everywhere."""


class _Hung(NamedTuple):
    """A PC on a bus: the colour of its cable, and its cell: what is in it, and its attributes."""

    cable: str
    attributes: str
    text: str


class Labels:
    """Makes the labels of one picture.

    Args:
        picture: What is drawn.
        short: Whether addresses are told as what they add to the subnet of their LAN.
    """

    def __init__(self, picture: Picture, *, short: bool) -> None:
        self._picture = picture
        self._short = short

    def head(self) -> str:
        """Return what stands above the drawing."""
        what = self._picture.topology
        notes = list(self._picture.notes)
        if any(box.student for box in what.boxes):
            notes.append("dashed: left to the student")
        if what.loose:
            notes.append(f"connected to nothing: {', '.join(what.loose)}")
        title = f'<FONT POINT-SIZE="20"><B>{escape(what.title)}</B></FONT>'
        lines = [title, *map(escape, notes), *([self._legend()] if self._picture.legend else [])]
        rows = [f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in (*lines, "")]
        return f'<<TABLE BORDER="0" CELLPADDING="2">{"".join(rows)}</TABLE>>'

    def bus(self, bus: Bus, hanging: Sequence[tuple[Box, Link]]) -> str:
        """Return a LAN, with the PCs that are in it and nowhere else."""
        first, *more = bus.notes or ("",)
        text = f"<B>{escape(bus.name)}</B>  {escape(first)}".rstrip()
        text += "".join(f"<BR/>{escape(note)}" for note in more)
        hung = [self._hung(box, link) for box, link in hanging]
        columns = len(hung) if len(hung) <= _ROW else ceil(sqrt(len(hung)))
        span = f'COLSPAN="{4 * columns}" ' if columns else ""
        style = self._frame(bus.key, LAN)
        rows = [f'<TR><TD PORT="{BUS}" {span}CELLPADDING="6" {style}>{text}</TD></TR>']
        rows += _side_by_side(hung) if len(hung) <= _ROW else _in_columns(hung, columns)
        return f"<<TABLE {_BARE}>{''.join(rows)}</TABLE>>"

    def box(self, box: Box, left: Sequence[Link], right: Sequence[Link]) -> str:
        """Return a node, with the NICs that lead to its *left*, and those to its *right*."""
        name = f"<B>{escape(box.name)}</B>"
        if box.kind in ROLES:
            name += f'<BR/><FONT POINT-SIZE="10">{ROLES[box.kind]}</FONT>'
        row = f'{self._nics(left)}<TD PORT="{NAME}" CELLPADDING="6">{name}</TD>{self._nics(right)}'
        rows = f"<TR>{row}</TR>"
        if box.kind == "firewall":
            span = 1 + bool(left) + bool(right)
            rows += f'<TR><TD COLSPAN="{span}">{_BRICKS}</TD></TR>'
        frame = self._frame(
            box.key, KINDS[box.kind], dashed=box.student, rounded=box.kind == "router"
        )
        return f'<<TABLE CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" {frame}>{rows}</TABLE>>'

    def cable(self, link: Link) -> dict[str, str]:
        """Return the attributes of the line of *link*."""
        key = (link.box, link.bus)
        style = "dashed" if self._picture.marks.get(key) in DASHED else "solid"
        colour = self._tone(key, PLAIN).line
        return {"color": colour, "style": style if link.connected else "dotted"}

    def _hung(self, box: Box, link: Link) -> _Hung:
        texts = [f"<B>{escape(box.name)}</B>", *self._addresses(link)]
        if not link.connected:
            texts.append("<I>cable out</I>")
        frame = self._frame(box.key, KINDS[box.kind], dashed=box.student)
        return _Hung(self.cable(link)["color"], f'CELLPADDING="5" {frame}', "<BR/>".join(texts))

    def _nics(self, links: Sequence[Link]) -> str:
        """Return the NICs on one side of a node, each with the port that its cable ends at."""
        rows = "".join(
            f'<TR><TD PORT="{escape(link.bus)}" {self._nic_frame(link)}>{text}</TD></TR>'
            for link in links
            if (text := "<BR/>".join(self._addresses(link)))
        )
        return f"<TD><TABLE {_NICS}>{rows}</TABLE></TD>" if rows else ""

    def _addresses(self, link: Link) -> list[str]:
        return [escape(label.short if self._short else label.full) for label in link.labels]

    def _nic_frame(self, link: Link) -> str:
        if not self._picture.legend:
            return 'BGCOLOR="white"'
        tone = self._tone((link.box, link.bus), PLAIN)
        return f'BGCOLOR="{tone.fill}" COLOR="{tone.line}"'

    def _frame(self, key: str, own: Tone, *, dashed: bool = False, rounded: bool = False) -> str:
        tone = self._tone(key, own)
        if dashed or self._picture.marks.get(key) in DASHED:
            style = 'STYLE="DASHED" '
        else:
            style = 'STYLE="ROUNDED" ' if rounded else ""
        return f'BORDER="2" {style}COLOR="{tone.line}" BGCOLOR="{tone.fill}"'

    def _tone(self, key: Key, own: Tone) -> Tone:
        if not self._picture.legend:
            return own
        mark = self._picture.marks.get(key)
        return MARKS[mark] if mark else PLAIN

    def _legend(self) -> str:
        there = set(self._picture.marks.values())
        return "&#160;&#160;&#160;".join(
            f'<FONT COLOR="{MARKS[mark].line}">&#9632;</FONT> {SIGNS[mark]} {mark}'
            for mark in self._picture.legend
            if mark in there
        )


def _side_by_side(hung: Sequence[_Hung]) -> Iterator[str]:
    """Yield the rows of PCs that hang on a bus in one row, each by a line in the middle of it."""
    if hung:
        gap = '<TD WIDTH="6"></TD>'
        yield _row(
            f'{gap}<TD SIDES="R" BORDER="2" COLOR="{cable}" HEIGHT="16"></TD><TD></TD>{gap}'
            for cable, _, _ in hung
        )
        yield _row(
            f'<TD></TD><TD COLSPAN="2" {attributes}>{text}</TD><TD></TD>'
            for _, attributes, text in hung
        )


def _in_columns(hung: Sequence[_Hung], columns: int) -> Iterator[str]:
    """Yield the rows of PCs that hang below each other, on lines to their left."""
    for start in range(0, len(hung), columns):
        row, below = hung[start : start + columns], hung[start + columns : start + 2 * columns]
        lines = [cable for cable, _, _ in below] + [""] * (len(row) - len(below))
        yield _row(f'<TD WIDTH="10"></TD>{_rail(each.cable)}<TD></TD><TD></TD>' for each in row)
        yield _row(
            f"<TD></TD>{_rail(cable)}"
            f'<TD SIDES="B" BORDER="2" COLOR="{cable}" WIDTH="10"></TD>'
            f'<TD ROWSPAN="2" {attributes}>{text}</TD>'
            for cable, attributes, text in row
        )
        yield _row(f"<TD></TD>{_rail(line)}<TD></TD>" for line in lines)


def _rail(colour: str) -> str:
    """Return a piece of a line downwards, or with no colour where it has ended."""
    filled = f' BGCOLOR="{colour}"' if colour else ""
    return f'<TD WIDTH="2" HEIGHT="8"{filled}></TD>'


def _row(cells: Iterable[str]) -> str:
    return f"<TR>{''.join(cells)}</TR>"
