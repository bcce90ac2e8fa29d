"""A lab on the terminal: drawn where it fits, else as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from labiac.cli.draw.terminal import drawing
from labiac.cli.draw.topology import BoxKind, Topology, topology
from labiac.cli.tables import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labiac.plan.model import Plan

DRAWN_MAX = 24
"""Nodes that a terminal's drawing stays readable with."""
_STYLES: dict[BoxKind, str] = {
    "router": "bold yellow", "firewall": "bold red", "nat": "bold magenta", "bridge": "bold cyan",
    "ids": "bold blue", "trunk": "blue", "pc": "bold", "host": "bold green",
}  # fmt: skip


def show(plan: Plan, console: Console) -> None:
    """Draw *plan* on *console*; what is too large or too wide becomes a table."""
    what = topology(plan)
    drawn = drawing(what, console.width) if len(what.boxes) <= DRAWN_MAX else None
    if drawn is None:
        console.print(_listing(what))
        return
    text = Text(drawn.rstrip("\n"), no_wrap=True)
    for box in what.boxes:
        text.highlight_words([f" {box.name} "], _STYLES[box.kind])
    text.highlight_regex(r"[━┯┷┿]+", "blue")
    console.print(text)


def _listing(what: Topology) -> Table:
    listing = table("LAN", "subnets", "nodes")
    for bus in what.buses:
        nodes = [
            " ".join([link.box, *(label.full for label in link.labels)])
            for link in what.links
            if link.bus == bus.key
        ]
        listing.add_row(bus.name, "\n".join(bus.notes), ", ".join(nodes))
    return listing
