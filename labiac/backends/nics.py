"""What no hypervisor makes of a NIC, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.errors import Problem
from labiac.plan.model import SWITCHING, lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Nic, Plan


def problems(backend: str, plan: Plan) -> Iterator[Problem]:
    """Yield the NICs of *plan* that no hypervisor makes, each with its place."""
    holder: dict[str, str] = {}
    for machine in plan.machines:
        where = f"{backend} {machine.name}"
        for number, nic in enumerate(machine.nics):
            path = place(machine, number)
            yield from _problems(where, path, nic)
            other = holder.setdefault(nic.mac, name := f"{machine.name} {nic.name}")
            if other != name:
                yield Problem(
                    where, f"{path}.mac", f"{nic.mac} is also {other}'s", "give it another"
                )


def deaf(backend: str, plan: Plan, way: str) -> Iterator[Problem]:
    """Yield the bridges and switches with a port that hears only what is for its own MAC.

    Args:
        backend: Its name.
        plan: The plan.
        way: What a NIC in a bridged LAN is there: ``a macvtap``.
    """
    bridged = {network.name for network in plan.networks if network.type == "bridged"}
    for machine in plan.machines if bridged else ():
        for nic in machine.nics if machine.role in SWITCHING else ():
            if nic.network in bridged:
                lan = lan_of(nic.network)
                yield Problem(
                    f"{backend} {machine.name}",
                    f"lans.{lan}.type",
                    f"a {machine.role} can't join {lan}: {backend} bridges it by {way}, which"
                    " hears only what is sent to its own MAC",
                    "put a router between the two, or use an internal LAN",
                )


def listening(backend: str, plan: Plan) -> Iterator[Problem]:
    """Yield the NICs of *plan* that listen, for a *backend* whose switches make no copies."""
    for machine in plan.machines:
        for number, nic in enumerate(machine.nics):
            if nic.listens:
                yield Problem(
                    f"{backend} {machine.name}",
                    place(machine, number),
                    f"an IDS can't listen to {nic.network}: labiac has {backend} copy no frames",
                    "use the backend netns, virtualbox or hyperv, or make it a bridge on their way",
                )


def _problems(where: str, path: str, nic: Nic) -> Iterator[Problem]:
    impair = nic.impair
    if impair.delay_ms or impair.jitter_ms or impair.loss_percent:
        yield Problem(
            where,
            f"{path}.impair",
            "a hypervisor limits the rate of a link, and neither delays nor loses packets",
            "leave delay, jitter and loss out, or use the backend netns",
        )
