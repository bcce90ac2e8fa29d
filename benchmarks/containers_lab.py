"""The practical as six system containers: by labiac, and by the scripts that a person would write.

    python benchmarks/containers_lab.py TOOL

TOOL is one of those at the end. All make the same containers; the scripts get image and seeds for
nothing. Each is done when all twelve pairs have answered. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import permutations
from typing import TYPE_CHECKING, Any

import booted
from booted import READY, side_by_side

from labiac.backends import open_backend
from labiac.backends.base import Copy
from labiac.backends.incus import api, images, instance, names
from labiac.backends.incus.command import execute
from labiac.backends.mark import Mark
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import pings

if TYPE_CHECKING:
    from labiac.plan.model import Machine, Network

POLL_S = 0.2
TAKEN = "cat /proc/[0-9]*/smaps_rollup | awk '/^Pss:/ {sum += $2} END {print sum}'"
KIB_A_MIB = 1024


class Labiac(booted.Labiac):
    """Labiac's backend, as its provider calls it."""

    def answers(self) -> bool:
        """Return whether every PC reaches every PC: measure all pairs."""
        asked = [ping for pair in pings(self.plan).values() for ping in pair]
        backend: Any = open_backend("incus")
        return all(backend.measure(self.copy, asked, timeout_s=10, settle=False))


class Script(booted.Tool):
    """A script with the incus command, one container after the other."""

    at_once = 1

    def __init__(self, backend: str) -> None:
        super().__init__(backend)
        self.project = names.project(self.copy)
        self.image, self.pool = images.fingerprint("debian"), images.pool()

    def up(self) -> None:
        """Make project and bridges, start the containers, and look until each is ready."""
        shared = ("-c", "features.images=false", "-c", "features.networks=false")
        _incus("project", "create", self.project, *shared)
        for lan in self.plan.networks:
            none = ("ipv4.address=none", "ipv6.address=none")
            _incus("network", "create", self._bridge(lan), *none)
        self._all(self._start)
        self._all(self._wait)

    def answers(self) -> bool:
        """Return whether every PC reaches every PC: ping all pairs, one after the other."""
        hosts = {name: self.plan.machine(name) for name in self.plan.end_nodes}
        return all(
            self._exec(one, "ping", "-c1", "-W2", next(to.addresses()).partition("/")[0])
            for one, to in ((one, hosts[two]) for one, two in permutations(hosts, 2))
        )

    def down(self) -> None:
        """Delete containers, bridges and project."""
        self._all(lambda each: _incus("delete", "--force", "--project", self.project, each.name))
        for lan in self.plan.networks:
            _incus("network", "delete", self._bridge(lan))
        _incus("project", "delete", self.project)

    def _start(self, machine: Machine) -> None:
        mark = Mark(self.copy, machine, whole=True)
        told = {
            "config": instance.configuration(mark, {}),
            "devices": instance.devices(self.copy, machine, self.pool),
        }
        where = ("--project", self.project, "--no-profiles")
        _incus("launch", self.image, machine.name, *where, text=json.dumps(told))

    def _wait(self, machine: Machine) -> None:
        while not self._exec(machine.name, "test", "-s", READY):
            time.sleep(POLL_S)

    def _exec(self, name: str, *argv: str) -> bool:
        words = ["incus", "exec", "--project", self.project, name, "--", *argv]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    def _bridge(self, lan: Network) -> str:
        return names.bridge(self.copy, lan.name)

    def _all(self, work: Any) -> None:
        side_by_side(self.at_once, work, self.plan.machines)


class Threads(Script):
    """The same, with a thread for each container."""

    at_once = 6


def _incus(*words: str, text: str = "") -> None:
    subprocess.run(["incus", *words], check=True, capture_output=True, input=text.encode())


def memory_mib(student: str) -> float:
    """Return what the processes of a container take, on average; what they share is shared out."""
    plan = plan_file("three-lans", student, "incus")
    copy = Copy(plan.lab, plan.student)
    ran = [
        execute(names.place(copy, each.name), ["sh", "-c", TAKEN], timeout_s=60)
        for each in plan.machines
    ]
    return sum(int(each.stdout) for each in ran) / KIB_A_MIB / len(ran)


def main() -> None:
    """Make them with the tool named, end them, and say what it took."""
    os.environ["INCUS_SOCKET"] = str(api.address())
    tool = TOOLS[sys.argv[1]]("incus")
    images.bring("debian")
    begun = time.monotonic()
    took = {}
    try:
        tool.up()
        while not tool.answers():
            time.sleep(POLL_S)
        took["ready_s"] = time.monotonic() - begun
        took["memory_mib"] = memory_mib(tool.copy.student)
    finally:
        begun = time.monotonic()
        tool.down()
        took["down_ms"] = 1000 * (time.monotonic() - begun)
    print(json.dumps(took))


TOOLS = {"labiac": Labiac, "script": Script, "threads": Threads}

if __name__ == "__main__":
    main()
