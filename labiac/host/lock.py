"""One process at a time, over a file that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labiac.host.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold the lock file *path*; say what this is *waiting* for while another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        with Progress(waiting):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
