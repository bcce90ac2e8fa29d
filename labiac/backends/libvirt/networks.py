"""LANs on libvirt: a network each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends.base import Copy, Observed
from labiac.backends.libvirt import machines
from labiac.backends.libvirt import network as xml
from labiac.backends.libvirt.cards import cards
from labiac.backends.libvirt.connection import found
from labiac.backends.libvirt.held import Held, all_held, held_or_free
from labiac.backends.mark import Mark
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Iterator


def create(connection: Any, copy: Copy, item: Network) -> Observed:
    """Define and start *item*, or what is missing of it.

    Raises:
        ForeignError: a network of that name is not labiac's.
    """
    mark = Mark(copy, item, whole=True)
    ours = held_or_free(connection, mark)
    if ours is None or ours.mark != mark:
        ours = Held(connection.networkDefineXML(xml.network(item, mark)), mark)
    if not ours.is_active:
        ours.object.create()
    return observed(ours)


def delete(connection: Any, ours: Held) -> None:
    """Delete a network, and first the machines that are still plugged into it."""
    for guest in list(_plugged(connection, ours.mark.network)):
        machines.delete(connection, guest)
    if ours.is_active:
        ours.object.destroy()
    ours.object.undefine()


def observed(ours: Held) -> Observed:
    """Return a network as it is now."""
    item = xml.observed(ours.mark.network, ours.live)
    return Observed(ours.mark.ref, item, running=ours.is_active)


def _plugged(connection: Any, lan: Network) -> Iterator[Held]:
    for each in all_held(connection):
        if isinstance(each.mark.item, Machine):
            live = found(each.object.XMLDesc)  # it may go while we look
            if live and any(card.lan == lan.host_name for card in cards(live).values()):
                yield each
