"""The practical by `pulumi up` and by `labiac up`, each as a user who was never here before."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rivals import PROJECT, Figures
from timing import MissingError, Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STACK = "three-lans.bench"


def pulumi_netns(copies: int) -> Figures:
    """`pulumi up` and `pulumi destroy` of a new stack, on namespaces."""
    return _pulumi("netns", copies)


def pulumi_memory(copies: int) -> Figures:
    """Return the figures of the same resources doing nothing: the memory backend."""
    return _pulumi("memory", copies)


def labiac_up(copies: int) -> Figures:
    """`labiac up` and `labiac destroy` of a new stack, on namespaces."""
    del copies
    whose = ["three-lans", "--student", "bench"]
    labiac = [sys.executable, "-m", "labiac"]
    with own_home() as env:
        return _up_and_down([*labiac, "up", *whose], [*labiac, "destroy", *whose], env)


def _pulumi(backend: str, copies: int) -> Figures:
    del copies
    with own_home() as env:
        config = Path(env["LABIAC_HOME"], "Pulumi.bench.yaml")
        config.write_text(f"config:\n  labiac:lab: three-lans\n  labiac:backend: {backend}\n")
        new_stack(STACK, env)
        how = ["--stack", STACK, "--config-file", str(config), "--yes", "--skip-preview"]
        return _up_and_down(["pulumi", "up", *how], ["pulumi", "destroy", *how], env)


def _up_and_down(up: list[str], down: list[str], env: dict[str, str]) -> Figures:
    try:
        made = run(up, cwd=PROJECT, env=env)
    finally:  # also what a failure left half made
        deleted = run(down, cwd=PROJECT, env=env)
    return {"wall_ms": made.wall_ms, "down_ms": deleted.wall_ms, "rss_mib": made.rss_mib}


def new_stack(name: str, env: Mapping[str, str]) -> Ran:
    """`pulumi stack init`. The settings that it leaves in the project are not those of the bench.

    Raises:
        RuntimeError: it failed.
    """
    made = run(["pulumi", "stack", "init", name, "--no-select"], cwd=PROJECT, env=env)
    Path(PROJECT, f"Pulumi.{name}.yaml").unlink()
    return made


@contextmanager
def own_home() -> Iterator[dict[str, str]]:
    """Yield the environment of a user who has never used Pulumi; it is gone at the end."""
    try:
        cli = run([sys.executable, "-m", "labiac.fleet.pulumi_cli"], cwd=PROJECT).said.split()[-1]
    except RuntimeError as error:
        raise MissingError(f"the Pulumi CLI: {error}") from error
    with tempfile.TemporaryDirectory() as home:
        own_programs = Path(sys.executable).parent
        yield {
            "LABIAC_HOME": home,
            "PATH": f"{cli}:{own_programs}:{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{home}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_HOME": home,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PYTHONPATH": str(PROJECT),
        }
