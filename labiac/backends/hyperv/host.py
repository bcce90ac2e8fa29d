"""The Hyper-V host: which one it is, and what is said to it."""

from __future__ import annotations

import os
import sys
from threading import RLock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from labiac.backends.hyperv.shell import (
    Command,
    LostError,
    RefusedError,
    Statement,
    command,
    select,
)
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.hyperv.shell import Row, Shell

HOST: Final = "LABIAC_HYPERV"
"""Names the host: a PowerShell of this machine, ``ssh://HOST`` or ``https://USER@HOST``."""
NO_HOST_FIX: Final = f"set {HOST} to ssh://HOST or https://USER@HOST, a Windows host with Hyper-V"
TIMEOUT_S: Final = 300.0
_GUARD: Final = RLock()
_OPEN: Final[dict[tuple[int, str], Shell]] = {}
"""The shell of this process on each host: one that was forked off has its own."""


def name() -> str:
    """Return what names the host, or the empty string where there is none."""
    return os.environ.get(HOST) or ("powershell.exe" if sys.platform == "win32" else "")


def is_here() -> bool:
    """Return whether the host is this machine: it reads our files."""
    return "://" not in name()


def change(*statements: Statement | Command, where: str, timeout_s: float = TIMEOUT_S) -> list[Row]:
    """Run *statements*, and return what they select; the first error ends them.

    Raises:
        RefusedError: the host refused one; those before it were done.
        BackendError: there is no host, or it does not answer.
    """
    return _run(statements, where, timeout_s, "Stop")


def look(*statements: Statement | Command, where: str) -> list[Row]:
    """Run *statements* that only look, and return what they select; nothing where nothing is.

    Raises:
        RefusedError: the host refused one.
        BackendError: there is no host, or it does not answer.
    """
    return _run(statements, where, TIMEOUT_S, "Continue")


def edition() -> int:
    """Return the major version of the host's PowerShell.

    Raises:
        BackendError: there is no host, or it does not answer.
    """
    with _GUARD:
        return _shell().edition


def version() -> str:
    """Return which Windows the host is, and which PowerShell.

    Raises:
        BackendError: there is no host, or it does not answer.
    """
    system = command("Get-CimInstance", ClassName="Win32_OperatingSystem")
    (row,) = look(system | select("Caption", "Version"), where="hyperv")
    return f"Hyper-V of {row['Caption']} {row['Version']}, PowerShell {edition()}"


def close() -> None:
    """End what this process has open."""
    with _GUARD:
        for key in [key for key in _OPEN if key[0] == os.getpid()]:
            _OPEN.pop(key).close()


def _run(
    statements: Sequence[Statement | Command], where: str, timeout_s: float, on_error: str
) -> list[Row]:
    if not statements:
        return []
    said = [_with(each, on_error) for each in statements]
    with _GUARD:
        shell = _shell()
        try:
            answer = shell.invoke(said, timeout_s=timeout_s)
        except LostError:
            close()
            raise
    for failure in answer.failures:
        if on_error == "Stop" or not failure.is_absence:
            raise RefusedError(where, failure)
    return list(answer.rows)


def _with(statement: Statement | Command, on_error: str) -> Statement:
    """Return *statement* with what to do on errors, for commands that do not say so themselves."""
    commands = (statement,) if isinstance(statement, Command) else statement.commands
    return Statement(tuple(_insistent(each, on_error) for each in commands))


def _insistent(each: Command, on_error: str) -> Command:
    said = dict(each.parameters)
    return Command(each.name, tuple({"ErrorAction": on_error, **said}.items()))


def _shell() -> Shell:
    host = name()
    if not host:
        raise BackendError("hyperv", "this machine is not Windows", fix=NO_HOST_FIX)
    key = os.getpid(), host
    if key not in _OPEN:
        try:
            _OPEN[key] = _opened(host)
        except ImportError as error:
            fix = "pip install 'labiac[hyperv]'"
            raise BackendError("hyperv", f"{error.name} is not installed", fix=fix) from error
    return _OPEN[key]


def _opened(host: str) -> Shell:
    """Return a new shell on *host*."""
    if urlsplit(host).scheme in ("http", "https"):
        from labiac.backends.hyperv.winrm import WinRM

        return WinRM(host)
    from labiac.backends.hyperv.stdio import Stdio

    return Stdio(argv(host))


def address() -> str:
    """Return what the host is called, whoever asks it, and however."""
    return urlsplit(name()).hostname or name()


def tunnel(guest: str, port: int, *, where: str) -> tuple[str, ...]:
    """Return the command whose input and output lead by the host to *port* of *guest*; of none: ().

    Raises:
        BackendError: the host is reached in a way that leads no further.
    """
    if is_here():
        return ()
    if urlsplit(name()).scheme != "ssh":
        problem = "WinRM, by which labiac reaches the host, leads no further into a guest"
        fix = f"set {HOST} to ssh://USER@HOST, or say management: none"
        raise BackendError(where, problem, fix=fix)
    *options, host = _ssh(name())
    return (*options, "-W", f"[{guest}]:{port}", "--", host)


def argv(host: str) -> list[str]:
    """Return what starts a PowerShell on *host* that serves its standard input.

    Raises:
        BackendError: *host* is a URL of no kind that is known, or names no host.
    """
    if "://" not in host:
        return [host, "-NoLogo", "-NoProfile", "-s"]
    *options, at = _ssh(host)
    return [*options, "-s", "--", at, "powershell"]


def _ssh(host: str) -> list[str]:
    """Return how ssh gets to the host of that URL: the last word is its name.

    Raises:
        BackendError: it is a URL of another kind, or names no host.
    """
    url = urlsplit(host)
    if url.scheme != "ssh" or not url.hostname or url.hostname.startswith("-"):
        raise BackendError("hyperv", f"{HOST} is {host!r}, which names no host", fix=NO_HOST_FIX)
    port = ["-p", str(url.port)] if url.port else []
    user = ["-l", url.username] if url.username else []
    return ["ssh", "-o", "BatchMode=yes", *port, *user, url.hostname]
