"""Labs on every backend; and namespaces made by hand, for what is tested below a backend."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labiac.backends import BACKENDS, open_backend
from labiac.backends.base import Backend, Copy, Measures, Ping, ref_of
from labiac.backends.hyperv import host
from labiac.backends.virtualbox import images
from labiac.backends.virtualbox.manage import PROGRAM
from labiac.images import store
from labiac.plan.model import Item, Machine, Plan, unstarted
from labiac.plan.resolve import resolve
from labiac.reach.matrix import answers, pings
from labiac.schema.load import from_data
from tests.backends.hyperv import simulated


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


@pytest.fixture(scope="session")
def virtualbox_settings(tmp_path_factory):
    """What a process of VirtualBox's, and of labiac's, finds its files by."""
    folder = tmp_path_factory.mktemp("virtualbox")
    settings = {
        "LABIAC_HOME": str(folder / "labiac"),
        "VBOX_USER_HOME": str(folder / "user"),
        "VBOX_IPC_SOCKETID": f"labiac-{secrets.token_hex(4)}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        store.folder().mkdir(parents=True)
        disk = folder / "disk.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        store.adopt("debian", disk, origin="a test", key="empty")
    return settings


@pytest.fixture
def virtualbox(virtualbox_settings, monkeypatch):
    """The backend on the real VBoxManage, which `make virtualbox-up` prepares."""
    if not os.environ.get(PROGRAM):
        pytest.skip(f"{PROGRAM} is not set: make virtualbox-up prints what to set it to")
    for name, value in virtualbox_settings.items():
        monkeypatch.setenv(name, value)
    images._READY.clear()
    return open_backend("virtualbox")


@pytest.fixture(scope="session")
def hyperv_host(tmp_path_factory):
    """Yield the PowerShell of a simulated Hyper-V host, its store, and labiac's folder."""
    folder = tmp_path_factory.mktemp("hyperv")
    script, world = simulated.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABIAC_HOME", str(folder / "labiac"))
        simulated.adopt_an_image(folder)
    yield script, world, folder / "labiac"
    host.close()


@pytest.fixture
def hyperv(hyperv_host, monkeypatch):
    """The backend on a simulated host, spoken to as to a real one."""
    script, _, home = hyperv_host
    monkeypatch.setenv(host.HOST, str(script))
    monkeypatch.setenv("LABIAC_HOME", str(home))
    return open_backend("hyperv")


TRIES = 2
"""So often a busy machine is asked."""


class Labs:
    """Lab copies of one test on one backend; all that is left of them goes at the end.

    Args:
        backend: The backend.
        kept: Labs of the whole session, for a backend whose machines take long to make.
    """

    def __init__(self, backend: Backend, kept: Labs | None = None) -> None:
        self.backend = backend
        self.kept = kept
        self.start = backend.name not in NOT_STARTED
        self.prefix = f"ct{secrets.token_hex(4)}"
        self._plans: dict[tuple[str, str], Plan] = {}

    def plan(self, description: dict[str, object], student: str = "ana") -> Plan:
        """Return the plan of a lab whose name is this test's own, unless it has one."""
        plan = self.planned(description, student)
        self._plans[plan.lab, plan.student] = plan
        return plan

    def planned(self, description: dict[str, object], student: str = "ana") -> Plan:
        """Return the plan of a lab that this test does not bring up."""
        lab = from_data({"name": self.prefix, **description}, "test")
        plan = resolve(lab, student, self.backend.name)
        return plan if self.start else unstarted(plan)

    def shared(self, description: dict[str, object], student: str = "ana") -> Plan:
        """Return the plan of the lab that every test means by this description.

        Its machines stay up from test to test where that saves their boots.
        """
        labs = self.kept or self
        name = hashlib.sha256(repr(description).encode()).hexdigest()[:8]
        return labs.plan({**description, "name": f"{labs.prefix}-{name}"}, student)

    def standing(self, description: dict[str, object], student: str = "ana") -> Plan:
        """Return the plan of a shared lab that is up, whatever an earlier test did to it."""
        plan = self.shared(description, student)
        self.up(plan)
        return plan

    def fresh(self, description: dict[str, object]) -> Plan:
        """Return the plan of a shared lab of which nothing is there."""
        plan = self.shared(description)
        self.down(plan)
        return plan

    def up(self, plan: Plan) -> None:
        create = partial(self.backend.create, Copy(plan.lab, plan.student))
        for network in plan.networks:
            create(network)
        with ThreadPoolExecutor() as pool:
            list(pool.map(create, plan.machines))

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
        assert observed is None or observed.running or not self.start
        return observed and observed.item

    def answers(self, plan: Plan, source: str, target: str, *, settle: bool = False) -> bool:
        asked = pings(plan, all_nodes=True)[source, target]
        if not self.start:
            return all(answers(self._as_read(plan), asked))
        assert isinstance(self.backend, Measures)
        copy, own = Copy(plan.lab, plan.student), [Ping(source, each.address) for each in asked]
        return any(
            all(self.backend.measure(copy, own, timeout_s=5, settle=settle)) for _ in range(TRIES)
        )

    def _as_read(self, plan: Plan) -> Plan:
        """Return what there is of *plan*: of machines that are off it says who would answer."""
        networks, machines = (
            tuple(item for each in items if (item := self.read(plan, each)) is not None)
            for items in (plan.networks, plan.machines)
        )
        return replace(plan, networks=networks, machines=machines)

    def close(self) -> None:
        for plan in self._plans.values():
            self.down(plan)


BOOTS_MACHINES = {
    "hyperv": (pytest.mark.slow,),
    "incus": (pytest.mark.incus, pytest.mark.timeout(300)),
    "libvirt": (pytest.mark.libvirt, pytest.mark.timeout(1800)),
    "virtualbox": (pytest.mark.slow,),
}
"""Backends on which a test takes minutes, and the marks of their tests."""


NOT_STARTED = {"hyperv", "virtualbox"}
"""Backends whose machines the tests make and do not start: nothing here can run them."""


@pytest.fixture(scope="session")
def guests():
    """Labs of virtual machines that stay up from test to test."""
    labs = Labs(open_backend("libvirt"))
    yield labs
    labs.close()


@pytest.fixture(scope="session")
def containers():
    """Labs of system containers that stay up from test to test."""
    labs = Labs(open_backend("incus"))
    yield labs
    labs.close()


@pytest.fixture(scope="session")
def registered(virtualbox_settings):
    """Labs of VirtualBox's machines that stay registered, and off, from test to test."""
    labs = Labs(open_backend("virtualbox"))
    yield labs
    with pytest.MonkeyPatch.context() as patch:
        for name, value in virtualbox_settings.items():
            patch.setenv(name, value)
        labs.close()


KEPT = {"incus": "containers", "libvirt": "guests", "virtualbox": "registered"}
"""Backends whose labs stay up from test to test, and the fixture that has them."""


@pytest.fixture(
    params=[pytest.param(name, marks=BOOTS_MACHINES.get(name, ())) for name in sorted(BACKENDS)]
)
def labs(request):
    """Each backend that works for this user on this machine, and labs of the test's own on it."""
    if request.param in NOT_STARTED:
        request.getfixturevalue(request.param)
    kept = request.getfixturevalue(KEPT[request.param]) if request.param in KEPT else None
    labs = Labs(open_backend(request.param), kept)
    yield labs
    labs.close()
