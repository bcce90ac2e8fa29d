"""Runs what takes long, to its end and line by line: the Pulumi CLI, and what builds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SETPRIV = shutil.which("setpriv")
TETHER = (
    # The kernel ends the child with its parent: whatever kills labiac, no engine works on alone,
    # takes a provider that is gone for a failed one, and forgets what it had begun to make.
    [SETPRIV, "--pdeathsig", "KILL"]
    if SETPRIV and Path(SETPRIV).resolve().name == "setpriv"  # busybox has one that cannot
    else []
)

GRACE_S = 10
"""Seconds a process gets to end on its own after SIGTERM."""


class Interrupts:
    """A Ctrl-C for what `run` has started in other threads than the main one, which gets it."""

    def __init__(self) -> None:
        self.sent = False
        self._lock = threading.RLock()  # a second Ctrl-C may come while the first is sent
        self._running: set[subprocess.Popen[str]] = set()

    def send(self) -> None:
        """Ask all that runs, and all that will be started, to stop."""
        with self._lock:
            self.sent = True
            for process in self._running:
                process.send_signal(signal.SIGINT)

    @contextmanager
    def reach(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Hand on what is sent to *process* while the block lasts."""
        with self._lock:
            self._running.add(process)
            if self.sent:
                process.send_signal(signal.SIGINT)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended: its exit status (negative: the signal), and all it said."""

    code: int
    output: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
    stdin: Path = Path(os.devnull),
    interrupts: Interrupts | None = None,
) -> Ended:
    """Run *argv* on the file *stdin*; both its outputs, line by line, go to *on_line*.

    It runs in a session of its own, so a Ctrl-C at the terminal reaches it once and from here:
    the first asks it to stop, as the second does, and the KeyboardInterrupt follows its end. In a
    thread that no Ctrl-C reaches, *interrupts* stand for it. It does not outlive this process
    where the kernel can see to that.

    Raises:
        KeyboardInterrupt: it was interrupted, and has ended.
        OSError: it cannot be started.
        TimeoutError: it took longer than *timeout_s* and was ended.
    """
    with stdin.open("rb") as file:
        process = subprocess.Popen(
            [*TETHER, *argv],
            cwd=cwd,
            env=env,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process.stdout, lines, on_line), daemon=True)
    reader.start()
    try:
        with interrupts.reach(process) if interrupts else nullcontext():
            interrupted = _wait(process, timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        message = f"{argv[0]} was still running after {timeout_s} s"
        raise TimeoutError(message) from None
    finally:
        # A grandchild may hold the pipe open longer than anybody cares about it.
        reader.join(timeout=1)
    if interrupted or (process.returncode and interrupts and interrupts.sent):
        raise KeyboardInterrupt
    return Ended(process.returncode, "".join(lines))


def _read(stream: IO[str], lines: list[str], on_line: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            lines.append(line)
            on_line(line.rstrip())


def _wait(process: subprocess.Popen[str], timeout_s: float | None) -> bool:
    """Wait for the end of *process*; return whether it was interrupted on the way."""
    interrupted = False
    while True:
        try:
            process.wait(timeout_s)
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
        else:
            return interrupted


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
