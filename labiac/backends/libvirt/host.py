"""What the host of the virtual machines has, against what a plan wants of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labiac.backends import room, subnets
from labiac.backends.libvirt import kernel, needs
from labiac.backends.libvirt.accelerator import DEVICE, accelerator, is_barred, offered
from labiac.backends.libvirt.connection import (
    connect,
    found,
    is_local,
    library,
    own_user,
    told,
    uri,
)
from labiac.backends.libvirt.held import held
from labiac.backends.libvirt.marks import mark_of
from labiac.backends.libvirt.network import host_addresses
from labiac.backends.libvirt.storage import POOL, free_mib
from labiac.errors import LabError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.plan.model import Machine, Plan

_MIB_A_GIB: Final = 1024


def problems(plan: Plan) -> list[Problem]:
    """Return what the host in use lacks for *plan*, in the order in which to get it."""
    if lacking := needs.lacking():
        return [*lacking, *room.no_image("libvirt")]
    try:
        connection = connect()
        kind = accelerator(connection)
        with told("host"):
            return [
                *_host(connection, kind),
                *(kernel.problems(plan, Path("/")) if _has_bridges_here() else ()),
                *_clashes(connection, plan),
                *_room(connection, plan, room.GUEST_MIB[kind]),
            ]
    except LabError as error:
        said = f"{error.problem} ({error.detail})" if error.detail else error.problem
        return [Problem(error.where, "", said, error.fix)]


def _has_bridges_here() -> bool:
    """Return whether LANs are bridges of this machine's kernel."""
    return is_local() and own_user() is None


def _host(connection: Any, kind: str) -> Iterator[Problem]:
    wanted = "kvm" if kind == "kvm" else "qemu"
    if wanted not in offered(connection):
        yield Problem(
            "libvirt",
            "",
            f"libvirt at {uri()} runs no x86-64 guests by {kind}",
            "apt-get install qemu-system-x86 on its host"
            + ("" if kind == "tcg" else ", or set LABIAC_LIBVIRT_ACCEL=tcg"),
        )

    if is_barred():
        yield Problem(
            "libvirt",
            "",
            f"this user may not open {DEVICE}: guests run in software, 20 times slower",
            "sudo usermod --append --groups kvm $USER, and log in again",
            level="warning",
        )


def _clashes(connection: Any, plan: Plan) -> Iterator[Problem]:
    """Yield the LANs with an address of the host in a subnet that another network has there."""
    return subnets.clashes("libvirt", subnets.of_lans(plan), _addresses(connection, plan))


def _addresses(connection: Any, plan: Plan) -> Iterator[subnets.Held]:
    """Yield the addresses that the host has in networks that are not of *plan*."""
    ours = {lan.host_name for lan in plan.networks}
    for there in connection.listAllNetworks(library().VIR_CONNECT_LIST_NETWORKS_ACTIVE):
        name, live = there.name(), found(there.XMLDesc)  # it may go while we look
        if not live or name in ours:
            continue
        mark = mark_of(live)
        for address in host_addresses(live):
            if mark:
                yield subnets.of_copy(address, mark.item.name, mark.copy)
            else:
                yield subnets.Held(address, f"in its network {name}", f"virsh net-destroy {name}")


def _room(connection: Any, plan: Plan, beside_mib: int) -> Iterator[Problem]:
    """Sum what the machines that are not up yet take, and compare."""
    if not plan.machines:
        yield from room.no_image("libvirt")
    new = room.to_come(plan, partial(_is_on, connection))
    if not new:
        return
    yield from room.lacking_images("libvirt", new)
    free_mib = _free_mib(connection)
    yield from room.lacking_memory("libvirt", new, beside_mib=beside_mib, free_mib=free_mib)
    yield from room.lacking_cpus("libvirt", new, connection.getInfo()[2])
    yield from _disk(connection, new)


def _is_on(connection: Any, ref: str) -> bool:
    ours = held(connection, ref)
    return ours is not None and ours.is_active


def _free_mib(connection: Any) -> int:
    # What the kernel keeps only to be faster is free to be had.
    stats = connection.getMemoryStats(-1)
    return int(stats["free"] + stats.get("buffers", 0) + stats.get("cached", 0)) // 1024


def _disk(connection: Any, new: Sequence[Machine]) -> Iterator[Problem]:
    free = free_mib(connection)
    wanted = len(new) * room.WRITTEN_MIB
    most = sum(each.disk_gib for each in new) * _MIB_A_GIB
    if free < wanted:
        yield Problem(
            "libvirt",
            "",
            f"{len(new)} machines take {wanted} MiB of disk to begin with, and"
            f" {free:.0f} MiB are free in libvirt's pool {POOL}",
            "free some disk there",
        )
    elif free < most:
        yield Problem(
            "libvirt",
            "defaults.disk_gib",
            f"the disks of {len(new)} machines may grow to {most // _MIB_A_GIB} GiB, and"
            f" {free // _MIB_A_GIB:.0f} GiB are free in libvirt's pool {POOL}",
            "give them less (disk_gib), or free some disk there",
            level="warning",
        )
