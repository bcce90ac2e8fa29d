"""LANs on Incus: a network each, of the host or of each member of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labiac.backends.base import Observed
from labiac.backends.incus import instance, lans, machines, network, projects
from labiac.backends.incus.held import Held, all_held, held_or_free, machines_held
from labiac.backends.incus.names import bridge
from labiac.backends.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Copy
    from labiac.plan.model import Network


def create(copy: Copy, item: Network) -> Observed:
    """Make *item*, or what is missing of it; its nodes are told of ports that lead to them.

    Raises:
        ForeignError: a network of that name is not labiac's.
        BackendError: Incus refused.
    """
    ours = held_or_free(Mark(copy, item, whole=True))
    if ours is not None and ours.known["type"] != network.kind(item):
        delete(ours)
        ours = None
    before = ours.mark.network.forwards if ours else ()
    ours = lans.make(copy, item)
    if before or item.forwards:
        for guest in _plugged(ours):
            machines.wire(guest)
    return observed(ours)


def delete(ours: Held) -> None:
    """Delete a LAN, and first the machines that are still plugged into it."""
    for guest in list(_plugged(ours)):
        machines.delete(guest)
    lans.remove(ours.mark.copy, ours.mark.item.name)
    projects.tidy(ours.mark.copy)  # the machines may have gone by themselves, with their host


def observed(ours: Held) -> Observed:
    """Return a LAN as it is now: a port leads nowhere if the node has it not that it leads to."""
    lan = network.observed(ours.mark.network, ours.known)
    if lan.forwards:
        guests = [*machines_held(ours.mark.copy)]
        lacking = {port for guest in guests for port in instance.lacking(lan.forwards, guest)}
        kept = tuple(port for port in lan.forwards if port not in lacking)
        lan = replace(lan, forwards=kept)
    return Observed(ours.mark.ref, lan, running=ours.is_active)


def _plugged(ours: Held) -> Iterator[Held]:
    name = bridge(ours.mark.copy, ours.mark.item.name)
    for guest in all_held():
        devices = guest.known.get("devices", {}).values()
        if any(device.get("network") == name for device in devices):
            yield guest
