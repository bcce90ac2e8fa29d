"""Processes of labiac's own that work for a LAN, and outlive the command that started them.

Nobody notes which these are. A process is found by its command line, which says what it does and
for which LAN: that is so as long as it runs, and whoever looks.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

READY: Final = "ready\n"
"""What such a process says first, and when it works."""
_TAG: Final = "LABIAC_BACKGROUND"
_PATIENCE_S: Final = 20
"""How long Python may take to start on a busy machine, or a killed process to be gone."""
_POLL_S: Final = 0.01

Words = tuple[str, ...]
"""A module, and the arguments that it was started with."""


def found(*begin: str) -> dict[Words, int]:
    """Return what runs whose words *begin* so, and its process number."""
    return {words: process for process, words in _running() if words[: len(begin)] == begin}


def start(*words: str, where: str, problem: str, fix: str) -> None:
    """Start a module with arguments unless it runs, and return once it is ready.

    Args:
        words: What to start.
        where: What the errors are about.
        problem: What is so where it can't work.
        fix: What to do where it can't work.

    Raises:
        BackendError: it ends with an error, or does not get ready.
    """
    with TemporaryDirectory(prefix="labiac-") as folder:
        log = Path(folder) / "said"
        argv = [sys.executable, "-m", *words]
        process = run.background(argv, where=where, log=log, tag=(_TAG, words[0]))
        end = time.monotonic() + _PATIENCE_S
        while not (said := log.read_text(errors="replace")).startswith(READY):
            over = _is_over(process)
            if over and found(*words):
                return  # somebody else has started it meanwhile
            if over or time.monotonic() > end:
                detail = said.strip().rpartition("\n")[2]
                raise BackendError(where, problem, detail=detail, fix=fix)
            time.sleep(_POLL_S)


def end(*begin: str, where: str) -> None:
    """End what runs whose words *begin* so, and wait until it is gone.

    Raises:
        BackendError: it is another user's.
    """
    late = time.monotonic() + _PATIENCE_S
    for process in found(*begin).values():
        try:
            run.kill_session(process)
        except PermissionError:
            problem = f"process {process}, which works for it, is another user's"
            fix = "let that user do it, or root"
            raise BackendError(where, problem, fix=fix) from None
        _is_over(process)
    while found(*begin) and time.monotonic() < late:
        time.sleep(_POLL_S)


def _running() -> Iterator[tuple[int, Words]]:
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208  # hundreds, and often
        with suppress(OSError):  # it may end while we look
            line = Path("/proc", name, "cmdline").read_bytes().decode(errors="replace")
            _program, option, *words = [*line.removesuffix("\0").split("\0"), ""]
            if option == "-m":
                yield int(name), tuple(words[:-1])


def _is_over(process: int) -> bool:
    """Return whether a child of ours has ended; the kernel keeps it until it was asked."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] == process
    except ChildProcessError:
        return True
