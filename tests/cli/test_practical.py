"""The closing practical as virtual machines: one command, and each pair is measured."""

from __future__ import annotations

import pytest

from labiac.images import store
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import matrix

from .test_live import Live

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(3600)]

NOTHING = {"create": 0, "update": 0, "delete": 0}
SIX_BOOTS_S = 1500
"""Six guests boot on two emulated processors, on a machine that may do other things too."""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The practical, brought up by ``labiac``; its images are those of who runs the tests."""
    home = tmp_path_factory.mktemp("home")
    (home / "images").symlink_to(store.folder())
    live = Live(home, limit_s=SIX_BOOTS_S)
    live.brought_up = live("up", "three-lans", "--backend", "libvirt", "--json")
    yield live
    gone = live("destroy", "--lab", "three-lans", "--json")
    assert gone.code == 0, gone.err


def test_the_practical_comes_up_as_virtual_machines_and_measures_as_forecast(live):
    assert live.brought_up.code == 0, live.brought_up.err
    plan = plan_file("three-lans", live.student, "libvirt")
    measured = {(pair["from"], pair["to"]): pair["ok"] for pair in live.brought_up.json["pairs"]}
    assert measured == {pair.ends: pair.ok for pair in matrix(plan)}


def test_a_second_up_changes_nothing(live):
    again = live("up", "three-lans", "--backend", "libvirt", "--json")
    assert again.code == 0, again.err
    assert again.json["resources"].items() >= NOTHING.items()
