"""The practical by `pulumi up` and by `labiac up`, each as a user who was never here before."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rivals import PROJECT, Figures
from timing import MissingError, run

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    with _home() as env:
        labiac = [sys.executable, "-m", "labiac"]
        whose = ["three-lans", "--student", "bench"]
        up = run([*labiac, "up", *whose], cwd=PROJECT, env=env)
        down = run([*labiac, "destroy", *whose], cwd=PROJECT, env=env)
    return {"wall_ms": up.wall_ms, "down_ms": down.wall_ms, "rss_mib": up.rss_mib}


def _pulumi(backend: str, copies: int) -> Figures:
    del copies
    with _home() as env:
        config = Path(env["LABIAC_HOME"], "Pulumi.bench.yaml")
        config.write_text(f"config:\n  labiac:lab: three-lans\n  labiac:backend: {backend}\n")
        stack = ["--stack", STACK]
        options = ["--config-file", str(config), "--yes", "--skip-preview", "--non-interactive"]
        run(["pulumi", "stack", "init", *stack], cwd=PROJECT, env=env)
        up = run(["pulumi", "up", *stack, *options], cwd=PROJECT, env=env)
        down = run(["pulumi", "destroy", *stack, *options], cwd=PROJECT, env=env)
    return {"wall_ms": up.wall_ms, "down_ms": down.wall_ms, "rss_mib": up.rss_mib}


@contextmanager
def _home() -> Iterator[dict[str, str]]:
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
        }
