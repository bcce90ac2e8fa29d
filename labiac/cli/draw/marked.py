"""Two versions of a lab in one drawing: what was added, removed and changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from labiac.cli.comparison import beside_hosts
from labiac.cli.draw.picture import Key, Marks, Picture, signed
from labiac.cli.draw.topology import Box, Bus, Label, Link, Topology, topology
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from labiac.cli.comparison import Comparison

_Part = TypeVar("_Part", Bus, Box, Link)


def marked(found: Comparison) -> Picture:
    """Return a picture with all that is in either lab, and what became of each part.

    What changed tells what it was and what it is now, the rest looks as in the new lab.
    """
    changes = [change for change, _ in found.changes]
    renamed = {
        change.was.name: change.now.name
        for change in changes
        if isinstance(change.was, Machine | Network) and isinstance(change.now, Machine | Network)
    }
    changed = {change.item for change in changes if beside_hosts(change)}
    before, after = _known_as(topology(found.old), renamed), topology(found.new)
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
        buses=(*(_bus(was.get(bus.key), bus) for bus in after.buses), *_gone(before.buses, now)),
        boxes=(*(_box(was.get(box.key), box) for box in after.boxes), *_gone(before.boxes, now)),
        links=(
            *(_link(was.get(_key(each)), each) for each in after.links),
            *_gone(before.links, now),
        ),
    )
    return Picture(signed(whole, marks), marks, ("added", "removed", "changed"), ())


def _parts(whole: Topology) -> tuple[Bus | Box | Link, ...]:
    return *whole.buses, *whole.boxes, *whole.links


def _key(part: Bus | Box | Link) -> Key:
    return (part.box, part.bus) if isinstance(part, Link) else part.key


def _known_as(whole: Topology, renamed: Mapping[str, str]) -> Topology:
    """Return *whole* with its parts under their new keys."""

    def new(key: str) -> str:
        node, dot, nic = key.partition(".")  # the bus of a NIC with no LAN is called by both
        return f"{renamed.get(node, node)}{dot}{nic}"

    return replace(
        whole,
        buses=tuple(replace(bus, key=new(bus.key)) for bus in whole.buses),
        boxes=tuple(replace(box, key=new(box.key)) for box in whole.boxes),
        links=tuple(replace(each, box=new(each.box), bus=new(each.bus)) for each in whole.links),
    )


def _gone(before: Iterable[_Part], now: Container[object]) -> Iterator[_Part]:
    return (part for part in before if _key(part) not in now)


def _bus(was: object, now: Bus) -> Bus:
    """Return *now*, telling what it *was*."""
    if not isinstance(was, Bus):
        return now
    name, notes = _name(was.name, now.name), _texts(was.notes, now.notes)
    return replace(now, name=name, notes=tuple(notes))


def _box(was: object, now: Box) -> Box:
    return replace(now, name=_name(was.name, now.name)) if isinstance(was, Box) else now


def _link(was: object, now: Link) -> Link:
    if not isinstance(was, Link) or was.labels == now.labels:
        return now
    texts = _texts([label.full for label in was.labels], [label.full for label in now.labels])
    return replace(now, labels=tuple(Label(text, text) for text in texts))


def _name(was: str, now: str) -> str:
    return now if was == now else f"{was} → {now}"


def _texts(was: Sequence[str], now: Sequence[str]) -> list[str]:
    """Return *now*, with what each text was; where their numbers differ, what came and went."""
    if len(was) == len(now):
        return [_name(*texts) for texts in zip(was, now, strict=True)]
    came = [text if text in was else f"+ {text}" for text in now]
    return [*came, *(f"- {text}" for text in was if text not in now)]
