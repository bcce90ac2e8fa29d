"""What a changed field costs a running lab: one table for previews, updates and ``labiac diff``.

live      changed while everything runs
restart   the machine restarts, and cuts its LANs off for that time
reseed    the machine reboots with a new seed; its disk stays
replace   deleted and made anew
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Kind = Literal["network", "machine"]
Effect = Literal["live", "restart", "reseed", "replace"]

COST: tuple[Effect, ...] = ("live", "restart", "reseed", "replace")
"""Effects, the cheapest first."""

ANYWHERE: dict[str, Effect] = {
    "name": "replace",
    "host_name": "replace",
    "student": "live",
}
"""What every backend does alike: an object is found by its names; only labiac reads the rest."""

BOOTED: dict[str, Effect] = {
    "cpus": "restart",
    "disk_gib": "replace",
    "image": "replace",
    "memory_mib": "restart",
    "seed": "reseed",
}
"""What only a machine that boots has. Where nothing boots it is a note, and changing it is live."""

GUEST: dict[str, Effect] = {
    "forwards": "reseed",
    "hosts": "reseed",
    "nics": "restart",
    "policy": "reseed",
    "role": "reseed",
    "routes": "reseed",
    "routing": "reseed",
    "services": "reseed",
    "translation": "reseed",
}
"""What a booted guest learns from its hardware or its seed, unless its backend does it live."""


def effect(kind: Kind, field: str, *, boots: bool, live: Collection[str]) -> Effect:
    """Return what it takes to change *field* of a network or machine on some backend.

    Args:
        kind: ``network`` or ``machine``.
        field: Path of the field: ``routes``, ``nics[0].mac``. Indexes are of no account.
        boots: Whether the backend's machines boot (`Features.boots`).
        live: What the backend changes while the machine runs (`Features.live`).
    """
    path = re.sub(r"\[\d+\]", "", field)
    head = path.partition(".")[0]
    if head in ANYWHERE:
        return ANYWHERE[head]
    if path in live or head in live:
        return "live"
    if kind == "network":
        return "replace"
    if head in BOOTED:
        return BOOTED[head] if boots else "live"
    return GUEST[head] if boots else "restart"


def worst(effects: Iterable[Effect]) -> Effect:
    """Return the dearest of *effects*, ``live`` of none."""
    return max(effects, key=COST.index, default="live")
