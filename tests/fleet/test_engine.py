"""The real Pulumi engine on labs in memory: one process, one start of the CLI an operation."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pulumi
import pytest

from labiac.backends.base import Copy, ref_of
from labiac.errors import LabError
from labiac.fleet import recovery
from labiac.fleet.engine import Engine
from labiac.fleet.events import Step
from labiac.fleet.settings import state_file
from labiac.plan.resolve import resolve
from labiac.provider.lifecycle import backend
from labiac.provider.program import run
from labiac.schema.load import from_data

CRASH = Path(__file__).with_name("crash.py")
LAB = {
    "name": "small",
    "lans": {"lan1": {}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}},
}
ANA = Copy("small", "ana")
ALL = 5
"""Resources of LAB: the lab, a network, two machines, and what they reach."""


@pytest.fixture(autouse=True)
def nothing_runs(own_pulumi):
    """Pulumi of the test's own, and no lab in memory."""
    backend.cache_clear()
    return own_pulumi


def program(student: str = "ana", **pcs):
    """Return the program of LAB; *pcs* adds or changes some."""
    described = copy.deepcopy(LAB)
    described["pcs"] |= pcs
    return partial(run, resolve(from_data(described), student, "memory"))


def standing() -> set[str]:
    """Return what stands in memory."""
    return {f"{name}" for found in backend("memory").find() for name, _ in found.nodes}


def state() -> dict:
    return json.loads(state_file(ANA).read_text())["checkpoint"]["latest"]


def locks() -> list[Path]:
    return list((state_file(ANA).parents[2] / "locks").rglob("*.json"))


def started(what: str, node: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(CRASH.parents[2])}
    argv = [sys.executable, str(CRASH), what, node]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)


def killed_while_it_makes(node: str) -> None:
    with started("kill", node) as process:
        assert process.wait() == -signal.SIGKILL


def test_up_makes_what_is_missing_and_then_leaves_it_alone():
    result = Engine(ANA).up(program())
    assert (result.ok, result.changes, result.messages) == (True, {"create": ALL}, ())
    assert standing() == {"pc1", "pc2"}
    again = Engine(ANA).up(program())
    assert (again.ok, again.changes, again.notes) == (True, {"same": ALL}, ())


def test_up_makes_only_what_is_new_and_deletes_only_what_is_gone():
    Engine(ANA).up(program(pc3={"lan": "lan1"}))
    result = Engine(ANA).up(program(pc4={"lan": "lan1"}))
    steps = {step.name: step for step in result.steps}
    ops = {name: step.op for name, step in steps.items()}
    assert (ops["small-lan1"], ops["small-pc1"]) == ("same", "update")
    assert (ops["small-pc3"], ops["small-pc4"]) == ("delete", "create")
    was, now = steps["small-pc1"].before, steps["small-pc1"].outputs
    assert {field for field in now if now[field] != was[field]} == {"hosts"}
    assert standing() == {"pc1", "pc2", "pc4"}


def test_the_cli_keeps_no_log_of_a_run():
    logs, engine = Path(os.environ["PULUMI_HOME"], "logs"), Engine(ANA)
    before = list(logs.glob("*"))  # of its version, which it was asked for
    assert engine.preview(program()).ok
    assert list(logs.glob("*")) == before


def test_a_preview_says_the_same_and_makes_nothing():
    result = Engine(ANA).preview(program())
    assert (result.ok, result.changes) == (True, {"create": ALL})
    assert standing() == set()


def test_destroy_needs_no_lab_file_and_leaves_nothing():
    Engine(ANA).up(program())
    result = Engine(ANA).destroy()
    assert (result.ok, result.changes) == (True, {"delete": ALL})
    assert standing() == set()
    assert Engine(ANA).destroy().changes == {}


def test_a_refresh_finds_what_is_gone_and_keeps_what_it_found():
    Engine(ANA).up(program())
    backend("memory").delete(ref_of(ANA, "machine", "pc1"))
    assert Engine(ANA).refresh(keep=False).changes["delete"] == 1
    assert Engine(ANA).refresh(keep=True).changes["delete"] == 1
    assert "delete" not in Engine(ANA).refresh(keep=True).changes


def test_every_resource_is_told_of_as_it_starts_and_as_it_is_done():
    news = []
    Engine(ANA, news.append).up(program())
    told = [(each.state, each.op) for each in news if isinstance(each, Step) and "pc1" in each.name]
    assert told == [("running", "create"), ("done", "create")]


def test_what_a_program_finds_wrong_is_the_error_once():
    def wrong() -> None:
        raise pulumi.RunError("there is no lab of that name")

    result = Engine(ANA).up(wrong)
    assert not result.ok
    assert result.errors == ("there is no lab of that name",)


def test_a_mistake_in_a_program_reaches_who_called():
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Engine(ANA).up(broken)


def test_two_students_go_up_at_once_and_do_not_disturb_each_other():
    results = {}

    def bring_up(student: str) -> None:
        results[student] = Engine(Copy("small", student)).up(program(student))

    threads = [threading.Thread(target=bring_up, args=(name,)) for name in ("ana", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[name].changes for name in ("ana", "bob")] == [{"create": ALL}] * 2
    Engine(ANA).destroy()
    assert [found.copy.student for found in backend("memory").find()] == ["bob"]


def test_labiac_killed_while_it_makes_a_node_the_next_up_converges():
    killed_while_it_makes("pc1")
    assert locks()
    result = Engine(ANA).up(program())
    assert result.ok
    assert result.notes
    assert standing() == {"pc1", "pc2"}
    assert "pending_operations" not in state()
    assert Engine(ANA).up(program()).changes == {"same": ALL}


def test_labiac_killed_while_it_makes_a_node_destroy_takes_that_node_too():
    killed_while_it_makes("pc1")
    plan = resolve(from_data(LAB), "ana", "memory")
    backend("memory").create(ANA, plan.machine("pc1"))  # what the dead process had made of it
    result = Engine(ANA).destroy()
    assert result.ok
    assert standing() == set()
    assert not state().get("resources")
    assert "pending_operations" not in state()


def test_a_node_that_is_no_longer_in_the_lab_is_cleared_away_after_a_crash():
    killed_while_it_makes("pc2")
    plan = resolve(from_data(LAB), "ana", "memory")
    backend("memory").create(ANA, plan.machine("pc2"))
    without = copy.deepcopy(LAB)
    del without["pcs"]["pc2"]
    result = Engine(ANA).up(partial(run, resolve(from_data(without), "ana", "memory")))
    assert result.ok
    assert standing() == {"pc1"}


def test_the_cli_killed_is_told_and_the_next_up_converges():
    def kill(_news) -> None:
        for pid in children_called("pulumi"):
            os.kill(pid, signal.SIGKILL)

    result = Engine(ANA, kill).up(program())
    assert (result.ok, result.errors) == (False, ("the Pulumi CLI was ended by signal 9",))
    assert Engine(ANA).up(program()).ok
    assert standing() == {"pc1", "pc2"}


def test_what_a_killed_cli_left_half_written_is_mended():
    killed_while_it_makes("pc1")
    for written in (state_file(ANA), *locks()):
        written.with_name(f"{written.name}.attrs").write_text("")
    assert Engine(ANA).up(program()).ok
    assert standing() == {"pc1", "pc2"}


def test_what_a_full_disk_left_half_written_is_mended():
    assert Engine(ANA).up(program()).ok
    assert Engine(ANA).up(program(pc3={"lan": "lan1"})).ok
    written = state_file(ANA)
    written.write_text(written.read_text()[:1000])
    lock = state_file(ANA).parents[2] / "locks/organization/labiac" / written.stem / "lock.json.tmp"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("")
    os.utime(lock, (0, 0))
    result = Engine(ANA).up(program())
    assert (result.ok, ["was cut off" in note for note in result.notes]) == (True, [True])
    assert standing() == {"pc1", "pc2"}


def children_called(name: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, comm, _, parent = entry.read_text().split()[:4]
        except OSError:
            continue
        if int(parent) == os.getpid() and comm == f"({name})":
            found.append(int(pid))
    return found


def test_a_ctrl_c_ends_cleanly():
    with started("wait", "pc1") as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        said = json.loads(process.stdout.read())
    assert (said["ok"], said["cancelled"]) == (False, True)
    assert locks() == []
    result = Engine(ANA).up(program())
    assert (result.ok, result.notes) == (True, ())


@pytest.fixture
def locked(monkeypatch):
    """A stack that somebody works on: call it with who that is."""
    monkeypatch.setattr(recovery, "PATIENCE_S", 0.2)
    Engine(ANA).preview(program())

    def lock(pid: int, host: str) -> None:
        folder = state_file(ANA).parents[2] / "locks/organization/labiac/small.ana"
        folder.mkdir(parents=True, exist_ok=True)
        who = {"pid": pid, "username": "eve", "hostname": host}
        text = json.dumps({**who, "timestamp": "2026-01-02T03:04:05Z"})
        (folder / "a-lock.json").write_text(text)

    return lock


def test_a_stack_that_a_living_pulumi_works_on_is_left_alone(locked, tmp_path):
    sleeper = tmp_path / "bin" / "pulumi"
    sleeper.parent.mkdir()
    sleeper.write_bytes(Path("/bin/sleep").read_bytes())
    sleeper.chmod(0o755)
    with subprocess.Popen([sleeper, "30"]) as other:
        locked(other.pid, socket.gethostname())
        with pytest.raises(LabError, match=rf"eve@\S+ \(pid {other.pid}\) works on it"):
            Engine(ANA).up(program())
        other.terminate()
    assert locks()


def test_a_lock_of_another_machine_is_left_alone(locked):
    locked(1, "elsewhere")
    with pytest.raises(LabError, match=r"eve@elsewhere \(pid 1\) works on it"):
        Engine(ANA).up(program())
    assert locks()


def test_a_lock_whose_number_another_program_has_by_now_is_taken_off(locked):
    locked(os.getpid(), socket.gethostname())
    result = Engine(ANA).up(program())
    assert (result.ok, len(result.notes)) == (True, 1)
    assert locks() == []
