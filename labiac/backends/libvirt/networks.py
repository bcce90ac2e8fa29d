"""LANs on libvirt: a network each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends.base import Copy, Observed
from labiac.backends.libvirt import lan_forwards, machines, switches
from labiac.backends.libvirt import network as xml
from labiac.backends.libvirt.cards import cards
from labiac.backends.libvirt.connection import found, is_local, own_user
from labiac.backends.libvirt.held import Held, all_held, held_or_free
from labiac.backends.mark import Mark, uuid_of
from labiac.plan.model import Machine, Network
from labiac.plan.names import host_name

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
    user = own_user()
    if user is not None:
        switches.start(item, copy, _machines(connection, copy), user)
    elif not ours.is_active:
        ours.object.create()
    if _may_forward(item):
        lan_forwards.settle(item, mark.uuid)
    return observed(ours)


def delete(connection: Any, ours: Held) -> None:
    """Delete a network, and first the machines that are still plugged into it."""
    user, lan = own_user(), ours.mark.network
    for guest in list(_plugged(connection, lan, user)):
        machines.delete(connection, guest)
    if user is None and ours.is_active:
        ours.object.destroy()
    clear(ours.mark.ref)
    ours.object.undefine()


def clear(ref: str) -> None:
    """End what labiac runs for a network, which may be gone: its switch, its ports of the host."""
    user = own_user()
    if user is not None:
        lab, student, _kind, name = ref.split("/")
        switches.end(host_name(lab, student, name), user)
    elif is_local():
        lan_forwards.end(uuid_of(ref))


def observed(ours: Held) -> Observed:
    """Return a network as it is now."""
    user, lan = own_user(), ours.mark.network
    running = ours.is_active if user is None else switches.runs(lan.host_name, user)
    item = xml.observed(lan, ours.live)
    if _may_forward(lan):
        item = lan_forwards.observed(item, ours.mark.uuid)
    return Observed(ours.mark.ref, item, running=running)


def _may_forward(lan: Network) -> bool:
    """Return whether ports of this host can lead into *lan*."""
    return lan.type == "nat" and is_local()


def _machines(connection: Any, copy: Copy) -> Iterator[Machine]:
    """Yield the machines of *copy* that are there."""
    for each in all_held(connection):
        if each.mark.kind == "machine" and each.mark.copy.whose == copy.whose:
            yield each.mark.machine


def _plugged(connection: Any, lan: Network, user: int | None) -> Iterator[Held]:
    for each in all_held(connection):
        if isinstance(each.mark.item, Machine):
            live = found(each.object.XMLDesc)  # it may go while we look
            if live and any(c.leads_to(lan.host_name, user) for c in cards(live).values()):
                yield each
