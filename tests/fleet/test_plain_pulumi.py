"""`labiac up` and plain `pulumi up` are one engine, one program and one state."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy
from labiac.fleet.engine import Engine
from labiac.fleet.settings import exports, stack_name
from labiac.plan.resolve import resolve
from labiac.provider.program import run
from labiac.schema.load import load

ROOT = Path(__file__).parents[2]
LAB = "three-lans"
ALL = 11
"""Resources of the lab: itself, three networks, six machines, and what they reach."""


pytestmark = pytest.mark.usefixtures("own_pulumi")


@pytest.fixture
def copy():
    """A copy of the practical for a student of this test's own."""
    copy = Copy(LAB, f"t{secrets.token_hex(3)}")
    yield copy
    Engine(copy).destroy()


@pytest.fixture
def plain(copy, tmp_path):
    """Run plain `pulumi` in the project folder, on the stack of the copy; return its output."""

    def pulumi(*arguments: str) -> str:
        python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, **exports(), "PATH": python, "PYTHONPATH": str(ROOT)}
        env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        where = ["--stack", stack_name(copy), "--config-file", str(tmp_path / "stack.yaml")]
        ended = subprocess.run(
            ["pulumi", *arguments, *where, "--non-interactive"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return pulumi


def program(copy: Copy):
    return partial(run, resolve(load(LAB), copy.student, "netns"))


def running(copy: Copy) -> bool:
    found = [each for each in open_backend("netns").find() if each.copy.student == copy.student]
    return bool(found)


def test_pulumi_goes_on_where_labiac_stopped(copy, plain):
    assert Engine(copy).up(program(copy)).changes == {"create": ALL}
    plain("preview", "--expect-no-changes")
    plain("destroy", "--yes", "--skip-preview")
    assert not running(copy)


def test_labiac_goes_on_where_pulumi_stopped(copy, plain):
    assert Engine(copy).preview(program(copy)).changes == {"create": ALL}  # creates the stack
    plain("up", "--yes", "--skip-preview")
    assert running(copy)
    assert Engine(copy).up(program(copy)).changes == {"same": ALL}
    assert Engine(copy).destroy().changes == {"delete": ALL}
    assert not running(copy)
