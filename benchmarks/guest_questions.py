"""What is asked about virtual machines, and what labiac promises of them."""

from __future__ import annotations

import sys
from functools import cache, partial

import guest_phases
import guests_lab
from booted import labiac_up
from questions import OURS, Promise, Section
from rivals import HERE, PROJECT, Figures
from timing import MissingError, run

from labiac.backends.libvirt import needs
from labiac.images import store

SERIAL, THREADS, VIRSH = "libvirt-python", "libvirt-python, 6 threads", "virsh"


def _lab(tool: str, image: str, copies: int) -> Figures:
    """Return the figures of six guests of *image*, made by *tool*."""
    del copies
    lacking = needs.lacking()
    if lacking:
        raise MissingError("; ".join(problem.fix for problem in lacking))
    argv = [sys.executable, f"{HERE}/guests_lab.py", tool, image]
    return run(argv, env={"PYTHONPATH": str(PROJECT)}).figures()


@cache
def _phases() -> Figures:
    """Return the seconds of one boot by phase."""
    return run(
        [sys.executable, f"{HERE}/guest_phases.py"], env={"PYTHONPATH": str(PROJECT)}
    ).figures()


def _phase(name: str, copies: int) -> Figures:
    del copies
    return {"phase_s": _phases()[name]}


def _image(copies: int) -> Figures:
    """Return what the lab image takes."""
    del copies
    image = store.image("debian")
    return {"file_mib": image.size / 2**20, "disk_mib": image.disk / 2**20}


def _labiac_up(copies: int) -> Figures:
    """Return the figures of `labiac up` until all guests are ready and have been measured."""
    del copies
    return labiac_up("libvirt", guests_lab.memory_mib)


DESTROYED = "destroyed, ms"
MEMORY = "memory of the host a guest, MiB"

SECTIONS = (
    Section(
        "guests",
        "Six guests with nothing to boot",
        "The practical's three networks and six guests, each with a disk, a seed and a console, of"
        " the same XML for all: defined and started, with an empty disk as the image. What they"
        " take is libvirt's and QEMU's: QEMU's start is work for a processor, and of a destroy"
        " 0.2 s a guest are libvirt's rest before it looks whether QEMU has ended, and 0.2 s a"
        " network or more its firewall rules. libvirt works on five calls of a client at a time.",
        {
            OURS: partial(_lab, "labiac", "empty"),
            SERIAL: partial(_lab, "script", "empty"),
            THREADS: partial(_lab, "threads", "empty"),
            VIRSH: partial(_lab, "virsh", "empty"),
        },
        {1: 3},
        {"create_ms": "defined and started, ms", "down_ms": DESTROYED, "memory_mib": MEMORY},
    ),
    Section(
        "boot",
        "The practical until all of it is ready",
        "`labiac up three-lans --backend libvirt` from start to end, with its forecast, Pulumi's"
        " state and the measured matrix, against the same six guests that a script with virsh"
        " starts: until cloud-init has finished in each of them.",
        {"labiac up": _labiac_up, VIRSH: partial(_lab, "virsh", "debian")},
        {1: 1},
        {"ready_s": "ready, seconds", "down_ms": DESTROYED, "memory_mib": MEMORY},
    ),
    Section(
        "phases",
        "Where the seconds of a boot go",
        "One PC on a LAN, by its guest's own clock: from the start of its machine until cloud-init"
        " has finished.",
        {name: partial(_phase, name) for name in guest_phases.PHASES},
        {1: 1},
        {"phase_s": "seconds"},
    ),
    Section(
        "image",
        "The lab image",
        "What each guest's disk is laid over, once on a host.",
        {"debian": _image},
        {1: 1},
        {"file_mib": "its file, MiB", "disk_mib": "its disk, MiB; a guest's may be larger"},
    ),
)

PROMISES = (
    Promise(
        "guests", "defined and started as fast as by threads", OURS, THREADS, "create_ms", most=1.1
    ),
    Promise("guests", "destroyed as fast as by threads", OURS, THREADS, "down_ms", most=1.1),
    Promise("boot", "`up` at most 1.1 times the script's", "labiac up", VIRSH, "ready_s", most=1.1),
)
