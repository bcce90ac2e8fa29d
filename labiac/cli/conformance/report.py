"""What is sent: a report for programs and one for people. Neither tells who ran it."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from textwrap import indent
from typing import TYPE_CHECKING, Any

from labiac.backends.base import (
    Captures,
    Consoles,
    Executes,
    Measures,
    Resets,
    Starts,
)
from labiac.backends.exports import Exports
from labiac.backends.snapshots import KeepsSnapshots
from labiac.backends.version import Versioned
from labiac.cli.conformance.anonymous import anonymous
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labiac.backends.base import Backend
    from labiac.cli.conformance.run import Trials, Tried
    from labiac.cli.conformance.trial import Trial
    from labiac.plan.model import Plan

_ABILITIES: dict[str, Callable[[Backend], bool]] = {
    "exec": lambda backend: isinstance(backend, Executes),
    "console": lambda backend: isinstance(backend, Consoles),
    "capture": lambda backend: isinstance(backend, Captures),
    "measure": lambda backend: isinstance(backend, Measures),
    "power": lambda backend: isinstance(backend, Starts),
    "reset": lambda backend: isinstance(backend, Resets),
    "snapshot": lambda backend: isinstance(backend, KeepsSnapshots),
    "export": lambda backend: isinstance(backend, Exports),
}
_MARGIN = " " * 9


def report(trial: Trial, trials: Trials) -> dict[str, Any]:
    """Return what came of *trials*, as programs read it."""
    plan = trial.plan()
    return {
        "conformance": trial.backend.name,
        "ok": trials.ok,
        "interrupted": trials.interrupted,
        "day": datetime.now(UTC).date().isoformat(),
        "labiac": _own_version(),
        "pulumi": _pulumi_version(),
        "python": platform.python_version(),
        "system": {
            "name": _system(),
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "processors": os.cpu_count(),
        },
        "backend": {
            "version": _version(trial.backend, plan),
            "live": sorted(trial.backend.features.live),
            "abilities": [name for name, has in _ABILITIES.items() if has(trial.backend)],
        },
        "lab": {
            "name": plan.lab,
            "networks": len(plan.networks),
            "machines": len(plan.machines),
        },
        "steps": [_step(each, plan) for each in trials.steps],
    }


def line(tried: Tried, plan: Plan) -> str:
    """Return a step as a line for people; what it says in several lines stands below it."""
    head = f"{tried.outcome:8} {tried.step:12} {tried.seconds:7.1f} s"
    said = anonymous(tried.said, plan)
    return f"{head}\n{indent(said, _MARGIN)}" if "\n" in said else f"{head}   {said}".rstrip()


def text(data: dict[str, Any], trials: Trials, plan: Plan) -> str:
    """Return the report *data* of *trials* for people."""
    system, backend = data["system"], data["backend"]
    counts = ", ".join(
        f"{trials.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")
    )
    return "\n".join(
        [
            f"labiac {data['labiac']}, conformance of {data['conformance']}, {data['day']}",
            f"  {backend['version']}; Pulumi {data['pulumi']}; Python {data['python']}",
            f"  {system['name']}, {system['kernel']}, {system['processors']} processors",
            f"  {plan.lab}: {len(plan.networks)} LANs, {len(plan.machines)} machines",
            "",
            *(line(each, plan) for each in trials.steps),
            "",
            counts + (", interrupted" if trials.interrupted else ""),
            "",
        ]
    )


def write(folder: Path, data: dict[str, Any], said: str) -> tuple[Path, Path]:
    """Write the report *data*, and *said* to people, into *folder*; return both files.

    Raises:
        OSError: it cannot be written.
    """
    files = tuple(folder / f"labiac-conformance-{data['conformance']}.{end}" for end in _ENDS)
    files[0].write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    files[1].write_text(said, encoding="utf-8")
    return files[0], files[1]


_ENDS = ("json", "txt")


def _step(tried: Tried, plan: Plan) -> dict[str, Any]:
    return {
        "step": tried.step,
        "outcome": tried.outcome,
        "seconds": round(tried.seconds, 3),
        "said": anonymous(tried.said, plan),
    }


def _own_version() -> str:
    from labiac import __version__

    return __version__


def _pulumi_version() -> str:
    from labiac.fleet.pulumi_cli import find

    try:
        return find().version
    except LabError:
        return "none"


def _version(backend: Backend, plan: Plan) -> str:
    """Return the version of what *backend* works with, or why it can't be told."""
    if not isinstance(backend, Versioned):
        return f"{backend.name} of this labiac"
    try:
        return backend.version()
    except LabError as error:
        return anonymous(f"of no known version ({error.problem})", plan)


def _system() -> str:
    """Return what the operating system calls itself: ``Debian GNU/Linux 12 (bookworm)``."""
    with suppress(OSError, KeyError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.platform(aliased=True, terse=True)
