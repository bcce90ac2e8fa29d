"""Killed before every step: the next up completes it, and destroy leaves nothing.

The guests have nothing to boot, and nobody waits for them.
"""

from dataclasses import replace

import pytest

from labiac.backends.libvirt.connection import connect, library
from tests.backends.killed import killed

from .daemon import everything, nothing_to_boot
from .guests import Lab

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(900)]

LAB = {"lans": {"lan1": {}, "lan2": {"type": "host"}}, "pcs": {"pc1": {"lan": "lan1"}}}
FEWEST = 2  # an operation with fewer steps than this was not counted right
STEPS = {
    "virConnect": ("networkDefineXML", "defineXML", "storagePoolDefineXML"),
    "virNetwork": ("create", "destroy", "undefine"),
    "virDomain": ("create", "destroy", "setMetadata", "shutdownFlags", "undefineFlags"),
    "virStoragePool": ("build", "create", "createXML", "setAutostart"),
    "virStorageVol": ("delete", "upload"),
    "virStream": ("finish", "send"),
}
"""What changes something on the host."""


def watch(steps):
    """Count what changes something."""
    for owner, names in STEPS.items():
        steps.count(getattr(library(), owner), *names)


@pytest.fixture
def lab(daemon, monkeypatch, tmp_path):
    """Two LANs and a PC, planned."""
    nothing_to_boot(monkeypatch, tmp_path, daemon.uri)
    lab = Lab(LAB)
    yield lab
    lab.down()
    assert bare(daemon)


def bare(daemon):
    """Return whether *daemon* has no more than base images, in its pool, and no bridge."""
    links = [line.split()[0] for line in daemon.run("ip", "-br", "link").splitlines()]
    ours = [name for name in links if name.startswith(("lab-", "vnet", "virbr"))]
    kept = [name for name in everything() if not name.startswith("image-") and name != "labiac"]
    return not ours and not kept


def at_every_step(daemon, lab, prepare, work, then):
    """Prepare, be killed at step 1, 2, 3 of *work*, check what *then* makes of it, clean up."""
    for step in range(1, 100):
        prepare()
        cut_off = killed(step, watch, work)
        then()
        lab.down()
        assert bare(daemon), f"step {step}: {everything()}"
        if not cut_off:
            assert step > FEWEST
            return
    pytest.fail("it never came to an end")


def everything_is_up(lab):
    items = (*lab.plan.networks, *lab.plan.machines)
    assert [(lab.read(item).item, lab.read(item).running) for item in items] == [
        (item, True) for item in items
    ]


def nothing():
    """There is nothing to prepare, or to do."""


def test_creating_a_network_is_completed_by_the_next_up(daemon, lab):
    def work():
        lab.backend.create(lab.copy, lab.plan.network("lan2"))

    def then():
        lab.up()
        everything_is_up(lab)

    at_every_step(daemon, lab, nothing, work, then)


def test_creating_a_machine_is_completed_by_the_next_up(daemon, lab):
    def prepare():
        lab.networks_up()
        forget_pool()

    def work():
        lab.backend.create(lab.copy, lab.plan.machine("pc1"))

    def then():
        half = lab.read(lab.plan.machine("pc1"))
        lab.up()
        everything_is_up(lab)
        assert half is None or half.item == lab.plan.machine("pc1")

    at_every_step(daemon, lab, prepare, work, then)


def test_creating_a_machine_can_be_followed_by_deleting_it(daemon, lab):
    at_every_step(daemon, lab, forget_pool, lab.up, nothing)


def forget_pool():
    """Let the pool go, so that it is made again."""
    for pool in connect().listAllStoragePools():
        if pool.isActive():
            for volume in pool.listAllVolumes():
                volume.delete()
            pool.destroy()
            pool.delete()
        pool.undefine()


def test_an_update_that_restarts_a_machine_is_completed_by_the_same_update(daemon, lab):
    was = lab.plan.machine("pc1")
    now = replace(was, memory_mib=was.memory_mib + 64)

    def then():
        assert lab.update(was, now).item == now
        assert lab.read(was).running
        assert lab.domain("pc1").maxMemory() == now.memory_mib * 1024

    at_every_step(daemon, lab, lab.up, lambda: lab.update(was, now), then)


def test_deleting_a_whole_copy_is_completed_by_deleting_it_again(daemon, lab):
    at_every_step(daemon, lab, lab.up, lab.down, nothing)


def test_deleting_a_machine_can_be_followed_by_creating_it(daemon, lab):
    def work():
        lab.backend.delete(lab.ref(lab.plan.machine("pc1")))

    def then():
        lab.up()
        everything_is_up(lab)

    at_every_step(daemon, lab, lab.up, work, then)


def test_deleting_a_network_with_machines_in_it_is_completed_by_deleting_it_again(daemon, lab):
    def work():
        lab.backend.delete(lab.ref(lab.plan.network("lan1")))

    at_every_step(daemon, lab, lab.up, work, nothing)
