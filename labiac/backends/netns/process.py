"""Tell one process from another that got its number later."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_STATE, _START_TIME = 0, 19
"""Positions in ``/proc/PID/stat`` after the name of the program."""


def start_time(process: int) -> int:
    """Return when *process* started, in ticks since boot; 0 when it has ended."""
    with suppress(ChildProcessError):  # our own child that ended stays until it is asked for
        os.waitpid(process, os.WNOHANG)
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[_STATE] == "Z" else int(fields[_START_TIME])
