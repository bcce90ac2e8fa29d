"""What is asked about system containers, and what labiac promises of them."""

from __future__ import annotations

import sys
from functools import partial

import containers_lab
from booted import labiac_up
from questions import OURS, Promise, Section
from rivals import HERE, PROJECT, Figures
from timing import MissingError, run

from labiac.backends.incus import api

COMMAND, SERIAL, THREADS = "labiac up", "incus, a script", "incus, a script of 6 threads"


def _insist() -> None:
    if api.address() is None:
        raise MissingError(f"no Incus runs: make incus-up starts one; {api.SOCKET} names it")


def _lab(tool: str, copies: int) -> Figures:
    """Return the figures of the practical's six containers, made by *tool*."""
    del copies
    _insist()
    argv = [sys.executable, f"{HERE}/containers_lab.py", tool]
    return run(argv, env={"PYTHONPATH": str(PROJECT)}).figures()


def _labiac_up(copies: int) -> Figures:
    """Return the figures of `labiac up` until its matrix has been measured."""
    del copies
    _insist()
    return labiac_up("incus", containers_lab.memory_mib)


SECTIONS = (
    Section(
        "containers",
        "The practical as six containers of Incus",
        "Made, booted and asked until all twelve pairs have answered. `labiac up` has its forecast,"
        " Pulumi's state and the measured matrix in that; the line above it is its backend alone."
        " The scripts make the same containers with the `incus` command: they look into each until"
        " cloud-init has finished, and let every PC ping every other. Most of it is the boot of six"
        " systems, which share the machine's processors.",
        {
            OURS: partial(_lab, "labiac"),
            COMMAND: _labiac_up,
            SERIAL: partial(_lab, "script"),
            THREADS: partial(_lab, "threads"),
        },
        {1: 3},
        {
            "ready_s": "until all pairs answer, seconds",
            "down_ms": "destroyed, ms",
            "memory_mib": "memory of a container, MiB",
        },
    ),
)

PROMISES = (
    Promise("containers", "no slower than a script of threads", OURS, THREADS, "ready_s", most=1.1),
    Promise(
        "containers", "`labiac up` at most 1.3 times that", COMMAND, THREADS, "ready_s", most=1.3
    ),
)
