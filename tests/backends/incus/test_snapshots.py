"""Snapshots of containers that run: one lab for all sentences, on a real Incus."""

import secrets
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.incus import api, names
from labiac.errors import BackendError, UsageError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

pytestmark = [pytest.mark.incus, pytest.mark.timeout(300)]
INCUS = open_backend("incus")
PAIR = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
HELD = """
import sys
from labiac.backends.base import Copy
from labiac.backends.incus.held import machines_held
from labiac.backends.incus.still import still
with still([*machines_held(Copy(*sys.argv[1:]))]):
    print("still", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def plan():
    """Return two PCs that are up, and stay so from test to test."""
    plan = resolve(from_data({**PAIR, "name": f"ls{secrets.token_hex(3)}"}), "ana", "incus")
    refs = [INCUS.create(of(plan), item).ref for item in (*plan.networks, *plan.machines)]
    yield plan
    for ref in reversed(refs):
        INCUS.delete(ref)


@pytest.fixture
def copy(plan):
    """Return the copy, without snapshots before and after."""
    yield of(plan)
    for each in INCUS.snapshots(of(plan)).all():
        INCUS.snapshots(of(plan)).forget(each.name)


def of(plan):
    return Copy(plan.lab, plan.student)


def ref(copy, name):
    return ref_of(copy, "machine", name)


def run(copy, name, *argv):
    return INCUS.execute(ref(copy, name), argv, timeout_s=30).stdout.decode().strip()


def status(copy, name):
    return api.get(names.place(copy, name).path("state"))["status"]


def test_what_was_done_since_is_gone_and_what_was_off_is_off_again(plan, copy):
    run(copy, "pc1", "touch", "/root/before")
    INCUS.stop(ref(copy, "pc2"))
    taken = INCUS.snapshots(copy).take("start")
    assert taken.nodes == ("pc1", "pc2")
    assert status(copy, "pc1") == "Running"
    INCUS.start(ref(copy, "pc2"))
    run(copy, "pc1", "sh", "-c", "rm /root/before; touch /root/after")
    assert INCUS.snapshots(copy).restore("start") == taken == INCUS.snapshots(copy).all()[0]
    assert run(copy, "pc1", "ls", "/root") == "before"
    assert [INCUS.read(ref(copy, name)).running for name in ("pc1", "pc2")] == [True, False]
    INCUS.start(ref(copy, "pc2"))
    assert INCUS.read(ref(copy, "pc1")).item == plan.machine("pc1")
    assert INCUS.measure(copy, [Ping("pc1", "10.0.1.12")], timeout_s=5, settle=True) == [True]


def test_a_snapshot_leaves_nothing_on_the_containers_that_it_is_of(copy):
    before = [api.get(names.place(copy, name).path())["config"] for name in ("pc1", "pc2")]
    INCUS.snapshots(copy).take("start")
    INCUS.snapshots(copy).forget("start")
    assert INCUS.snapshots(copy).all() == []
    after = [api.get(names.place(copy, name).path())["config"] for name in ("pc1", "pc2")]
    assert after == before


def test_a_name_is_had_once_and_one_that_is_not_there_is_refused(copy):
    INCUS.snapshots(copy).take("start")
    with pytest.raises(UsageError, match="there is one of that name"):
        INCUS.snapshots(copy).take("start")
    with pytest.raises(UsageError, match="there is no such snapshot"):
        INCUS.snapshots(copy).restore("end")


def test_a_snapshot_of_another_lab_is_refused_with_what_has_changed(plan, copy):
    INCUS.snapshots(copy).take("start")
    was = plan.machine("pc1")
    now = replace(was, hosts=f"{was.hosts}10.0.1.77 other\n")
    INCUS.update(ref(copy, "pc1"), was, now)
    try:
        with pytest.raises(BackendError, match="is of another lab") as caught:
            INCUS.snapshots(copy).restore("start")
        assert "pc1 hosts" in caught.value.detail
    finally:
        INCUS.update(ref(copy, "pc1"), now, was)


def test_a_snapshot_that_somebody_took_a_part_of_says_what_is_lost(copy):
    INCUS.snapshots(copy).take("start")
    api.call("DELETE", names.place(copy, "pc2").path("snapshots", "start"))
    (left,) = INCUS.snapshots(copy).all()
    assert left.lost == ("pc2",)
    with pytest.raises(BackendError, match="it has nothing of pc2"):
        INCUS.snapshots(copy).restore("start")


def test_snapshots_of_others_are_not_ours(copy):
    path = names.place(copy, "pc1").path("snapshots")
    api.call("POST", path, {"name": "theirs", "stateful": False})
    try:
        assert INCUS.snapshots(copy).all() == []
    finally:
        api.call("DELETE", names.place(copy, "pc1").path("snapshots", "theirs"))


def test_containers_that_stand_still_go_on_when_labiac_is_killed(copy):
    argv = [sys.executable, "-c", HELD, copy.lab, copy.student]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"still\n"
        assert status(copy, "pc1") == "Frozen"
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while {status(copy, name) for name in ("pc1", "pc2")} != {"Running"}:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_container_that_stands_still_goes_on_when_the_lab_is_brought_up(plan, copy):
    state = names.place(copy, "pc1").path("state")
    api.call("PUT", state, {"action": "freeze", "timeout": -1})
    assert not INCUS.read(ref(copy, "pc1")).running
    assert INCUS.create(copy, plan.machine("pc1")).running
    assert status(copy, "pc1") == "Running"
