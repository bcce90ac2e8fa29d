"""Holders: a sleeping process a copy, whose namespaces are an ordinary user's ground for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.netns.places import digest, safe
from labiac.backends.netns.process import start_time
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labiac.backends.base import Copy

IN_A_SPACE: Final = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--")
"""What starts a command in namespaces of its own, where its user is root."""

_SLEEP: Final = ("sleep", "infinity")
_READY_S: Final = 5.0
_POLL_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that keeps a copy's namespaces alive, and lab and student of the copy."""

    copy: tuple[str, str]
    process: int
    started: int

    @property
    def enter(self) -> tuple[str, ...]:
        """Return what starts a command in its namespaces."""
        kinds = ("--user", "--net", "--mount", "--preserve-credentials")
        return ("nsenter", "--target", str(self.process), *kinds, "--")

    @property
    def alive(self) -> bool:
        """Return whether it is still the process that was started."""
        return start_time(self.process) == self.started != 0


class Holders:
    """The holders of one user, a small file each. Who uses one shares its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def using(self, copy: Copy) -> Iterator[Holder | None]:
        """Yield the holder of *copy*, or None when there is none; it stays meanwhile."""
        path = self._path(copy)
        if not path.exists():
            yield None
            return
        with self._locked(path, fcntl.LOCK_SH) as file:
            yield _known(file, copy)

    @contextlib.contextmanager
    def needed(self, copy: Copy) -> Iterator[Holder]:
        """Yield the holder of *copy*, started where there is none; it stays meanwhile.

        Raises:
            BackendError: this user may not make user namespaces.
        """
        with self._locked(self._path(copy), fcntl.LOCK_EX) as file:
            holder = _known(file, copy)
            if holder is None:
                holder = self._start(copy)
                os.truncate(file, 0)
                os.pwrite(file, f"{holder.process} {holder.started}".encode(), 0)
            fcntl.flock(file, fcntl.LOCK_SH)
            yield holder

    @contextlib.contextmanager
    def ending(self, copy: Copy, *, unless: Callable[[], bool]) -> Iterator[None]:
        """End the holder of *copy* when all others are done with it, *unless* it is needed again.

        The body runs before that.
        """
        path = self._path(copy)
        if not path.exists():
            yield
            return
        with self._locked(path, fcntl.LOCK_EX) as file:
            if unless():
                yield
                return
            yield
            holder = _known(file, copy)
            if holder:
                run.kill_session(holder.process)
            path.unlink(missing_ok=True)

    def _path(self, copy: Copy) -> Path:
        return self._folder / f"{safe(copy.lab)}~{safe(copy.student)}"

    @contextlib.contextmanager
    def _locked(self, path: Path, how: int) -> Iterator[int]:
        """Yield the open file of a holder, locked; it is the one that is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, how)
            if os.fstat(file).st_nlink:
                break
            os.close(file)
        try:
            yield file
        finally:
            os.close(file)

    def _start(self, copy: Copy) -> Holder:
        where = f"netns {copy.lab}/{copy.student}"
        log = self._folder / f".{digest(str(copy))[:12]}.log"
        argv = (*IN_A_SPACE, *_SLEEP)
        try:
            process = run.background(argv, where=where, log=log, tag=("LABIAC_HOLDER", where))
            end = time.monotonic() + _READY_S
            while time.monotonic() < end and start_time(process):
                if Path(f"/proc/{process}/comm").read_text(encoding="ascii").strip() == _SLEEP[0]:
                    return Holder((copy.lab, copy.student), process, start_time(process))
                time.sleep(_POLL_S)
            said = log.read_text(encoding="utf-8", errors="replace")
        finally:
            log.unlink(missing_ok=True)
        raise BackendError(
            where,
            "an ordinary user may not make namespaces here",
            fix="labiac doctor says what to do",
            detail=said,
        )


def _known(file: int, copy: Copy) -> Holder | None:
    """Return the holder that the open *file* tells of, if it is still alive."""
    numbers = os.pread(file, 64, 0).split()
    if len(numbers) != 2:  # noqa: PLR2004  # new, or cut off
        return None
    holder = Holder((copy.lab, copy.student), int(numbers[0]), int(numbers[1]))
    return holder if holder.alive else None
