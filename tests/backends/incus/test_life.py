"""What becomes of containers that people and machines do things to: on a real Incus."""

import secrets
from dataclasses import replace

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.incus import api, images, names
from labiac.errors import ForeignError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

pytestmark = [pytest.mark.incus, pytest.mark.timeout(300)]
INCUS = open_backend("incus")
PAIR = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}


def planned(name, student="ana", **lab):
    return resolve(from_data({**PAIR, "name": name, **lab}), student, "incus")


@pytest.fixture(scope="module")
def plan():
    """Return two PCs that are up, and stay so from test to test."""
    plan = planned(f"li{secrets.token_hex(3)}")
    copy = Copy(plan.lab, plan.student)
    refs = [INCUS.create(copy, item).ref for item in (*plan.networks, *plan.machines)]
    yield plan
    for ref in reversed(refs):
        INCUS.delete(ref)
    left = [*api.get(api.path_of("projects")), *api.get(api.path_of("networks"))]
    ours = (names.project(copy), names.bridge(copy, "lan1"))
    assert not [each for each in left if each.endswith(ours)]


def ref(plan, name):
    return ref_of(Copy(plan.lab, plan.student), "machine", name)


def run(plan, name, *argv):
    return INCUS.execute(ref(plan, name), argv, timeout_s=30).stdout.decode().strip()


def answers(plan, source, address):
    copy = Copy(plan.lab, plan.student)
    return INCUS.measure(copy, [Ping(source, address)], timeout_s=5, settle=True) == [True]


def test_a_container_is_a_whole_system_that_read_its_seed(plan):
    assert run(plan, "pc1", "cat", "/proc/1/comm") == "systemd"
    assert run(plan, "pc1", "systemctl", "--failed", "--plain", "--no-legend") == ""
    assert "NoCloud" in run(plan, "pc1", "cat", "/run/cloud-init/result.json")


def test_a_command_may_take_longer_than_a_question_about_it(plan, monkeypatch):
    monkeypatch.setattr(api, "_STEP_S", 1)
    assert run(plan, "pc1", "sh", "-c", "sleep 2; echo done") == "done"


def test_what_was_stopped_is_off_and_works_again_when_it_is_started(plan):
    INCUS.stop(ref(plan, "pc1"))
    INCUS.stop(ref(plan, "pc1"))
    assert not INCUS.read(ref(plan, "pc1")).running
    assert not answers(plan, "pc1", "10.0.1.12")
    INCUS.start(ref(plan, "pc1"))
    assert INCUS.read(ref(plan, "pc1")).item == plan.machine("pc1")
    assert answers(plan, "pc1", "10.0.1.12")


def test_a_reset_leaves_nothing_of_what_was_done(plan):
    run(plan, "pc1", "touch", "/root/work")
    run(plan, "pc2", "touch", "/root/work")
    assert INCUS.reset(ref(plan, "pc1")).item == plan.machine("pc1")
    assert run(plan, "pc1", "find", "/root", "-name", "work") == ""
    assert run(plan, "pc2", "find", "/root", "-name", "work") == "/root/work"
    assert answers(plan, "pc2", "10.0.1.11")


def test_a_restart_applies_a_seed_that_changed_and_keeps_the_disk(plan):
    service = {"watch": {"command": ["sleep", "infinity"]}}
    now = planned(
        plan.lab, pcs={"pc1": {"lan": "lan1", "services": service}, "pc2": PAIR["pcs"]["pc2"]}
    )
    run(plan, "pc1", "touch", "/root/work")
    was, item = plan.machine("pc1"), now.machine("pc1")
    try:
        assert INCUS.update(ref(plan, "pc1"), was, item).item == item
        assert run(plan, "pc1", "systemctl", "is-active", "labiac-watch") == "active"
        assert run(plan, "pc1", "find", "/root", "-name", "work") == "/root/work"
    finally:
        INCUS.update(ref(plan, "pc1"), item, was)
    assert run(plan, "pc1", "systemctl", "is-active", "labiac-watch") == "inactive"


def test_a_disk_is_as_large_as_planned_and_becomes_another_size_while_the_node_runs(plan):
    pool = api.get(api.path_of("storage-pools", images.pool()))
    if pool["driver"] == "dir":
        pytest.skip("a pool of type dir has disks of no size")
    was = plan.machine("pc1")
    small = replace(was, disk_gib=1)
    fill = ("fallocate", "--length", "2GiB", "/root/much")
    run(plan, "pc1", "touch", "/run/goes-with-a-boot")
    try:
        assert INCUS.update(ref(plan, "pc1"), was, small).item == small
        assert INCUS.execute(ref(plan, "pc1"), fill, timeout_s=30).status != 0
    finally:
        assert INCUS.update(ref(plan, "pc1"), small, was).item == was
    assert INCUS.execute(ref(plan, "pc1"), fill, timeout_s=30).status == 0
    assert run(plan, "pc1", "find", "/run", "-name", "goes-with-a-boot")
    run(plan, "pc1", "rm", "/root/much")


def test_a_project_of_the_name_that_is_not_ours_is_refused_and_left_alone():
    plan = planned(f"li{secrets.token_hex(3)}")
    copy = Copy(plan.lab, plan.student)
    name = names.project(copy)
    api.call("POST", api.path_of("projects"), {"name": name, "config": {}})
    try:
        with pytest.raises(ForeignError, match=name):
            INCUS.create(copy, plan.machine("pc1"))
        assert api.get(api.path_of("projects", name))["name"] == name
    finally:
        api.call("DELETE", api.path_of("projects", name))
