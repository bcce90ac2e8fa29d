"""A copy as its host has it now: what answers, what is left of it, and what is the matter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from labiac.backends.base import ref_of
from labiac.plan.model import Machine, Network, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labiac.backends.base import Backend, Copy, Measures, Ping
    from labiac.plan.model import Item

T = TypeVar("T")

_AT_ONCE = 16
"""So many items are looked at together: of a virtual machine that takes a while."""

SILENT = "no answer, though every node is as planned"


def answered(
    backend: Measures, copy: Copy, asked: Mapping[T, Iterable[Ping]], *, timeout_s: float
) -> set[T]:
    """Return what of *asked* has pings that are all answered: at least one, measured together.

    Raises:
        BackendError: the host refused.
    """
    flat = [(what, ping) for what, pings in asked.items() for ping in pings]
    heard = backend.measure(copy, [ping for _, ping in flat], timeout_s=timeout_s, settle=False)
    failed = {what for (what, _), ok in zip(flat, heard, strict=True) if not ok}
    return {what for what, _ in flat} - failed


@dataclass(frozen=True, slots=True)
class AsItIs:
    """What of a copy works, as a plan, and by name what is the matter with the rest."""

    plan: Plan
    broken: dict[str, str]

    def reason(self, source: str, target: str, forecast: str) -> str:
        """Return why *target* does not answer *source*.

        Args:
            source: Name of the node that asks.
            target: Name of the node that is silent.
            forecast: Why that is to be expected of what works; empty where it is not.
        """
        for name in (source, target, *self.broken):
            if name in self.broken:
                return self.broken[name]
        return forecast or SILENT


def as_it_is(
    backend: Backend, copy: Copy, networks: Iterable[str], machines: Iterable[str]
) -> AsItIs:
    """Return what has become of the *networks* and *machines* of *copy*.

    Raises:
        BackendError: the host refused.
    """
    works: list[Item] = []
    broken: dict[str, str] = {}
    wanted = [("network", name) for name in networks] + [("machine", name) for name in machines]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read") as pool:
        found = pool.map(lambda each: backend.read(ref_of(copy, *each)), wanted)
        for (_, name), observed in zip(wanted, found, strict=True):
            if observed is None:
                broken[name] = f"{name} is gone"
            elif not observed.running:
                broken[name] = f"{name} does not run"
            else:
                works.append(observed.item)
    plan = Plan(
        copy.lab,
        copy.student,
        backend.name,
        networks=tuple(item for item in works if isinstance(item, Network)),
        machines=tuple(item for item in works if isinstance(item, Machine)),
        checks=(),
    )
    return AsItIs(plan, broken)
