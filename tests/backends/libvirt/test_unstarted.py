"""Guests that are defined and not started: none of these boots."""

import pytest

from labiac.plan.model import unstarted

from .guests import ONE_LAN, Lab

pytestmark = pytest.mark.libvirt


@pytest.fixture
def lab():
    lab = Lab(ONE_LAN)
    lab.plan = unstarted(lab.plan)
    yield lab
    lab.down()


def test_a_guest_is_defined_with_its_disk_and_its_seed_and_left_off(lab):
    lab.up()
    for machine in lab.plan.machines:
        observed = lab.backend.read(lab.ref(machine))
        assert (observed.item, observed.running) == (machine, False)
    lab.up()
    (found,) = (each for each in lab.backend.find() if each.copy.lab == lab.copy.lab)
    assert set(found.nodes) == {("pc1", False), ("pc2", False)}
