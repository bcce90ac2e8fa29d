"""What a picture shows beside the topology: what became of each part, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from labiac.cli.draw.topology import Box, Bus, Topology

Mark = Literal[
    "added", "removed", "changed", "as predicted", "not as predicted", "does not run"
]  # fmt: skip
Key = str | tuple[str, str]
"""What a part is known by: a bus or box by its key, a link by the keys of box and bus."""
Marks = dict[Key, Mark]
"""What became of each part; of what is not in it, nothing."""

SIGNS: dict[Mark, str] = {
    "added": "+", "removed": "-", "changed": "~",
    "as predicted": "", "not as predicted": "!", "does not run": "(off)",
}  # fmt: skip
"""What stands before a name: colours alone are not for everybody."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A topology, and what there is to see on it.

    Args:
        topology: What to draw.
        marks: What became of its parts.
        legend: The marks that the picture explains. Without any, roles have their own colours.
        notes: Lines to stand below the title.
    """

    topology: Topology
    marks: Marks
    legend: tuple[Mark, ...]
    notes: tuple[str, ...]


def plain(topology: Topology) -> Picture:
    """Return the picture of a lab of which there is no more to say."""
    return Picture(topology, {}, (), ())


def signed(topology: Topology, marks: Marks) -> Topology:
    """Return *topology* with the sign of its mark before the name of each bus and box."""

    def name(part: Bus | Box) -> str:
        sign = SIGNS[marks[part.key]] if part.key in marks else ""
        return f"{sign} {part.name}".lstrip()

    return replace(
        topology,
        buses=tuple(replace(bus, name=name(bus)) for bus in topology.buses),
        boxes=tuple(replace(box, name=name(box)) for box in topology.boxes),
    )
