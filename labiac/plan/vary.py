"""A lab as one student gets it: what its file lets vary is drawn, by seed and name alone.

Subnets and host numbers are drawn where all others are given out (`labiac.plan.segments`,
`labiac.plan.nics`); the fault is planted in the finished plan (`labiac.plan.planting`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel

from labiac.plan.names import digest
from labiac.schema.check import HttpCheck
from labiac.schema.lab import kind_of
from labiac.schema.load import NODES
from labiac.schema.stages import with_nic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labiac.schema.lab import Lab
    from labiac.schema.node import Impair
    from labiac.schema.vary import LinkChoice

T = TypeVar("T")

NAMING = frozenset(
    {"node", "source", "target", "to", "via", "gateway", "server", "visits", "reference"}
)
"""Fields of a lab that name nodes, or have them for keys; else they hold no name of a node."""


def drawn_by(lab: Lab, student: str) -> tuple[str, ...]:
    """Return what all draws for *student* depend on: seed, lab and name; nothing without a seed."""
    return (lab.vary.seed, lab.name, student) if lab.vary else ()


def draw(lab: Lab, student: str, what: str, choices: Sequence[T]) -> T:
    """Return which of *choices* is *student*'s: the same on every machine and in every version.

    Args:
        lab: What varies.
        student: Whose copy it is.
        what: What is drawn, so that one draw does not decide another.
        choices: At least one.
    """
    return choices[digest("vary", *drawn_by(lab, student), what) % len(choices)]


def varied(lab: Lab, student: str) -> Lab:
    """Return *lab* with the names and the links that *student* gets."""
    if lab.vary is None:
        return lab
    for index, link in enumerate(lab.vary.links):
        lab = _linked(lab, link, draw(lab, student, f"link {index}", link.impair))
    names = {
        node: draw(lab, student, f"name {node}", choices)
        for node, choices in (lab.vary.names.items() if lab.vary else ())
    }
    return _called(lab, names) if names else lab


def _linked(lab: Lab, link: LinkChoice, impair: Impair) -> Lab:
    """Return *lab* with a link that does to packets what *impair* says."""
    node = lab.nodes[link.node]
    section = kind_of(node)
    nodes = {**getattr(lab, section), link.node: with_nic(node, link.lan, impair=impair)}
    return lab.model_copy(update={section: nodes})


def _called(lab: Lab, names: Mapping[str, str]) -> Lab:
    """Return *lab* with its nodes called by their new *names*, wherever they are named."""
    lab = _renamed(lab, names)
    sections = {
        section: {names.get(name, name): node for name, node in getattr(lab, section).items()}
        for section in NODES
    }
    return lab.model_copy(update=sections)


def _renamed(value: Any, names: Mapping[str, str], *, naming: bool = False) -> Any:
    """Return *value*, a part of a lab, with the *names* of nodes replaced; *naming*: it is one."""
    if isinstance(value, str):
        return names.get(value, value) if naming else value
    if isinstance(value, tuple):
        return tuple(_renamed(each, names, naming=naming) for each in value)
    if isinstance(value, dict):
        return {
            _renamed(key, names, naming=naming): _renamed(each, names)
            for key, each in value.items()
        }
    if not isinstance(value, BaseModel):
        return value
    said = {key: getattr(value, key) for key in value.model_fields_set}
    new = {key: _renamed(each, names, naming=key in NAMING) for key, each in said.items()}
    if isinstance(value, HttpCheck):
        new["url"] = _url(value.url, names)
    return value.model_copy(update=new)


def _url(url: str, names: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{names[host]}{port}")) if host in names else url
