"""The practical where its six nodes boot: by labiac's backend alone, and by `labiac up`."""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_up import own_home
from rivals import PROJECT, Figures
from timing import run

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.host.home import home
from labiac.plan.resolve import plan_file

if TYPE_CHECKING:
    from collections.abc import Callable

READY = "/run/cloud-init/result.json"
AT_ONCE = 16
"""Threads of labiac's provider."""


class Tool(ABC):
    """What makes the practical's LANs and nodes on a *backend*, and takes them down."""

    def __init__(self, backend: str) -> None:
        self.plan = plan_file("three-lans", f"bench{os.getpid()}", backend)
        self.copy = Copy(self.plan.lab, self.plan.student)

    @abstractmethod
    def up(self) -> None:
        """Make and start them."""

    @abstractmethod
    def down(self) -> None:
        """Leave nothing of them."""


class Labiac(Tool):
    """Labiac's backend, as its provider calls it."""

    def up(self) -> None:
        """Create LANs, then machines side by side."""
        create = partial(open_backend(self.plan.backend).create, self.copy)
        side_by_side(AT_ONCE, create, self.plan.networks)
        side_by_side(AT_ONCE, create, self.plan.machines)

    def down(self) -> None:
        """Delete machines, then LANs."""
        delete = open_backend(self.plan.backend).delete
        for kind, items in (("machine", self.plan.machines), ("network", self.plan.networks)):
            side_by_side(AT_ONCE, delete, [ref_of(self.copy, kind, each.name) for each in items])


def side_by_side(at_once: int, work: Callable[[Any], object], things: Any) -> None:
    """Do *work* on all *things*, so many of them *at_once*."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(work, things))


def labiac_up(backend: str, memory_mib: Callable[[str], float]) -> Figures:
    """Return the figures of `labiac up` until its matrix has been measured.

    Args:
        backend: Where.
        memory_mib: Returns what a node of the student's copy takes, MiB.
    """
    images = home() / "images"
    whose = ["three-lans", "--student", f"bench{os.getpid()}"]
    labiac = [sys.executable, "-m", "labiac"]
    with own_home() as env:
        Path(env["LABIAC_HOME"], "images").symlink_to(images)
        begun = time.monotonic()
        try:
            run([*labiac, "up", *whose, "--backend", backend], cwd=PROJECT, env=env)
            ready_s = time.monotonic() - begun
            mib = memory_mib(whose[2])
        finally:
            begun = time.monotonic()
            run([*labiac, "destroy", *whose], cwd=PROJECT, env=env)
        return {"ready_s": ready_s, "memory_mib": mib, "down_ms": 1000 * (time.monotonic() - begun)}
