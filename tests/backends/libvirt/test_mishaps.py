"""What goes wrong on a host is told before it, or without a loss; the next up goes on.

The guests have nothing to boot, and nobody waits for them.
"""

import re
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from labiac.backends.libvirt import boot, network
from labiac.backends.libvirt.connection import connect
from labiac.backends.mark import Mark
from labiac.errors import BackendError, ForeignError
from labiac.fleet.engine import Engine
from labiac.provider.program import run

from .daemon import everything, nothing_to_boot
from .guests import Lab

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(300)]

LAB = {"lans": {"lan1": {}, "lan2": {"type": "host"}}, "pcs": {"pc1": {"lan": "lan1"}}}
BRIDGED = {
    "lans": {"lan1": {"type": "bridged", "interface": "nosuch0"}},
    "pcs": {"pc1": {"lan": "lan1"}},
}
BRIDGE = re.compile(r"lab-[0-9a-f]{10}")
CARD = re.compile(r"<interface .*?</interface>", re.DOTALL)
FOREIGN = {
    "network": "<network><name>{}</name></network>",
    "domain": "<domain type='qemu'><name>{}</name><memory>1024</memory>"
    "<os><type>hvm</type></os></domain>",
    "subnet": "<network><name>theirs</name><ip address='10.0.2.7' prefix='24'/></network>",
}


@pytest.fixture
def lab(daemon, monkeypatch, tmp_path):
    """Two LANs, one with the host in it, and a PC: planned."""
    nothing_to_boot(monkeypatch, tmp_path, daemon.uri)
    lab = Lab(LAB)
    yield lab
    lab.down()
    assert not [name for name in everything() if name.startswith(lab.plan.lab)]


@pytest.fixture
def theirs():
    """Define somebody else's objects, which go at the end."""
    made = []

    def define(kind, name=""):
        there = connect()
        work = there.defineXML if kind == "domain" else there.networkDefineXML
        made.append(work(FOREIGN[kind].format(name)))
        return made[-1]

    yield define
    for each in made:
        if each.isActive():
            each.destroy()
        each.undefine()


@pytest.mark.parametrize("kind", ["network", "domain"])
def test_somebody_elses_object_of_that_name_is_named_and_left_alone(lab, theirs, kind):
    item = lab.plan.networks[0] if kind == "network" else lab.plan.machine("pc1")
    foreign = theirs(kind, item.host_name)
    before = foreign.XMLDesc()
    with pytest.raises(ForeignError, match=item.host_name) as caught:
        lab.backend.create(lab.copy, item)
    assert "undefine" in caught.value.fix
    assert foreign.XMLDesc() == before


def test_a_subnet_that_the_host_has_is_told_before_and_while_a_lan_is_made(lab, theirs):
    assert not lab.backend.check(lab.plan)
    theirs("subnet").create()
    (problem,) = lab.backend.check(lab.plan)
    assert problem.field == "lans.lan2"
    assert "has 10.0.2.7/24 in its network theirs already" in problem.problem
    assert problem.fix.endswith("or virsh net-destroy theirs")
    with pytest.raises(BackendError, match=r"already in use by interface") as caught:
        lab.backend.create(lab.copy, lab.plan.network("lan2"))
    assert "another subnet" in caught.value.fix


def test_a_second_copy_whose_host_lan_is_that_of_the_first_is_told_whose_it_is(lab):
    lab.backend.create(lab.copy, lab.plan.network("lan2"))
    assert not lab.backend.check(lab.plan)
    second = Lab(LAB)
    (problem,) = lab.backend.check(second.plan)
    assert (problem.where, problem.field) == ("libvirt lan2", "lans.lan2")
    assert f"in lan2 of {lab.plan.lab} of {lab.plan.student} already" in problem.problem
    assert f"labiac destroy --lab {lab.plan.lab}" in problem.fix


def test_a_bridge_of_that_name_is_told_with_what_to_do(daemon, lab):
    lan = lab.plan.network("lan1")
    bridge = BRIDGE.search(network.network(lan, Mark(lab.copy, lan, whole=True)))[0]
    daemon.run("ip", "link", "add", bridge, "type", "bridge")
    try:
        with pytest.raises(BackendError, match=bridge) as caught:
            lab.backend.create(lab.copy, lan)
        assert "ip link delete" in caught.value.fix
    finally:
        daemon.run("ip", "link", "del", bridge)
    assert lab.backend.create(lab.copy, lan).running


def test_an_interface_that_the_host_has_not_is_told_with_what_to_do(lab):
    lab.plan = lab.planned(BRIDGED)
    with pytest.raises(BackendError, match="interface nosuch0") as caught:
        lab.up()
    assert "ip link" in caught.value.fix


def test_an_image_that_is_not_here_is_told_before_anything_is_made(lab):
    machine = replace(lab.plan.machine("pc1"), image="nowhere")
    plan = replace(lab.plan, machines=(machine,))
    (problem,) = (each for each in lab.backend.check(plan) if each.level == "error")
    assert "nowhere" in problem.problem
    assert "labiac image" in problem.fix
    lab.networks_up()
    with pytest.raises(BackendError, match="nowhere"):
        lab.backend.create(lab.copy, machine)
    assert lab.read(machine).running is False


def test_memory_that_the_host_has_not_is_told_with_what_to_do(lab):
    machine = replace(lab.plan.machine("pc1"), memory_mib=1 << 28)
    problems = lab.backend.check(replace(lab.plan, machines=(machine,)))
    assert any("MiB of memory" in each.problem for each in problems)
    lab.networks_up()
    with pytest.raises(BackendError) as caught:
        lab.backend.create(lab.copy, machine)
    assert "memory_mib" in caught.value.fix
    assert lab.backend.create(lab.copy, lab.plan.machine("pc1")).running


def test_a_full_disk_is_told_before_and_while_a_machine_is_made(daemon, lab):
    lab.networks_up()
    with daemon.full_disk():
        problems = lab.backend.check(lab.plan)
        assert any("of disk to begin with" in each.problem for each in problems)
        with pytest.raises(BackendError) as caught:
            lab.backend.create(lab.copy, lab.plan.machine("pc1"))
        assert "free some disk" in caught.value.fix
    assert lab.backend.create(lab.copy, lab.plan.machine("pc1")).running


def test_a_libvirtd_that_restarts_takes_no_guest_with_it(daemon, lab):
    lab.up()
    ids = [each.ID() for each in connect().listAllDomains()]
    daemon.kill()
    wait_for(connect)
    assert lab.read(lab.plan.machine("pc1")).running
    assert [each.ID() for each in connect().listAllDomains()] == ids


def test_a_libvirtd_that_restarts_while_somebody_waits_is_told_and_the_next_up_goes_on(
    daemon, lab, monkeypatch
):
    lab.networks_up()

    def wait(domain, *_, **__):
        daemon.kill()
        while True:
            domain.isActive()

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(boot, "wait", wait)
        with pytest.raises(BackendError, match="libvirtd went away") as caught:
            lab.backend.create(lab.copy, lab.plan.machine("pc1"))
    assert "labiac up" in caught.value.fix
    wait_for(connect)
    domain = lab.domain("pc1").ID()
    assert lab.backend.create(lab.copy, lab.plan.machine("pc1")).running
    assert lab.domain("pc1").ID() == domain


def wait_for(work):
    """Wait until *work* raises nothing more."""
    for _ in range(600):
        with suppress(BackendError):
            return work()
        time.sleep(0.1)
    return work()


def test_up_switches_a_node_on_that_was_switched_off(pulumi, lab):  # noqa: ARG001  # in this order
    engine = Engine(lab.copy)
    assert engine.up(partial(run, lab.plan)).ok
    lab.backend.stop(lab.ref(lab.plan.machine("pc1")))
    found = engine.up(partial(run, lab.plan))
    assert (found.ok, found.changes["update"]) == (True, 1)
    assert lab.read(lab.plan.machine("pc1")).running


def test_a_domain_changed_by_hand_is_drift_and_mended(lab):
    lab.up()
    machine, domain = lab.plan.machine("pc1"), lab.domain("pc1")
    domain.destroy()
    assert lab.read(machine).running is False
    text = CARD.sub("", domain.XMLDesc()).replace(str(machine.memory_mib << 10), str(768 << 10))
    connect().defineXML(text).create()
    seen = lab.read(machine)
    assert (seen.item.memory_mib, seen.item.nics) == (768, ())
    assert lab.update(seen.item, machine).item == machine
    assert lab.read(machine).running
