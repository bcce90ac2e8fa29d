"""One process at a time, over a file that the kernel lets go of when its holder dies."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from labiac.host.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold the lock file *path*; say what this is *waiting* for while another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        with Progress(waiting):
            take(file)
        yield


def take(file: IO[Any]) -> None:
    """Wait for the lock of an open *file*; closing it, or dying, gives it back."""
    try:
        import fcntl
    except ImportError:  # Windows has no such module
        _take_on_windows(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)


def _take_on_windows(file: IO[Any]) -> None:
    import msvcrt

    lock, wait = msvcrt.locking, msvcrt.LK_LOCK  # type: ignore[attr-defined]  # there alone
    while True:
        try:
            lock(file.fileno(), wait, 1)
        except OSError as error:
            if error.errno != errno.EDEADLK:  # it has waited ten seconds, and waits no longer
                raise
        else:
            return
