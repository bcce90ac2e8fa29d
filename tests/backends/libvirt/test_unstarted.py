"""Guests that are defined and not started: none of these boots."""

import pytest
import yaml

from labiac.cli.nodes import _there
from labiac.errors import LabError
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


def test_a_node_that_is_off_is_told_from_one_that_is_not_up(lab, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump({"name": lab.copy.lab, **ONE_LAN}))
    with pytest.raises(LabError, match="is not up"):
        _there(lab.backend, str(file), "pc1", "ana", "libvirt")
    lab.up()
    with pytest.raises(LabError, match="is off") as caught:
        _there(lab.backend, str(file), "pc1", "ana", "libvirt")
    assert caught.value.fix == f"labiac start {file} pc1 --student ana --backend libvirt"
