"""labiac's mark: what it knows of one object that it made. A hypervisor keeps it where it can."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from labiac.backends.base import Copy, Found, ref_of
from labiac.plan.document import from_data, to_data
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.model import Item

_FAMILY: Final = UUID("6c616269-6163-5000-8000-000000000000")
"""What labiac's own UUIDs are made from; any fixed one will do."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What labiac knows of one object that it made.

    Args:
        copy: Whose copy of which lab it belongs to.
        item: What was asked for.
        whole: Whether all of it was made.
    """

    copy: Copy
    item: Item
    whole: bool

    @property
    def machine(self) -> Machine:
        """Return the item, which is a machine.

        Raises:
            TypeError: it is a network.
        """
        if not isinstance(self.item, Machine):
            raise TypeError(self.item.name)
        return self.item

    @property
    def network(self) -> Network:
        """Return the item, which is a network.

        Raises:
            TypeError: it is a machine.
        """
        if not isinstance(self.item, Network):
            raise TypeError(self.item.name)
        return self.item

    @property
    def kind(self) -> str:
        """Return ``network`` or ``machine``."""
        return "machine" if isinstance(self.item, Machine) else "network"

    @property
    def ref(self) -> str:
        """Return the ref of the item."""
        return ref_of(self.copy, self.kind, self.item.name)

    @property
    def uuid(self) -> UUID:
        """Return the UUID of the object: the same whenever it is made."""
        return uuid_of(self.ref)

    def to_json(self) -> str:
        """Return all of it as text that `from_json` reads."""
        copy = {"lab": self.copy.lab, "student": self.copy.student, "owner": self.copy.owner}
        known = {"copy": copy, "kind": self.kind, "whole": self.whole, "item": to_data(self.item)}
        return json.dumps(known)

    @staticmethod
    def from_json(text: str) -> Mark:
        """Return the mark that became *text*."""
        known = json.loads(text)
        copy, data = Copy(**known["copy"]), known["item"]
        is_one = known["kind"] == "machine"
        item = from_data(Machine, data) if is_one else from_data(Network, data)
        return Mark(copy, item, known["whole"])


def legible(text: str) -> Mark | None:
    """Return the mark that *text* is, or None where this labiac can't read it: it is nobody's."""
    try:
        return Mark.from_json(text)
    except (KeyError, TypeError, ValueError):
        return None


def copies(backend: str, made: Iterable[tuple[Mark, bool]]) -> list[Found]:
    """Return the copies that a *backend* has, sorted by lab and student.

    Args:
        backend: Its name.
        made: All that labiac made there, and of a machine whether it runs.
    """
    # Machines come before networks: what is found is deleted in this order.
    ordered = sorted(made, key=lambda each: (*_whose(each), each[0].kind, each[0].item.name))
    return [_found(backend, list(group)) for _, group in groupby(ordered, key=_whose)]


def _found(backend: str, made: list[tuple[Mark, bool]]) -> Found:
    nodes = ((mark.item.name, runs) for mark, runs in made if mark.kind == "machine")
    return Found(made[0][0].copy, backend, tuple(nodes), tuple(mark.ref for mark, _ in made))


def _whose(made: tuple[Mark, bool]) -> tuple[str, str]:
    return made[0].copy.whose


def uuid_of(ref: str) -> UUID:
    """Return the UUID of the object behind *ref*, whether it is there or not."""
    return uuid5(_FAMILY, ref)


def is_machine(ref: str) -> bool:
    """Return whether *ref* is that of a machine, and not of a network."""
    return ref.split("/")[2] == "machine"
