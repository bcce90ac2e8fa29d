"""The ports of a switch, by the VLANs that their kernel has them take. Pure, for all backends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from labiac.plan.model import SubInterface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.plan.model import Nic


class Takes(NamedTuple):
    """The VLANs of a port, by ID: that of untagged frames, or 0, and those of tagged ones."""

    untagged: int
    tagged: frozenset[int]

    def ids(self) -> set[int]:
        """Return all of them."""
        return {self.untagged, *self.tagged} - {0}


NOTHING: Final = Takes(0, frozenset())


def takes(port: Nic, ids: Mapping[str, int]) -> Takes:
    """Return what *port* takes; a VLAN that has no name in *ids* is called by its ID."""
    own = port.vlan or port.native
    untagged = (ids.get(own) or int(own)) if own else 0
    return Takes(untagged, frozenset(sub.id for sub in port.trunk))


def as_taking(seen: Nic, planned: Nic, found: Takes, ids: Mapping[str, int]) -> Nic:
    """Return *seen*, which shall be *planned*, with the VLANs that were *found* on it."""
    if found == takes(planned, ids):
        return replace(seen, vlan=planned.vlan, native=planned.native, trunk=planned.trunk)
    names = {vlan: name for name, vlan in ids.items()}
    untagged = names.get(found.untagged, str(found.untagged)) if found.untagged else None
    trunk = tuple(
        SubInterface(f"{seen.name}.{vlan}", names.get(vlan, str(vlan)), vlan, ())
        for vlan in sorted(found.tagged)
    )
    access, native = (None, untagged) if trunk else (untagged, None)
    return replace(seen, vlan=access, native=native, trunk=trunk)
