"""The colours of every drawing: by what a part is, or by what became of it."""

from __future__ import annotations

from typing import NamedTuple

from labiac.cli.draw.picture import Mark
from labiac.cli.draw.topology import BoxKind


class Tone(NamedTuple):
    """What a part looks like; each colour as ``#rrggbb``."""

    fill: str
    line: str


TEXT = "#111827"
LAN = Tone("#dbeafe", "#1d4ed8")
PLAIN = Tone("#f3f4f6", "#6b7280")
"""Cables; and in a picture with marks, all that has none."""
KINDS: dict[BoxKind, Tone] = {
    "router": Tone("#fde68a", "#b45309"),
    "firewall": Tone("#fee2e2", "#b91c1c"),
    "nat": Tone("#ede9fe", "#6d28d9"),
    "bridge": Tone("#cffafe", "#0e7490"),
    "ids": Tone("#fae8ff", "#a21caf"),
    "trunk": Tone("#eff6ff", "#1d4ed8"),
    "pc": Tone("#f9fafb", "#4b5563"),
    "host": Tone("#dcfce7", "#15803d"),
}
MARKS: dict[Mark, Tone] = {
    "added": Tone("#dcfce7", "#15803d"),
    "removed": Tone("#fee2e2", "#b91c1c"),
    "changed": Tone("#fef3c7", "#d97706"),
    "as predicted": Tone("#dcfce7", "#15803d"),
    "not as predicted": Tone("#fee2e2", "#b91c1c"),
    "does not run": Tone("#e5e7eb", "#9ca3af"),
}
DASHED: frozenset[Mark] = frozenset({"removed"})
"""Marks that show in lines too, not in colours alone."""
