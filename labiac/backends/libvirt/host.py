"""What the host of the virtual machines has, against what a plan wants of it."""

from __future__ import annotations

from ipaddress import ip_interface
from itertools import product
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import fromstring

from labiac.backends.base import Copy, ref_of
from labiac.backends.libvirt import needs
from labiac.backends.libvirt.accelerator import accelerator
from labiac.backends.libvirt.connection import connect, found, library, told, uri
from labiac.backends.libvirt.domain import TRANSLATED_MIB
from labiac.backends.libvirt.held import held
from labiac.backends.libvirt.network import observed
from labiac.backends.libvirt.storage import IMAGE_FIX, POOL
from labiac.errors import LabError, Problem
from labiac.images.store import images, known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.plan.model import Machine, Plan

_BESIDE_MIB: Final = {"kvm": 64, "tcg": 64 + TRANSLATED_MIB}
"""Memory that a guest takes beside its own: QEMU itself, and what TCG keeps of translated code."""
_GROWTH_MIB: Final = 128
"""Disk that a guest fills in its first boot."""
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30


def problems(plan: Plan) -> list[Problem]:
    """Return what the host in use lacks for *plan*, in the order in which to get it."""
    if lacking := needs.lacking():
        return [*lacking, *_no_image()]
    try:
        connection = connect()
        kind = accelerator(connection)
        with told("host"):
            return [
                *_host(connection, kind),
                *_lans(plan),
                *_clashes(connection, plan),
                *_room(connection, plan, _BESIDE_MIB[kind]),
            ]
    except LabError as error:
        said = f"{error.problem} ({error.detail})" if error.detail else error.problem
        return [Problem(error.where, "", said, error.fix)]


def _host(connection: Any, kind: str) -> Iterator[Problem]:
    wanted = "kvm" if kind == "kvm" else "qemu"
    host = fromstring(connection.getCapabilities())  # noqa: S314  # libvirt's own
    offered = {each.get("type") for each in host.findall("guest/arch[@name='x86_64']/domain")}
    if wanted not in offered:
        yield Problem(
            "libvirt",
            "",
            f"libvirt at {uri()} runs no x86-64 guests by {kind}",
            "apt-get install qemu-system-x86 on its host"
            + ("" if kind == "tcg" else ", or set LABIAC_LIBVIRT_ACCEL=tcg"),
        )


def _lans(plan: Plan) -> Iterator[Problem]:
    if plan.networks and uri().partition("?")[0].endswith("/session"):
        yield Problem(
            "libvirt",
            "",
            f"libvirt at {uri()} is a user's own, and has no networks",
            "use qemu:///system: sudo usermod --append --groups libvirt $USER",
        )


def _clashes(connection: Any, plan: Plan) -> Iterator[Problem]:
    """Yield the LANs with an address of the host in a subnet that another network has there."""
    ours = {lan.host_name for lan in plan.networks}
    for there in connection.listAllNetworks(library().VIR_CONNECT_LIST_NETWORKS_ACTIVE):
        name, live = there.name(), found(there.XMLDesc)  # it may go while we look
        for lan in plan.networks if live and name not in ours else ():
            for own, other in product(lan.host_addresses, observed(lan, live).host_addresses):
                subnet = ip_interface(other).network
                if subnet.overlaps(ip_interface(own).network):
                    yield Problem(
                        f"libvirt {lan.name}",
                        f"lans.{lan.name}",
                        f"the host's address {own} lies in {subnet}, which its network {name} has",
                        f"choose another subnet for this LAN, or virsh net-destroy {name}",
                    )


def _room(connection: Any, plan: Plan, beside_mib: int) -> Iterator[Problem]:
    """Sum what the machines that are not up yet take, and compare."""
    if not plan.machines:
        yield from _no_image()
    copy = Copy(plan.lab, plan.student)
    new = [
        machine
        for machine in plan.machines
        if (ours := held(connection, ref_of(copy, "machine", machine.name))) is None
        or not ours.is_active
    ]
    if not new:
        return
    yield from _images(new)
    yield from _memory(connection, new, beside_mib)
    yield from _processors(connection, new)
    yield from _disk(connection, new)


def _no_image() -> Iterator[Problem]:
    if not images():
        problem = "there is no image for machines to boot from yet"
        yield Problem("libvirt", "", problem, IMAGE_FIX, level="warning")


def _images(new: Sequence[Machine]) -> Iterator[Problem]:
    for name in sorted({machine.image for machine in new}):
        mine = [machine for machine in new if machine.image == name]
        image = known(name)
        if image is None:
            whose = ", ".join(machine.name for machine in mine)
            problem = f"there is no image {name!r} on this machine"
            yield Problem(f"libvirt {whose}", "image", problem, IMAGE_FIX)
            continue
        for machine in mine:
            if machine.disk_gib * _GIB < image.disk:
                yield Problem(
                    f"libvirt {machine.name}",
                    "disk_gib",
                    f"a disk of {machine.disk_gib} GiB is smaller than image {name} on it,"
                    f" {image.disk / _GIB:.1f} GiB",
                    f"give it {-(-image.disk // _GIB)} GiB at least",
                )


def _memory(connection: Any, new: Sequence[Machine], beside_mib: int) -> Iterator[Problem]:
    wanted = sum(machine.memory_mib + beside_mib for machine in new)
    # What the kernel keeps only to be faster is free to be had.
    stats = connection.getMemoryStats(-1)
    free = (stats["free"] + stats.get("buffers", 0) + stats.get("cached", 0)) // 1024
    if wanted > free:
        yield Problem(
            "libvirt",
            "defaults.memory_mib",
            f"{len(new)} machines want {wanted} MiB of memory ({beside_mib} MiB each beside their"
            f" own), and {free} MiB are free",
            "give them less (memory_mib), or end what else runs",
        )


def _processors(connection: Any, new: Sequence[Machine]) -> Iterator[Problem]:
    there = connection.getInfo()[2]
    for machine in new:
        if machine.cpus > there:
            yield Problem(
                f"libvirt {machine.name}",
                "cpus",
                f"{machine.cpus} CPUs are more than the host's {there}",
                f"give it {there} at most",
            )


def _disk(connection: Any, new: Sequence[Machine]) -> Iterator[Problem]:
    pool = found(connection.storagePoolLookupByName, POOL)
    if pool is None or not pool.isActive():
        return
    pool.refresh()
    free = pool.info()[3]
    wanted, most = len(new) * _GROWTH_MIB * _MIB, sum(each.disk_gib for each in new) * _GIB
    if free < wanted:
        yield Problem(
            "libvirt",
            "",
            f"{len(new)} machines take {wanted // _MIB} MiB of disk to begin with, and"
            f" {free // _MIB} MiB are free in libvirt's pool {POOL}",
            "free some disk there",
        )
    elif free < most:
        yield Problem(
            "libvirt",
            "defaults.disk_gib",
            f"the disks of {len(new)} machines may grow to {most // _GIB} GiB, and"
            f" {free // _GIB} GiB are free in libvirt's pool {POOL}",
            "give them less (disk_gib), or free some disk there",
            level="warning",
        )
