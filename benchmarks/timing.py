"""How a bench measures: one process after the other, on a machine that is quiet."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST_S = 600
SAID_LINES = 5
NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default")
ROOM = {"gc_thresh1": 4096, "gc_thresh2": 8192, "gc_thresh3": 16384}
"""Neighbours that the host's kernel keeps for all namespaces; 100 labs need some 1400."""


class MissingError(Exception):
    """A tool is not on this machine; the text says what it is and how to get it."""


class Ran:
    """One process that has ended.

    Args:
        wall_ms: From its start to its end.
        cpu_s: What it and all that it waited for took of a CPU.
        rss_mib: The most memory that it, or one process it waited for, held at a time.
        said: Its standard output.
    """

    def __init__(self, wall_ms: float, cpu_s: float, rss_mib: float, said: str) -> None:
        self.wall_ms, self.cpu_s, self.rss_mib, self.said = wall_ms, cpu_s, rss_mib, said

    def figures(self) -> dict[str, Any]:
        """Return the JSON object that the process printed last."""
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found


def run(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Ran:
    """Run *argv* to its end.

    Raises:
        RuntimeError: it failed; with the last that it said.
    """
    # Python caches its bytecode, as it does for users.
    environment = {**os.environ, **(env or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.monotonic()
    process = subprocess.Popen(
        argv, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_ms = (time.monotonic() - start) * 1000
    if process.returncode != 0:
        last = "\n".join(said.splitlines()[-SAID_LINES:])
        raise RuntimeError(f"{' '.join(argv)} exited {process.returncode}:\n{last}")
    return Ran(wall_ms, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def wait_for_quiet() -> None:
    """Wait until the namespaces of earlier runs are dead.

    The kernel buries them in order, in the background, some 50 ms a lab; building meanwhile is
    slow. So one more is made and let die: the cable that leads into it goes when its turn comes.
    """
    here, there = "bench-quiet-here", "bench-quiet-there"
    for name in (here, there):
        subprocess.run(["ip", "netns", "add", name], check=True)
    cable = f"link add v0 type veth peer name v1 netns {there}".split()
    subprocess.run(["ip", "-n", here, *cable], check=True)
    subprocess.run(["ip", "netns", "del", there], check=True)
    look = ["ip", "-n", here, "link", "show", "v0"]
    end = time.monotonic() + LONGEST_S
    while (
        time.monotonic() < end
        and not subprocess.run(look, capture_output=True, check=False).returncode
    ):
        time.sleep(0.02)
    subprocess.run(["ip", "netns", "del", here], check=True)
    time.sleep(0.2)


@contextmanager
def room_for_neighbours() -> Iterator[None]:
    """Let the host's kernel keep enough neighbours for 100 labs, and put it back at the end."""
    before = {name: (NEIGHBOURS / name).read_text() for name in ROOM}
    with suppress(OSError):  # not root: 100 copies are not measured then
        for name, value in ROOM.items():
            (NEIGHBOURS / name).write_text(str(value))
    try:
        yield
    finally:
        with suppress(OSError):
            for name, text in before.items():
                (NEIGHBOURS / name).write_text(text)
