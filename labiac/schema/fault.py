"""What a rule about a lab file finds, and the names that rules look up."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from labiac.schema.source import Path

Fault = tuple[Path, str, str]
"""Where, what is wrong, and the remedy."""


@dataclass(frozen=True)
class Names:
    """Names that the file defines, those of parts that are themselves broken included."""

    lans: Collection[str]
    nodes: Collection[str]


def unknown(path: Path, kind: str, name: str, known: Collection[str]) -> Fault:
    """Return the fault that there is no *kind* called *name*, with the nearest that there is."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        fix = f"did you mean {near[0]}?"
    elif known:
        shown = sorted(known)[:12]
        fix = f"there is {', '.join(shown)}{', ...' if len(known) > len(shown) else ''}"
    else:
        fix = f"there is no {kind} here: define one"
    return path, f"there is no {kind} {name!r}", fix
