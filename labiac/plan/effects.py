"""What a changed field costs a running lab: one table for previews, updates and ``labiac diff``.

live      changed while everything runs
restart   the machine restarts, and cuts its LANs off for that time
reseed    the machine reboots with a new seed; its disk stays
replace   deleted and made anew
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from labiac.plan.model import Machine
from labiac.seed.text import block

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from labiac.plan.model import Item, Nic

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
    "start": "live",
}
"""What only a machine that boots has. Where nothing boots it is a note, and changing it is live."""

GUEST: dict[str, Effect] = {
    "forwards": "reseed",
    "hosts": "reseed",
    "management": "reseed",
    "nics": "restart",
    "policy": "reseed",
    "role": "reseed",
    "routes": "reseed",
    "routing": "reseed",
    "services": "reseed",
    "speaker": "reseed",
    "switch": "reseed",
    "translation": "reseed",
}
"""What a booted guest learns from its hardware or its seed, unless its backend does it live."""

CARRIED: frozenset[str] = frozenset({"hosts", "nics", "routes"})
"""Fields that a seed only repeats: what changes them live has done what the new seed says."""
NETWORK_CONFIG = "network-config"
_REPEATS = frozenset({"meta-data", NETWORK_CONFIG})
"""Files of a seed that say nothing else; the first has a number of the whole seed."""
_HOSTS_MARGIN = 6
"""Spaces before each line of the hosts file in a seed (``templates/common/user-data.j2``)."""


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


def live_between(
    was: Item, now: Item, live: Collection[str], hot: Collection[str] | None = None
) -> Collection[str]:
    """Return what of *live* is so here, and the seed too where all that differs in it is live.

    Args:
        was: A network or machine as it is.
        now: The same as it shall be.
        live: What the backend changes while the machine runs (`Features.live`).
        hot: What NICs it plugs in while the machine runs (`Features.hot`).
    """
    if not (isinstance(was, Machine) and isinstance(now, Machine)) or not CARRIED.issubset(live):
        return live
    if hot is not None and not _fresh(was, now).issubset(hot):
        return [field for field in live if field != "nics"]
    return {*live, "seed"} if particular(was) == particular(now) else live


def _fresh(was: Machine, now: Machine) -> set[str]:
    """Return how the NICs of *now* are attached, and what models they are, that *was* has not."""
    there = {_card(nic) for nic in was.nics}
    return {word for nic in now.nics if _card(nic) not in there for word in (nic.attach, nic.model)}


def _card(nic: Nic) -> tuple[Hashable, ...]:
    """Return what takes another card to change."""
    return nic.mac, nic.attach, nic.network, nic.model, nic.driver, nic.properties


def particular(machine: Machine) -> dict[str, str]:
    """Return what only a boot brings of the seed, by file, and what no other field says.

    That is neither its network nor the names of others.
    """
    hosts = block(machine.hosts, _HOSTS_MARGIN)
    return {
        file.name: file.text.replace(hosts, "")
        for file in machine.seed
        if file.name not in _REPEATS
    }


def worst(effects: Iterable[Effect]) -> Effect:
    """Return the dearest of *effects*, ``live`` of none."""
    return max(effects, key=COST.index, default="live")
