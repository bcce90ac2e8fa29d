"""The only module that starts host processes: an argv each, never a shell."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from labiac.backends.base import Ran
from labiac.errors import BackendError, CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import IO

NOT_FOUND = 127
"""Exit status of a command that does not exist, as a shell has it."""
NOT_EXECUTABLE = 126


def run(
    argv: Sequence[str],
    *,
    where: str,
    timeout_s: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run *argv* with *stdin*, and return what came of it, whatever its exit status.

    *environment* comes on top of our own.

    Raises:
        BackendError: it takes longer than *timeout_s*; it is killed then, with its children.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        return Ran(_status(error), b"", f"{argv[0]}: {error.strerror}\n".encode())
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout_s)
        except BaseException as error:
            kill_session(process.pid)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BackendError(
                    where, f"{argv[0]} took longer than {timeout_s:g} s, and was ended"
                ) from error
            raise
    return Ran(process.returncode, stdout, stderr)


def insist(argv: Sequence[str], *, where: str, timeout_s: float, stdin: bytes = b"") -> bytes:
    """Run *argv* with *stdin* and return its output.

    Raises:
        CommandError: it exits non-zero.
        BackendError: it takes longer than *timeout_s*.
    """
    ran = run(argv, where=where, timeout_s=timeout_s, stdin=stdin)
    if ran.status != 0:
        raise CommandError(where, argv, ran.status, ran.stderr.decode(errors="replace"))
    return ran.stdout


def background(argv: Sequence[str], *, where: str, log: Path, tag: tuple[str, str]) -> int:
    """Start *argv* in a session of its own with its output in *log*; return its process number.

    *tag* is a variable of its environment by which its whole family can be found again.

    Raises:
        BackendError: it can't be started.
    """
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, tag[0]: tag[1]},
            )
    except OSError as error:
        raise BackendError(where, f"can't start {argv[0]}: {error.strerror}") from error
    process.returncode = 0  # it outlives us: nobody waits for it, and nobody warns of that
    return process.pid


def partner(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    errors: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start *argv* to talk with over its standard input and output; it ends when its input does.

    Its errors go to the file *errors*, else where ours go.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def become(argv: Sequence[str]) -> int:
    """Become *argv*: this process goes on as that command.

    Returns:
        The exit status to end with, only where it can't be started, which is said on stderr.
    """
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606  # an argv, and no shell on purpose
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        return _status(error)


def kill_session(leader: int) -> None:
    """Kill the process group that *leader* leads. Already ended is fine."""
    kill = getattr(os, "killpg", os.kill)  # Windows has no such groups: there it is the leader
    try:
        kill(leader, 9)
    except ProcessLookupError:
        return


def _status(error: OSError) -> int:
    return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
