"""A host of a test's own, and labs on it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import pings

STACKS = Path(__file__).parents[2] / "stacks"
CONVERGED_S = 120
NEW_NAMESPACES = 0x40000000 | 0x00020000  # CLONE_NEWNET | CLONE_NEWNS


class Live:
    """A lab that runs."""

    def __init__(self, plan):
        self.plan = plan
        self.refs = {}
        self._backend = open_backend("netns")
        self._copy = Copy(plan.lab, plan.student)

    def create(self):
        assert [each for each in self._backend.check(self.plan) if each.level == "error"] == []
        for item in (*self.plan.networks, *self.plan.machines):
            self.refs[item.name] = self._backend.create(self._copy, item).ref

    def delete(self):
        for ref in reversed(self.refs.values()):
            self._backend.delete(ref)

    def run(self, node, *argv):
        """Return what *argv* says on *node*; it must succeed."""
        ran = self._backend.execute(self.refs[node], argv, timeout_s=20)
        assert ran.status == 0, (ran.stdout + ran.stderr).decode()
        return ran.stdout.decode()

    def answered(self, *, settle=False):
        """Return, by source and target, whether every ping between two nodes is answered.

        With *settle*, none is given up early: for when all shall be.
        """
        asked = pings(self.plan, all_nodes=True)
        flat = [ping for each in asked.values() for ping in each]
        said = self._backend.measure(self._copy, flat, timeout_s=10, settle=settle)
        by_ping = dict(zip(flat, said, strict=True))
        return {pair: bool(each) and all(map(by_ping.get, each)) for pair, each in asked.items()}

    def converged(self, expected):
        """Return what is answered, once it is as *expected*, or routers had time to agree."""
        end = time.monotonic() + CONVERGED_S * any(node.speaker for node in self.plan.machines)
        while True:
            answered = self.answered(settle=all(expected.values()))
            if answered == expected or time.monotonic() > end:
                return answered


class Host:
    """The host of one test: a network, and a /run, that only its process has."""

    @contextmanager
    def up(self, stack, student="test"):
        """Yield a student's copy of a lab of stacks/, running; delete it in the end."""
        live = Live(plan_file(str(STACKS / f"{stack}.yaml"), student=student))
        try:
            live.create()
            yield live
        finally:
            live.delete()

    def run(self, *argv):
        """Return what *argv* says on the host; it must succeed."""
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def links(self):
        """Return the names of the host's interfaces."""
        return {path.name for path in Path("/sys/class/net").iterdir()}

    def namespaces(self):
        """Return the names of the namespaces on the host."""
        return {path.name for path in Path("/run/netns").glob("*")}


@pytest.fixture
def host():
    """The test runs in a process of its own, on a host of its own; see `pytest_pyfunc_call`."""
    if os.geteuid() != 0:
        pytest.skip("only root makes a host of its own")
    return Host()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a test that has a `host` in a forked process, with network and mounts of its own.

    What a lab does to its host, it does to that one, and nothing outlives the test.
    """
    if "host" not in pyfuncitem.fixturenames:
        return None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, _outcome(pyfuncitem))
        os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, encoding="utf-8") as pipe:
            failure = pipe.read()
    finally:
        os.kill(child, signal.SIGKILL)  # it has ended, unless this test was given up
        os.waitpid(child, 0)
    if failure != "passed":
        pytest.fail(failure or "its process died", pytrace=False)
    return True


def _outcome(test):
    try:
        assert ctypes.CDLL(None).unshare(NEW_NAMESPACES) == 0
        for command in (
            ["mount", "--make-rprivate", "/"],
            ["mount", "-t", "tmpfs", "tmpfs", "/run"],
            ["mount", "-t", "sysfs", "sysfs", "/sys"],
            ["ip", "link", "set", "lo", "up"],
        ):
            subprocess.run(command, check=True)
        test.obj(**{name: test.funcargs[name] for name in test._fixtureinfo.argnames})
    except BaseException:  # noqa: BLE001 -- told to the parent, which fails with it
        return traceback.format_exc()[-20_000:].encode()
    return b"passed"
