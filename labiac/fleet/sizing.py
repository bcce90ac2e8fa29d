"""What a class takes of its hosts, and how many copies fit: arithmetic on measured constants."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from labiac.backends.netns.check import lookups
from labiac.backends.room import CONTAINER_WATCHERS, GUEST_MIB, WRITTEN_MIB

if TYPE_CHECKING:
    from labiac.plan.model import Plan

SPACE_MIB = 0.3
"""Kernel memory of one network namespace with its cables: ten copies of three-lans, which have 70,
add 16 to 20 MiB to ``Slab`` (Linux 6.18, 2026-11-23)."""
STATE_MIB = 1.0
"""Pulumi's state of a copy with its history and backups: 0.15 MiB an operation."""
CONTAINER_MIB = 46.0
"""Memory of an idle system container: 32 MiB are its ten processes' share, 14 that of what Incus
watches it with (6.0, the lab image, 2026-11-23). What lab files ask for is a limit."""
CONTAINER_DISK_MIB = 1.0
"""What an idle container has written: 0.04 MiB where its pool copies by reference, as on btrfs."""
CONTAINER_PROCESSES = 11
"""Processes of an idle container, and the one that watches it."""
GUESTS_A_CPU = 8.0
"""Virtual CPUs of idle guests for each of the host's; a choice, not a measurement."""
KEPT_MIB = 512.0
"""Memory that is left to the host itself."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What something takes, or a host has.

    Args:
        memory_mib: Memory.
        disk_mib: Disk where the machines lie, after the start; a student's own work comes on top.
        cpus: CPUs of the host.
        namespaces: Network namespaces.
        mounts: Mounts of the host.
        neighbours: Entries of the kernel's one table of neighbours, for each IP version.
        processes: Processes that go on running.
        watchers: Instances of inotify, of which the kernel lets a user have so many.
    """

    memory_mib: float = 0
    disk_mib: float = 0
    cpus: float = 0
    namespaces: float = 0
    mounts: float = 0
    neighbours: float = 0
    processes: float = 0
    watchers: float = 0

    def times(self, copies: float) -> Needs:
        """Return what so many *copies* take."""
        return Needs(*(getattr(self, each.name) * copies for each in fields(self)))


def needs(plan: Plan, accelerator: str = "kvm") -> Needs:
    """Return what one copy of *plan* takes of its host; libvirt runs it by *accelerator*."""
    if plan.backend == "netns":
        spaces = len(plan.machines) + 1  # one has the switches
        return Needs(
            memory_mib=SPACE_MIB * spaces,
            disk_mib=STATE_MIB,
            namespaces=spaces,
            mounts=spaces,
            neighbours=lookups(plan.machines),
            processes=sum(len(machine.services) for machine in plan.machines),
        )
    if plan.backend == "memory":
        return Needs(disk_mib=STATE_MIB)
    if plan.backend == "incus":
        return Needs(
            memory_mib=CONTAINER_MIB * len(plan.machines),
            disk_mib=STATE_MIB + CONTAINER_DISK_MIB * len(plan.machines),
            neighbours=lookups(plan.machines),
            processes=CONTAINER_PROCESSES * len(plan.machines),
            watchers=CONTAINER_WATCHERS * len(plan.machines),
        )
    guests, by = plan.machines, plan.backend if plan.backend in GUEST_MIB else accelerator
    return Needs(
        memory_mib=sum(guest.memory_mib + GUEST_MIB[by] for guest in guests),
        disk_mib=STATE_MIB + WRITTEN_MIB * len(guests),
        cpus=sum(guest.cpus for guest in guests) / GUESTS_A_CPU,
        processes=len(guests),
    )


def fit(room: Needs, one: Needs) -> tuple[int | None, str]:
    """Return how many copies that take *one* fit into *room*, and what ends first.

    None is any number: nothing that they take is bounded.
    """
    most = {
        each.name: int(getattr(room, each.name) // getattr(one, each.name))
        for each in fields(one)
        if getattr(one, each.name) and math.isfinite(getattr(room, each.name))
    }
    if not most:
        return None, ""
    first = min(most, key=lambda name: most[name])
    return max(0, most[first]), first
