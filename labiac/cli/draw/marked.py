"""Two versions of a lab in one drawing: what was added, removed and changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from labiac.cli.draw.topology import Box, Bus, Link, Topology, topology

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from labiac.plan.model import Plan

Mark = Literal["added", "removed", "changed"]
Marks = dict[str | tuple[str, str], Mark]
"""What became of each bus and box, by key, and of each link, by the keys of box and bus."""

_SIGNS = {"added": "+ ", "removed": "- ", "changed": "~ "}


def marked(
    old: Plan, new: Plan, renamed: Mapping[str, str], changed: Collection[str]
) -> tuple[Topology, Marks]:
    """Return a drawing with all that is in *old* or *new*, and what became of each part.

    Args:
        old: The lab before.
        new: The lab after; what is in both looks as it does here.
        renamed: New names of the LANs and nodes that go on under another one.
        changed: Names, new ones, of the LANs and nodes that are not as they were.
    """
    before, after = _known_as(topology(old), renamed), topology(new)
    was = {_key(part): part for part in _parts(before)}
    now = {_key(part): part for part in _parts(after)}
    marks: Marks = {}
    for key, part in (was | now).items():
        if key not in now:
            marks[key] = "removed"
        elif key not in was:
            marks[key] = "added"
        elif key in changed or (isinstance(part, Link) and was[key] != part):
            marks[key] = "changed"
    whole = replace(
        after,
        buses=(*after.buses, *(bus for bus in before.buses if bus.key not in now)),
        boxes=(*after.boxes, *(box for box in before.boxes if box.key not in now)),
        links=(*after.links, *(link for link in before.links if _key(link) not in now)),
    )
    return _signed(whole, marks), marks


def _parts(whole: Topology) -> tuple[Bus | Box | Link, ...]:
    return *whole.buses, *whole.boxes, *whole.links


def _key(part: Bus | Box | Link) -> str | tuple[str, str]:
    return (part.box, part.bus) if isinstance(part, Link) else part.key


def _known_as(whole: Topology, renamed: Mapping[str, str]) -> Topology:
    """Return *whole* with its parts under their new names."""

    def new(key: str) -> str:
        node, dot, nic = key.partition(".")  # the bus of a NIC with no LAN is called by both
        return f"{renamed.get(node, node)}{dot}{nic}"

    return replace(
        whole,
        buses=tuple(replace(bus, key=new(bus.key)) for bus in whole.buses),
        boxes=tuple(replace(box, key=new(box.key)) for box in whole.boxes),
        links=tuple(replace(each, box=new(each.box), bus=new(each.bus)) for each in whole.links),
    )


def _signed(whole: Topology, marks: Marks) -> Topology:
    """Return *whole* with a sign before each name: colours alone are not for everybody."""

    def name(part: Bus | Box) -> str:
        mark = marks.get(part.key)
        return f"{_SIGNS[mark]}{part.name}" if mark else part.name

    return replace(
        whole,
        buses=tuple(replace(bus, name=name(bus)) for bus in whole.buses),
        boxes=tuple(replace(box, name=name(box)) for box in whole.boxes),
    )
