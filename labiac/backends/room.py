"""Whether a host has room for virtual machines, and the images they boot from: all hypervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends.base import Copy, ref_of
from labiac.errors import BackendError, Problem
from labiac.images.store import images, known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labiac.images.store import Image
    from labiac.plan.model import Machine, Plan

_IMAGE_FIX: Final = "labiac image build makes the image debian; labiac image list shows others"
_GIB: Final = 1 << 30
GUEST_MIB: Final = {"kvm": 100, "tcg": 250, "virtualbox": 100}
"""Memory that a guest takes beside its own, MiB, by what runs it.

With TCG that is translated code, at most 128 MiB, and QEMU itself: a guest of 512 MiB holds 370 MiB
after half a minute (QEMU 7.2, 2026-11-23), and touches the rest as it works. With a processor's
help, which the machine lacked, it was not measured: a guess on the safe side.
"""
WRITTEN_MIB: Final = 50
"""What a booted guest has written beside the base image, which all share: 41 to 48 MiB (Debian 12,
libvirt, 2026-11-23)."""
CONTAINER_WATCHERS: Final = 6
"""Instances of inotify that systemd and its services hold in a container: 4 when it is up, more
while it boots, and one that gets none does not boot (Debian 12, Incus 6.0.4, 2026-11-23)."""


def image_of(backend: str, name: str) -> Image:
    """Return the base image *name*.

    Raises:
        BackendError: this machine has no such image.
    """
    image = known(name)
    if image is None:
        raise BackendError(backend, f"there is no image {name!r} on this machine", fix=_IMAGE_FIX)
    return image


def no_image(backend: str) -> Iterator[Problem]:
    """Yield that there is no image yet, which no lab can do without."""
    if not images():
        problem = "there is no image for machines to boot from yet"
        yield Problem(backend, "", problem, _IMAGE_FIX, level="warning")


def to_come(plan: Plan, is_there: Callable[[str], bool]) -> list[Machine]:
    """Return the machines of *plan* that *is_there* says of, by their ref, that they are not."""
    copy = Copy(plan.lab, plan.student)
    return [each for each in plan.machines if not is_there(ref_of(copy, "machine", each.name))]


def lacking_images(backend: str, new: Sequence[Machine]) -> Iterator[Problem]:
    """Yield the images that machines are to boot from and that are not here, or are too large."""
    for name in sorted({machine.image for machine in new}):
        mine = [machine for machine in new if machine.image == name]
        image = known(name)
        if image is None:
            whose = ", ".join(machine.name for machine in mine)
            problem = f"there is no image {name!r} on this machine"
            yield Problem(f"{backend} {whose}", "image", problem, _IMAGE_FIX)
            continue
        for machine in mine:
            if machine.disk_gib * _GIB < image.disk:
                yield Problem(
                    f"{backend} {machine.name}",
                    "disk_gib",
                    f"a disk of {machine.disk_gib} GiB is smaller than image {name} on it,"
                    f" {image.disk / _GIB:.1f} GiB",
                    f"give it {-(-image.disk // _GIB)} GiB at least",
                )


def lacking_memory(
    backend: str, new: Sequence[Machine], *, beside_mib: int, free_mib: int
) -> Iterator[Problem]:
    """Yield that machines want more memory than there is, *beside_mib* each beside their own.

    One that is not started wants none.
    """
    started = [machine for machine in new if machine.start]
    wanted = sum(machine.memory_mib + beside_mib for machine in started)
    if wanted > free_mib:
        yield Problem(
            backend,
            "defaults.memory_mib",
            f"{len(started)} machines want {wanted} MiB of memory ({beside_mib} MiB each beside"
            f" their own), and {free_mib} MiB are free",
            "give them less (memory_mib), or end what else runs",
        )


def lacking_cpus(backend: str, new: Sequence[Machine], there: int) -> Iterator[Problem]:
    """Yield the machines that want more CPUs than the host has *there*."""
    for machine in new:
        if machine.cpus > there:
            yield Problem(
                f"{backend} {machine.name}",
                "cpus",
                f"{machine.cpus} CPUs are more than the host's {there}",
                f"give it {there} at most",
            )
