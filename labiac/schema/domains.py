"""Which LANs bridges join into one broadcast domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.schema.middlebox import Bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.schema.lab import Lab


def bridges(lab: Lab) -> Iterator[tuple[str, Bridge]]:
    """Yield the name of each bridge of *lab*, and the bridge."""
    for name, node in lab.middleboxes.items():
        if isinstance(node, Bridge):
            yield name, node


def domains(lab: Lab) -> dict[str, tuple[str, ...]]:
    """Return, of each LAN, the LANs of its broadcast domain in the order of the file.

    A cable that is out counts as if it were in: whoever takes it out shall not renumber a LAN.
    """
    joined = {name: {name} for name in lab.lans}
    for _, bridge in bridges(lab):
        ends = [joined[nic.lan] for nic in bridge.interfaces() if nic.lan in joined]
        domain: set[str] = set().union(*ends)
        joined.update(dict.fromkeys(domain, domain))
    order = {name: place for place, name in enumerate(lab.lans)}
    return {name: tuple(sorted(domain, key=order.__getitem__)) for name, domain in joined.items()}
