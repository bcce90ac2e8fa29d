"""What is an ordinary user's own: holders, workers, and what only root can do.

The contract (`tests/backends/test_contract.py`) runs as an ordinary user as well. Here root plays
one: a user namespace is the same for both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from io import BytesIO
from pathlib import Path

import pytest

from labiac.backends import run
from labiac.backends.base import Copy, Ping, Ran
from labiac.backends.netns import check, kernel
from labiac.backends.netns.process import start_time
from labiac.backends.netns.user import UserBackend
from labiac.errors import BackendError
from tests.backends.conftest import Labs

LAB = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
SMALL_KIB = 5 * 1024


@pytest.fixture
def lab(tmp_path):
    labs = Labs(UserBackend(tmp_path))
    yield labs
    labs.close()
    assert list(tmp_path.glob("holders/*")) == []


@pytest.fixture
def plan(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    return plan


def holder(tmp_path):
    """Return the number of the one holder."""
    (file,) = (tmp_path / "holders").iterdir()
    return int(file.read_text().split()[0])


def test_a_copy_is_held_by_one_small_process_that_goes_with_it(lab, plan, tmp_path):
    process = holder(tmp_path)
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    assert int(line.split()[1]) < SMALL_KIB
    lab.down(plan)
    wait_until(lambda: start_time(process) == 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nothing_of_it_shows_on_the_host(lab, plan):
    spaces = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    assert lab.prefix not in spaces
    assert lab.answers(plan, "pc1", "pc2")


def test_without_its_holder_a_copy_reads_as_gone_and_up_brings_it_back(lab, plan, tmp_path):
    os.kill(holder(tmp_path), signal.SIGKILL)
    wait_until(lambda: lab.read(plan, "pc1") is None)
    assert lab.read(plan, plan.networks[0]) is None
    (found,) = lab.backend.find()
    assert found.nodes == (("pc1", False), ("pc2", False))
    asked = [Ping("pc1", "10.0.1.12")]
    assert lab.backend.measure(Copy(plan.lab, plan.student), asked, timeout_s=1, settle=False) == [
        False
    ]
    lab.up(plan)
    assert lab.answers(plan, "pc1", "pc2")


def test_without_its_holder_a_copy_is_deleted_all_the_same(lab, plan, tmp_path):
    os.kill(holder(tmp_path), signal.SIGKILL)
    lab.down(plan)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_another_process_may_have_ended_and_begun_a_copy_meanwhile(lab, plan, tmp_path):
    other = UserBackend(tmp_path)
    for item in (*plan.machines, *plan.networks):
        other.delete(lab.ref(plan, item))
    assert lab.read(plan, "pc1") is None
    for item in (*plan.networks, *plan.machines):
        other.create(Copy(plan.lab, plan.student), item)
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert lab.answers(plan, "pc1", "pc2")


def test_a_killed_worker_is_an_error_and_the_next_call_works(lab, plan):
    _, worker = lab.backend._idle[-1]
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(BackendError, match="killed"):
        lab.read(plan, "pc1")
    assert lab.read(plan, "pc1") == plan.machine("pc1")


def test_a_capture_comes_through(lab, plan):
    sink = BytesIO()
    ping = ["sh", "-c", "ping -c 20 -i 0.1 10.0.1.12 >/dev/null 2>&1 &"]
    lab.backend.execute(lab.ref(plan, "pc1"), ping, timeout_s=5)
    assert lab.backend.capture(lab.ref(plan, "pc2"), "eth0", sink, packets=2, seconds=5) == 2
    assert len(sink.getvalue()) > 24 + 2 * (16 + 42)


def test_a_machine_is_made_anew_and_the_others_go_on(lab, plan):
    refs = [lab.ref(plan, name) for name in ("pc1", "pc2")]
    for ref in refs:
        lab.backend.execute(ref, ["ip", "address", "flush", "dev", "eth0"], timeout_s=5)
    assert lab.backend.reset(refs[0]).item == plan.machine("pc1")
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert lab.read(plan, "pc2") != plan.machine("pc2")


def test_what_is_gone_can_t_be_made_anew(lab, plan):
    lab.down(plan)
    with pytest.raises(BackendError, match="gone"):
        lab.backend.reset(lab.ref(plan, "pc1"))


def test_an_error_over_the_pipe_is_the_error_it_was(lab, plan):
    with pytest.raises(BackendError, match="no such machine"):
        lab.backend.execute(f"{plan.lab}/{plan.student}/machine/pc9", ["true"], timeout_s=5)


def test_what_touches_the_host_takes_root(lab):
    plan = lab.plan(
        {
            "lans": {"lan1": {"type": "nat"}, "lan2": {"type": "host"}},
            "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"nics": [{"attach": "nat"}]}},
        }
    )
    found = lab.backend.check(plan)
    assert [problem.where for problem in found] == ["netns lan1", "netns lan2", "netns pc2"]
    assert all("root" in problem.fix for problem in found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
    ],
)
def test_a_machine_that_bars_user_namespaces_is_told_from_others(monkeypatch, lab, key, value):
    refused = Ran(1, b"", b"unshare: Operation not permitted\n")
    monkeypatch.setattr(run, "run", lambda *_, **__: refused)
    monkeypatch.setattr(kernel, "read_sysctl", lambda asked: value if asked == key else "")
    (problem,) = lab.backend.check(lab.plan(LAB))
    assert key.replace("/", ".") in problem.problem
    assert f"sysctl -w {key.replace('/', '.')}" in problem.fix


def test_where_nothing_says_why_the_refusal_is_told(monkeypatch):
    refused = Ran(1, b"", b"unshare: Operation not permitted\n")
    monkeypatch.setattr(run, "run", lambda *_, **__: refused)
    monkeypatch.setattr(kernel, "read_sysctl", lambda _: "")
    problem = check.no_user_spaces()
    assert problem is not None
    assert "Operation not permitted" in problem.problem


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
