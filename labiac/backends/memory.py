"""The reference backend: a dict. For tests and dry runs; it lives as long as its process."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from labiac.backends.base import Copy, Features, Found, Observed, ref_of
from labiac.errors import BackendError
from labiac.plan.model import Machine, Network, Plan
from labiac.reach import matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Ping
    from labiac.errors import Problem
    from labiac.plan.model import Item


def open() -> Memory:  # noqa: A001  # what every backend calls it
    """Return an empty one, apart from all others."""
    return Memory()


class Memory:
    """Holds plan items as they are, and answers pings as the forecast says."""

    name: ClassVar[str] = "memory"
    features: ClassVar[Features] = Features(
        boots=False,
        live=frozenset(field.name for kind in (Machine, Network) for field in fields(kind)),
    )

    def __init__(self) -> None:
        self._held: dict[str, tuple[Copy, Item]] = {}

    def check(self, plan: Plan) -> list[Problem]:
        """Return nothing: a dict holds any plan."""
        del plan
        return []

    def create(self, copy: Copy, item: Item) -> Observed:
        """Hold *item*."""
        ref = ref_of(copy, "machine" if isinstance(item, Machine) else "network", item.name)
        self._held[ref] = copy, item
        return Observed(ref, item, running=True)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref*, or None when it is not held."""
        held = self._held.get(ref)
        return Observed(ref, held[1], running=True) if held else None

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Change the fields that differ between *was* and *now*; what drifted elsewhere stays.

        Raises:
            BackendError: the item is not held.
        """
        if ref not in self._held:
            raise BackendError(f"memory {ref}", "is gone", fix="create it again with `labiac up`")
        copy, item = self._held[ref]
        changed: dict[str, Any] = {
            field.name: getattr(now, field.name)
            for field in fields(now)
            if getattr(was, field.name) != getattr(now, field.name)
        }
        self._held[ref] = copy, replace(item, **changed)
        return Observed(ref, self._held[ref][1], running=True)

    def delete(self, ref: str) -> None:
        """Forget *ref*, and with a network the machines that are still plugged into it."""
        copy, item = self._held.pop(ref, (None, None))
        if copy is not None and isinstance(item, Network):
            for machine in self._plan(copy).machines:
                if any(nic.network == item.name for nic in machine.nics):
                    self._held.pop(ref_of(copy, "machine", machine.name))

    def reset(self, ref: str) -> Observed:
        """Return the machine *ref*: nothing was done on it.

        Raises:
            BackendError: it is not held.
        """
        observed = self.read(ref)
        if observed is None:
            raise BackendError(f"memory {ref}", "is gone", fix="create it again with `labiac up`")
        return observed

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return for each ping whether it would be answered, by the forecast. It never waits."""
        del timeout_s, settle
        return matrix.answers(self._plan(copy), pings)

    def find(self) -> list[Found]:
        """Return every copy that has an item here, sorted by lab and student."""
        names = sorted({copy.whose for copy, _ in self._held.values()})
        plans = [self._plan(Copy(lab, student)) for lab, student in names]
        return [
            Found(
                Copy(plan.lab, plan.student),
                self.name,
                nodes=tuple((machine.name, True) for machine in plan.machines),
                refs=tuple(
                    ref_of(Copy(plan.lab, plan.student), kind, item.name)
                    for kind, items in (("machine", plan.machines), ("network", plan.networks))
                    for item in items
                ),
            )
            for plan in plans
        ]

    def _plan(self, copy: Copy) -> Plan:
        """Return what is held of one copy, by name, as a plan."""
        held = sorted(
            (item for owner, item in self._held.values() if owner.whose == copy.whose),
            key=lambda item: item.name,
        )
        return Plan(
            *copy.whose,
            backend=self.name,
            networks=tuple(item for item in held if isinstance(item, Network)),
            machines=tuple(item for item in held if isinstance(item, Machine)),
            checks=(),
        )
