"""A command in a guest that is heard while it runs, and can be spoken to: all through its agent.

The agent itself takes a command's input before it begins, and tells what it said when it has ended.
So the command reads a pipe and writes files, whose names are gone again as soon as all are open.
"""

from __future__ import annotations

import base64
import os
import secrets
import select
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from labiac.backends.base import Ran
from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import library
from labiac.errors import BackendError
from labiac.host.signals import heeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PIECE: Final = 1 << 16
"""Bytes of input that go at once."""
_BEGIN: Final = 'umask 077; set -C; mkfifo "$0.in" && exec "$@" <"$0.in" >"$0.out" 2>"$0.err"'
"""What the guest's shell does with a new name and a command, which waits for somebody to speak."""
_KINDS: Final = ("in", "out", "err")
_MOST: Final = 1 << 18
"""Bytes of output that are asked for at once."""
_KEPT: Final = 1 << 22
"""Bytes of output that may lie in the guest's memory although they have been read."""
_REST_S: Final = (0.02, 0.5)
"""First and longest rest between two looks at a command that says nothing."""
_START_S: Final = 60
_END_S: Final = 10


class Attached:
    """A command under way in a guest; the end of the ``with`` block ends it too.

    Args:
        domain: A domain that runs.
        argv: The command.

    Attributes:
        rest_s: How long to do something else before it is worth to ask again.

    Raises:
        BackendError: the guest can't begin it.
    """

    def __init__(self, domain: Any, argv: Sequence[str]) -> None:
        self._domain = domain
        self._ran: Ran | None = None
        self._read = self._freed = 0
        self._saying: int | None = None
        self.rest_s = _REST_S[0]
        name = f"/tmp/labiac-{secrets.token_hex(8)}"  # noqa: S108  # the guest's, and new
        begun = agent.start(domain, ["setsid", "sh", "-c", _BEGIN, name, *argv])
        if isinstance(begun, Ran):
            raise self._refused(begun)
        self._process = begun
        # One after the other: there is no output before the input was opened on both sides.
        self._in: int | None = self._open(f"{name}.in", "r+")
        self._files = [self._open(f"{name}.{kind}", "r") for kind in ("out", "err")]
        self._removing = agent.start(domain, ["rm", *(f"{name}.{kind}" for kind in _KINDS)])

    def __enter__(self) -> Self:
        """Return it; it runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the command if it runs, and leave nothing of it in the guest."""
        with suppress(library().libvirtError, BackendError):  # a guest that is off has nothing left
            if self.status is None:
                self.signal(signal.SIGTERM)
                self._give_up(time.monotonic() + _END_S)
            self._end_input()
            for file in self._files:
                agent.ask(self._domain, "guest-file-close", handle=file)
            if not isinstance(self._removing, Ran):
                agent.outcome(self._domain, self._removing)  # the agent keeps it until it was told

    @property
    def status(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self._ran is None:
            self._ran = agent.outcome(self._domain, self._process)
        return None if self._ran is None else self._ran.status

    def hear(self) -> tuple[bytes, bytes]:
        """Return what it has written by now, and not before: to its output, and to its errors."""
        out, err = (self._next(file) for file in self._files)
        first, longest = _REST_S
        self.rest_s = first if out or err else min(2 * self.rest_s, longest)
        self._read += len(out)
        if self._read - self._freed > _KEPT:
            self._give_back()
        return out, err

    def say(self, piece: bytes) -> bool:
        """Hand it *piece*, of `PIECE` bytes at most, or none: the end of its input.

        Returns:
            Whether it was taken. It is not while the command has not read the last one.
        """
        if self._saying is not None and agent.outcome(self._domain, self._saying) is None:
            return False
        self._saying = None
        if piece:
            argv = ["dd", "status=none", "conv=notrunc", f"of=/proc/{self._process}/fd/0"]
            begun = agent.start(self._domain, argv, piece)
            if isinstance(begun, int):
                self._saying = begun
            self.rest_s = _REST_S[0]
        else:
            self._end_input()
        return True

    def signal(self, number: int) -> None:
        """Send a signal to the command and its children."""
        argv = ["kill", f"-{number}", "--", f"-{self._process}"]
        agent.execute(self._domain, argv, timeout_s=_START_S)

    def _end_input(self) -> None:
        if self._in is not None:
            agent.ask(self._domain, "guest-file-close", handle=self._in)
            self._in = None

    def _open(self, path: str, mode: str) -> int:
        """Open a file of the command as soon as it is there."""
        end, ended = time.monotonic() + _START_S, False
        while True:
            try:
                return int(agent.ask(self._domain, "guest-file-open", path=path, mode=mode))
            except library().libvirtError as error:
                if agent.is_silent(error) or time.monotonic() > end:
                    raise
            if ended:
                raise self._refused(self._ran)
            ended = self.status is not None  # it was quick: its files are there now, or never
            time.sleep(_REST_S[0])

    def _refused(self, ran: Ran | None) -> BackendError:
        said = ran.stderr.decode(errors="replace").strip() if ran else ""
        return BackendError(f"libvirt {self._domain.name()}", "its shell fails", detail=said)

    def _next(self, file: int) -> bytes:
        said = agent.ask(self._domain, "guest-file-read", handle=file, count=_MOST)
        return base64.b64decode(said["buf-b64"])

    def _give_back(self) -> None:
        """Free the memory of what was read: the file stays as long, and is empty there."""
        output = f"/proc/{self._process}/fd/1"
        argv = ["fallocate", "--punch-hole", "--length", str(self._read), output]
        agent.execute(self._domain, argv, timeout_s=_START_S)
        self._freed = self._read

    def _give_up(self, deadline: float) -> None:
        while self.status is None and time.monotonic() < deadline:
            time.sleep(_REST_S[1])
        if self.status is None:
            self.signal(signal.SIGKILL)


def attach(domain: Any, argv: Sequence[str]) -> int:
    """Run *argv* in the guest with this process's input and outputs; return its exit status.

    A Ctrl-C is the command's, and a second one kills it.

    Raises:
        BackendError: the guest can't begin it.
    """
    patience = iter((signal.SIGINT,))
    with heeded() as came, Attached(domain, argv) as command:
        source = _Input(command)
        while True:
            status = command.status
            out, err = command.hear()
            _write(1, out)
            _write(2, err)
            if status is not None and not out and not err:
                return status
            source.pass_on(command.rest_s)
            while came:
                if (number := came.pop(0)) != signal.SIGINT:
                    return 128 + number
                command.signal(next(patience, signal.SIGKILL))


class _Input:
    """What comes in on this process's standard input, for a *command*."""

    def __init__(self, command: Attached) -> None:
        self._command = command
        # Where there is none (`<&-`), the command reads to its end at once.
        self._piece: bytes | None = None if sys.stdin else b""
        self._ended = False

    def pass_on(self, wait_s: float) -> None:
        """Hand on what comes within *wait_s*, if the command takes it."""
        if self._ended or self._piece is not None:
            time.sleep(wait_s)
        elif select.select([0], [], [], wait_s)[0]:
            self._piece = os.read(0, PIECE)
        if self._piece is not None and self._command.say(self._piece):
            self._ended, self._piece = not self._piece, None


def _write(to: int, data: bytes) -> None:
    while data:
        data = data[os.write(to, data) :]
