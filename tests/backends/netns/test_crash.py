"""Killed at every step: whoever comes next completes it, and deleting leaves nothing."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from labiac.backends import run
from labiac.backends.base import Copy
from labiac.backends.netns import kernel, netlink
from labiac.backends.netns.backend import NetnsBackend
from labiac.plan.model import Policy, Service
from tests.backends.conftest import Labs
from tests.backends.killed import killed

LAB = {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}
AUDITED = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.kill"}
FEWEST = 5  # an operation with fewer steps than this was not counted right


@pytest.fixture
def lab():
    if os.geteuid() != 0:
        pytest.skip("the steps are counted in one process, which takes root")
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()


def watch(steps):
    """Count what touches the host."""
    steps.count(kernel, "_call")
    steps.count(netlink.Socket, "send")
    steps.count(os, "write")
    steps.count(run, "background", "run")  # daemons; nft
    sys.addaudithook(lambda event, _: steps.take() if event in AUDITED else None)


def nothing_is_left(prefix):
    folders = [Path(folder) for folder in ("/run/netns", "/etc/netns", "/run/labiac")]
    return not [found for folder in folders for found in folder.glob(f"*{prefix}*")]


def at_every_step(lab, prepare, work, then, middlebox=lambda machine: machine):
    """Prepare, be killed at step 1, 2, 3 of *work*, check what *then* makes of it, clean up."""
    for step in range(1, 500):
        plan = with_r1(lab.plan(LAB), middlebox)
        prepare(plan)
        cut_off = killed(step, watch, partial(work, NetnsBackend(), plan))
        then(plan)
        lab.down(plan)
        assert nothing_is_left(lab.prefix), f"step {step}"
        if not cut_off:
            assert step > FEWEST
            return
    pytest.fail("it never came to an end")


def with_r1(plan, middlebox):
    """Return *plan* with the router as *middlebox* makes it."""
    machines = tuple(
        middlebox(machine) if machine.name == "r1" else machine for machine in plan.machines
    )
    return replace(plan, machines=machines)


def everything_is_up(lab, plan):
    items = (*plan.networks, *plan.machines)
    assert [lab.read(plan, item) for item in items] == list(items)


def copy_of(plan):
    return Copy(plan.lab, plan.student)


def grown(machine):
    """Return *machine* with another address, a service, and no routes."""
    nic = replace(machine.nics[0], addresses=("10.0.1.77/24",))
    service = Service("sleeper", ("sleep", "60"))
    return replace(machine, nics=(nic, *machine.nics[1:]), routes=(), services=(service,))


def firewall(machine):
    return replace(machine, role="firewall", policy=Policy((), "drop"))


def bridge(machine):
    bare = tuple(replace(nic, addresses=()) for nic in machine.nics)
    return replace(machine, role="bridge", nics=bare, routes=(), forwards=False)


MIDDLEBOXES = pytest.mark.parametrize("middlebox", [firewall, bridge])


def test_creating_a_network_is_completed_by_the_next_up(lab):
    def work(backend, plan):
        backend.create(copy_of(plan), plan.networks[0])

    def then(plan):
        lab.up(plan)
        everything_is_up(lab, plan)

    at_every_step(lab, lambda _: None, work, then)


@pytest.mark.parametrize("watched", [True, False])
def test_watching_a_lan_and_ceasing_to_are_completed_by_the_next_up(lab, watched):
    def with_lan1(plan, *, watched):
        first, *others = plan.networks
        return replace(plan, networks=(replace(first, watched=watched), *others))

    def work(backend, plan):
        was, now = (with_lan1(plan, watched=each).networks[0] for each in (not watched, watched))
        backend.update(lab.ref(plan, was), was, now)

    def then(plan):
        plan = with_lan1(plan, watched=watched)
        lab.up(plan)
        everything_is_up(lab, plan)

    at_every_step(lab, lambda plan: lab.up(with_lan1(plan, watched=not watched)), work, then)


def test_creating_a_machine_is_completed_by_the_next_up(lab):
    def prepare(plan):
        for network in plan.networks:
            lab.backend.create(copy_of(plan), network)

    def work(backend, plan):
        backend.create(copy_of(plan), plan.machine("r1"))

    def then(plan):
        lab.up(plan)
        everything_is_up(lab, plan)
        assert lab.answers(plan, "pc1", "pc2")

    at_every_step(lab, prepare, work, then)


def test_creating_a_machine_can_be_followed_by_deleting_it(lab):
    def prepare(plan):
        lab.backend.create(copy_of(plan), plan.networks[0])

    def work(backend, plan):
        backend.create(copy_of(plan), grown(plan.machine("pc1")))

    at_every_step(lab, prepare, work, lambda _: None)


def test_updating_a_machine_is_completed_by_the_same_update(lab):
    def work(backend, plan):
        was = plan.machine("pc1")
        backend.update(lab.ref(plan, was), was, grown(was))

    def then(plan):
        was = plan.machine("pc1")
        lab.backend.update(lab.ref(plan, was), was, grown(was))
        assert lab.read(plan, "pc1") == grown(was)

    at_every_step(lab, lab.up, work, then)


def test_updating_a_machine_is_completed_by_creating_what_it_shall_be(lab):
    def work(backend, plan):
        was = plan.machine("pc1")
        backend.update(lab.ref(plan, was), was, grown(was))

    def then(plan):
        now = grown(plan.machine("pc1"))
        lab.backend.create(copy_of(plan), now)
        assert lab.read(plan, "pc1") == now

    at_every_step(lab, lab.up, work, then)


def test_deleting_a_machine_is_completed_by_deleting_it_again(lab):
    def work(backend, plan):
        backend.delete(lab.ref(plan, "pc1"))

    def then(plan):
        lab.backend.delete(lab.ref(plan, "pc1"))
        assert lab.read(plan, "pc1") is None

    at_every_step(lab, lab.up, work, then)


def test_deleting_a_machine_can_be_followed_by_creating_it(lab):
    def work(backend, plan):
        backend.delete(lab.ref(plan, "pc1"))

    def then(plan):
        lab.up(plan)
        everything_is_up(lab, plan)
        assert lab.answers(plan, "pc1", "pc2")

    at_every_step(lab, lab.up, work, then)


def test_deleting_a_whole_copy_is_completed_by_deleting_it_again(lab):
    def work(backend, plan):
        for item in (*plan.machines, *plan.networks):
            backend.delete(lab.ref(plan, item))

    at_every_step(lab, lab.up, work, lambda _: None)


@pytest.mark.slow
@MIDDLEBOXES
def test_creating_a_middlebox_is_completed_by_the_next_up(lab, middlebox):
    def prepare(plan):
        for network in plan.networks:
            lab.backend.create(copy_of(plan), network)

    def work(backend, plan):
        backend.create(copy_of(plan), plan.machine("r1"))

    def then(plan):
        lab.up(plan)
        everything_is_up(lab, plan)

    at_every_step(lab, prepare, work, then, middlebox)


@pytest.mark.slow
@MIDDLEBOXES
def test_a_router_that_becomes_a_middlebox_is_one_after_the_same_update(lab, middlebox):
    def work(backend, plan):
        was = plan.machine("r1")
        backend.update(lab.ref(plan, was), was, middlebox(was))

    def then(plan):
        was = plan.machine("r1")
        lab.backend.update(lab.ref(plan, was), was, middlebox(was))
        assert lab.read(plan, "r1") == middlebox(was)

    at_every_step(lab, lab.up, work, then)


@pytest.mark.slow
@MIDDLEBOXES
def test_a_middlebox_that_becomes_a_router_is_one_after_the_next_up(lab, middlebox):
    def work(backend, plan):
        was = plan.machine("r1")
        backend.update(lab.ref(plan, was), was, lab.plan(LAB).machine("r1"))

    def then(plan):
        lab.up(with_r1(plan, lambda _: lab.plan(LAB).machine("r1")))
        everything_is_up(lab, lab.plan(LAB))
        assert lab.answers(lab.plan(LAB), "pc1", "pc2")

    at_every_step(lab, lab.up, work, then, middlebox)
