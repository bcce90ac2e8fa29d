"""The practical for a class of N students: `labiac class up`, and a shell loop of `pulumi up`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_up import new_stack, own_home
from rivals import HERE, PROJECT, Figures
from timing import run

if TYPE_CHECKING:
    from collections.abc import Mapping

LAB = "three-lans"
LONGEST_LOOP = 10
"""Students: each takes the loop as long as the one before."""


def labiac_class(copies: int) -> Figures:
    """`labiac class up` and `labiac class destroy`: one process, one start of the CLI a student."""
    with own_home() as env:
        roster = Path(env["LABIAC_HOME"], "class.csv")
        roster.write_text("\n".join(["student", *_students(copies)]))
        labiac = [sys.executable, f"{HERE}/own_usage.py"]
        whose = [LAB, "--roster", str(roster)]
        try:
            up = run([*labiac, "class", "up", *whose], env=env)
        finally:
            down = run([*labiac, "class", "destroy", *whose], env=env)
    used = up.figures()
    return {
        "up_ms": up.wall_ms,
        "cpu_ms": used["cpu_s"] * 1000,
        "down_ms": down.wall_ms,
        "rss_mib": used["rss_mib"],
    }


def pulumi_loop(copies: int) -> Figures:
    """Return the figures of `pulumi stack init` and `pulumi up`, one student after the other.

    Of a class for which that would take minutes there are none.
    """
    if copies > LONGEST_LOOP:
        return {}
    figures = dict.fromkeys(("up_ms", "cpu_ms", "down_ms"), 0.0)
    with own_home() as env:
        for student in _students(copies):
            stack = f"{LAB}.{student}"
            config = Path(env["LABIAC_HOME"], f"Pulumi.{student}.yaml")
            config.write_text("config:\n  labiac:backend: netns\n")
            how = ["--stack", stack, "--config-file", str(config), "--yes", "--skip-preview"]
            for ran in (new_stack(stack, env), run(["pulumi", "up", *how], cwd=PROJECT, env=env)):
                figures["up_ms"] += ran.wall_ms
                figures["cpu_ms"] += ran.cpu_s * 1000
        figures["down_ms"] = _down(copies, env)
    return figures


def _down(copies: int, env: Mapping[str, str]) -> float:
    """Return how long it takes to destroy the copies one after the other, milliseconds."""
    wall_ms = 0.0
    for student in _students(copies):
        config = Path(env["LABIAC_HOME"], f"Pulumi.{student}.yaml")
        how = ["--stack", f"{LAB}.{student}", "--config-file", str(config), "--yes"]
        wall_ms += run(["pulumi", "destroy", *how, "--skip-preview"], cwd=PROJECT, env=env).wall_ms
    return wall_ms


def _students(copies: int) -> list[str]:
    return [f"bench{number}" for number in range(copies)]


if __name__ == "__main__":
    print(json.dumps(labiac_class(int(sys.argv[1]))))
