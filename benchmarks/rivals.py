"""What is measured: labiac, its floor and its rivals, each a function of the number of copies.

Each returns its figures by name: `up_ms` (created, configured, every pair has answered),
`create_ms` (of that, until all is there), `down_ms` (deleted), `wall_ms` (a command, from its start
to its end), `rss_mib` (the most memory of a process of it).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from netlab_topology import for_labiac, for_netlab
from timing import MissingError, Ran, run

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PROJECT = HERE.parent
SYSTEM_PYTHON = "/usr/bin/python3"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labiac-bench"
"""Kept for the next run: the floor's program, netlab's virtual environment."""

Figures = dict[str, float]


# ---- labs on namespaces ----


def labiac(copies: int) -> Figures:
    """Labiac's netns backend, in one Python process, without Pulumi."""
    return _lab([sys.executable, f"{HERE}/labiac_lab.py", str(copies), "1"])


def labiac_by_twos(copies: int) -> Figures:
    """Return the figures of the same in two threads, a copy each at a time; of one copy none."""
    if copies == 1:
        return {}
    return _lab([sys.executable, f"{HERE}/labiac_lab.py", str(copies), "2"])


def floor(copies: int) -> Figures:
    """Return the figures of C with raw netlink: what the kernel takes."""
    return _lab([_compiled_floor(), str(copies)])


def ip_batch(copies: int) -> Figures:
    """Return the figures of a shell script with one `ip -batch` a namespace."""
    return _lab([sys.executable, f"{HERE}/ip_batch.py", str(copies)])


def mininet(copies: int) -> Figures:
    """Return Mininet's, in a namespace that plays the host, so that its bridges stay in there."""
    if subprocess.run(
        [SYSTEM_PYTHON, "-c", "import mininet"], capture_output=True, check=False
    ).returncode:
        raise MissingError("apt-get install mininet bridge-utils")
    inside = 'ip link set lo up && exec "$@"'
    script = f"{HERE}/mininet_lab.py"
    return _lab(["unshare", "--net", "sh", "-c", inside, "sh", SYSTEM_PYTHON, script, str(copies)])


def _lab(argv: list[str]) -> Figures:
    if os.geteuid() != 0:
        raise MissingError("root, to compare what all of them can do")
    ran = run(argv, env={"PYTHONPATH": str(PROJECT)})
    figures = ran.figures()
    if figures["missing"]:
        raise RuntimeError(f"{argv}: {figures['missing']} pairs did not answer")
    return {
        "up_ms": figures["create_ms"] + figures["ping_ms"],
        "create_ms": figures["create_ms"],
        "down_ms": figures["destroy_ms"],
        "rss_mib": ran.rss_mib,
    }


@cache
def _compiled_floor() -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingError("apt-get install gcc libc6-dev")
    CACHE.mkdir(parents=True, exist_ok=True)
    run([compiler, "-O2", "-o", f"{CACHE}/floor", f"{HERE}/floor.c"])
    return f"{CACHE}/floor"


# ---- plans ----


def labiac_command(copies: int) -> Figures:
    """`labiac plan`, the command, of all copies as one lab."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "many.yaml")
        file.write_text(for_labiac(copies))
        return _command(
            run([sys.executable, "-m", "labiac", "plan", str(file), "--json"], cwd=PROJECT)
        )


def labiac_plan(copies: int) -> Figures:
    """Return the figures of labiac's planner in a running Python: file read, checked, planned."""
    return _planned(sys.executable, "labiac_plan.py", for_labiac, copies)


def netlab_plan(copies: int) -> Figures:
    """Return the figures of netlab's, likewise: file read, transformed."""
    python = str(Path(_installed_netlab()).with_name("python"))
    return _planned(python, "netlab_plan.py", for_netlab, copies)


def _planned(python: str, script: str, text: Callable[[int], str], copies: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        warm_up, file = Path(folder, "one.yml"), Path(folder, "many.yml")
        warm_up.write_text(text(1))
        file.write_text(text(copies))
        argv = [python, f"{HERE}/{script}", str(warm_up), str(file)]
        ran = run(argv, cwd=Path(folder), env={"PYTHONPATH": str(PROJECT)})
    return {"wall_ms": ran.figures()["wall_ms"], "rss_mib": ran.rss_mib}


def netlab_command(copies: int) -> Figures:
    """`netlab create`, which plans and writes its configuration files."""
    program = _installed_netlab()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "topology.yml").write_text(for_netlab(copies))
        return _command(run([program, "create", "topology.yml"], cwd=Path(folder)))


@cache
def _installed_netlab() -> str:
    home = CACHE / "netlab"
    program = home / "bin" / "netlab"
    if not program.exists():
        try:
            run([sys.executable, "-m", "venv", str(home)])
            run([f"{home}/bin/pip", "install", "--quiet", "networklab"])
        except RuntimeError as error:
            raise MissingError(f"networklab of PyPI, which did not install: {error}") from error
    return str(program)


def _command(ran: Ran) -> Figures:
    return {"wall_ms": ran.wall_ms, "rss_mib": ran.rss_mib}


# ---- start-up ----


def python_alone(copies: int) -> Figures:
    """Return what the interpreter takes to do nothing."""
    del copies
    return _command(run([sys.executable, "-c", "pass"]))


def labiac_imports(copies: int) -> Figures:
    """Return what interpreter and imports take until a lab can be made, measured and deleted."""
    del copies
    program = (
        "import labiac.plan.document, labiac.backends.netns.backend, labiac.backends.netns.ping; "
        "from labiac.backends import open_backend; open_backend('netns')"
    )
    return _command(run([sys.executable, "-c", program], cwd=PROJECT))
