"""Labs on every backend; and namespaces made by hand, for what is tested below a backend."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest

from labiac.backends import BACKENDS, open_backend
from labiac.backends.base import Backend, Copy, Measures, Ping, ref_of
from labiac.plan.model import Item, Machine, Plan
from labiac.plan.resolve import resolve
from labiac.reach.matrix import pings
from labiac.schema.load import from_data


class Bench:
    """A few namespaces of one test, wired with `ip`; names are the test's own on this host."""

    def __init__(self) -> None:
        self.prefix = f"lt{secrets.token_hex(3)}-"
        self.names: list[str] = []
        self.descriptors: dict[str, int] = {}

    def add(self, *names: str) -> None:
        for name in names:
            self.run("netns", "add", self.prefix + name)
            self.names.append(name)
            path = Path("/run/netns", self.prefix + name)
            self.descriptors[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.ip(name, "link set lo up")

    def ip(self, name: str, command: str) -> None:
        self.run("-n", self.prefix + name, *command.split())

    def cable(self, one: str, nic: str, other: str, other_nic: str) -> None:
        peer = f"peer name {other_nic} netns {self.prefix}{other}"
        self.ip(one, f"link add {nic} type veth {peer}")
        for name, end in ((one, nic), (other, other_nic)):
            self.ip(name, f"link set {end} up")

    def sysctl(self, name: str, key: str, value: int) -> None:
        self.run_in(name, "sysctl", "-qw", f"{key}={value}")

    def run_in(self, name: str, *argv: str) -> str:
        return self.run("netns", "exec", self.prefix + name, *argv)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def close(self) -> None:
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        for name in self.names:
            self.run("netns", "del", self.prefix + name)


@pytest.fixture
def bench():
    """Namespaces of this test's own; root makes them."""
    if os.geteuid() != 0:
        pytest.skip("only root makes named network namespaces")
    bench = Bench()
    yield bench
    bench.close()


class Labs:
    """Lab copies of one test on one backend; all that is left of them goes at the end."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.prefix = f"ct{secrets.token_hex(4)}"
        self._plans: list[Plan] = []

    def plan(self, description: dict[str, object], student: str = "ana") -> Plan:
        """Return the plan of a lab whose name is this test's own, unless it has one."""
        lab = from_data({"name": self.prefix, **description}, "test")
        plan = resolve(lab, student, self.backend.name)
        self._plans.append(plan)
        return plan

    def up(self, plan: Plan) -> None:
        for item in (*plan.networks, *plan.machines):
            self.backend.create(Copy(plan.lab, plan.student), item)

    def down(self, plan: Plan) -> None:
        for item in (*plan.machines, *plan.networks):
            self.backend.delete(self.ref(plan, item))

    def ref(self, plan: Plan, item: Item | str) -> str:
        if isinstance(item, str):
            item = plan.machine(item)
        kind = "machine" if isinstance(item, Machine) else "network"
        return ref_of(Copy(plan.lab, plan.student), kind, item.name)

    def read(self, plan: Plan, item: Item | str) -> Item | None:
        observed = self.backend.read(self.ref(plan, item))
        assert observed is None or observed.running
        return observed and observed.item

    def answers(self, plan: Plan, source: str, target: str, *, settle: bool = False) -> bool:
        asked = pings(plan, all_nodes=True)[source, target]
        assert isinstance(self.backend, Measures)
        return all(
            self.backend.measure(
                Copy(plan.lab, plan.student),
                [Ping(source, ping.address) for ping in asked],
                timeout_s=5,
                settle=settle,
            )
        )

    def close(self) -> None:
        for plan in self._plans:
            self.down(plan)


BOOTS_MACHINES = {"libvirt": pytest.mark.libvirt}
"""Backends on which a test takes minutes, and the mark of their tests."""


@pytest.fixture(
    params=[pytest.param(name, marks=BOOTS_MACHINES.get(name, ())) for name in sorted(BACKENDS)]
)
def labs(request):
    """Each backend that works for this user on this machine, and labs of the test's own on it."""
    labs = Labs(open_backend(request.param))
    yield labs
    labs.close()
