"""Commands in a guest by OpenSSH's own client, where a hypervisor has no other way into it.

Whoever makes the guest makes two key pairs beside its disk, and hands them over with its seed: one
is the guest's, by which it is known from its first boot, the other is labiac's, which opens it. So
nobody is asked anything, and neither the user's own keys and settings nor those of the lab count
(docs/decisions/0027-labiac-has-a-key-of-its-own-to-a-guest.md).
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which
from typing import TYPE_CHECKING, Final

from labiac.backends.run import become, insist, run
from labiac.errors import BackendError, Problem
from labiac.plan.model import SeedFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.base import Ran

USER: Final = "root"
"""Who looks at addresses, routes and rules, and mends them."""
NO_CLIENT_FIX: Final = "install OpenSSH's client (Debian: openssh-client), or say management: none"
_FAILED_FIX: Final = "labiac reset makes the node anew, with keys that fit"
_FAILED: Final = 255
"""Exit status of ssh itself; a command may have the same."""
_CONNECT_S: Final = 20
_KEYGEN_S: Final = 60
_OURS: Final = "key"
_GUESTS: Final = "host"
_KNOWN: Final = "known_hosts"
_ALIAS: Final = "guest"
"""What ssh calls every guest: whose keys these are, their folder says."""
_SILENT: Final = (
    "Connection refused",
    "Connection reset by",
    "Connection timed out",
    "Connection closed by",
    "No route to host",
    "Network is unreachable",
    "timed out during banner exchange",
    "kex_exchange_identification",
)
"""What ssh says of a guest that boots, or is off; the way to it may be there already, or half."""


class SilentError(BackendError):
    """The guest does not answer: it boots, or is off."""


@dataclass(frozen=True, slots=True)
class Door:
    """The way into one guest.

    Args:
        where: What errors call it: ``virtualbox pc1``.
        folder: Where its keys are (`make_keys`).
        host: Name or address at which its SSH server answers.
        port: Port there.
        console: What shows it where SSH does not.
        tunnel: The command whose input and output lead there, where nothing does directly.
    """

    where: str
    folder: Path
    host: str
    port: int
    console: str = "labiac shell opens its console"
    tunnel: tuple[str, ...] = ()


def problems(backend: str) -> Iterator[Problem]:
    """Yield the programs that SSH takes, and that are not here."""
    for program in ("ssh", "ssh-keygen"):
        if which(program) is None:
            yield Problem(backend, "management", f"there is no {program}", NO_CLIENT_FIX)


def make_keys(folder: Path, name: str) -> None:
    """Make the keys of the guest *name* in *folder*, for this user alone, unless they are there.

    Raises:
        CommandError: ssh-keygen refused.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a key without its host key would lock labiac out.
    made = Path(tempfile.mkdtemp(prefix=".keys-", dir=folder.parent))
    try:
        for file in (_OURS, _GUESTS):
            pair(made / file, name)
        known = f"{_ALIAS} {_public(made, _GUESTS)}\n"
        (made / _KNOWN).write_text(known, encoding="utf-8")
        made.rename(folder)
    finally:
        rmtree(made, ignore_errors=True)


def pair(file: Path, comment: str) -> None:
    """Make a key pair: the private one in *file*, the public one beside it, called ``.pub``.

    Raises:
        CommandError: ssh-keygen refused.
    """
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)]
    insist(argv, where=f"key of {comment}", timeout_s=_KEYGEN_S)


def drop_keys(folder: Path) -> None:
    """Delete the keys in *folder*. Already gone is fine."""
    rmtree(folder, ignore_errors=True)


def seed(folder: Path) -> tuple[SeedFile, ...]:
    """Return what a guest reads of the keys in *folder*, beside its seed; nothing without them.

    Source:
        cloud-init's vendor data: what the user data says comes first. With no default user, the
        module ssh gives ``ssh_authorized_keys`` to root.
    """
    if not folder.exists():
        return ()
    said = {
        "disable_root": False,
        "ssh_authorized_keys": [_public(folder, _OURS)],
        "ssh_keys": {
            "ed25519_private": (folder / _GUESTS).read_text(encoding="utf-8"),
            "ed25519_public": _public(folder, _GUESTS),
        },
    }
    # JSON is YAML, and quotes whatever is in it.
    return (SeedFile("vendor-data", f"#cloud-config\n{json.dumps(said, indent=1)}\n"),)


def execute(door: Door, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Ran:
    """Run *argv* with *stdin* in the guest behind *door*, and return what came of it.

    Raises:
        SilentError: the guest does not answer.
        BackendError: SSH failed otherwise, or it takes longer than *timeout_s*.
    """
    with tempfile.TemporaryDirectory(prefix="labiac-") as folder:
        log = Path(folder, "log")  # what ssh itself says, apart from what the command does
        asked = command(door, argv, "-E", str(log))
        ran = run(asked, where=door.where, timeout_s=timeout_s, stdin=stdin)
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if ran.status == _FAILED and said:
        raise _failed(door, said.strip())
    return ran


def command(door: Door, argv: Sequence[str], *options: str) -> list[str]:
    """Return the command of this machine that runs *argv* in the guest behind *door*.

    Args:
        door: The way into it.
        argv: What runs there, without a terminal.
        options: More of ssh's own.

    Raises:
        BackendError: there is no ssh here.
    """
    return [*_ssh(door), "-T", *options, _ALIAS, shlex.join(argv)]


def attach(door: Door, argv: Sequence[str]) -> int:
    """Become *argv* in the guest behind *door*, with this terminal; return if it can't begin.

    Raises:
        BackendError: there is no ssh here.
    """
    terminal = ["-tt"] if os.isatty(0) and os.isatty(1) else []
    return become(command(door, argv, *terminal))


def _ssh(door: Door) -> list[str]:
    """Return how ssh is called: nothing of the user's own counts, and nobody is asked."""
    if (program := which("ssh")) is None:
        raise BackendError(door.where, "there is no ssh", fix=NO_CLIENT_FIX)
    # fmt: off
    options = (
        f"HostName={_literal(door.host)}", f"HostKeyAlias={_ALIAS}",
        f"UserKnownHostsFile={_quoted(door.folder / _KNOWN)}", "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes", "UpdateHostKeys=no",
        f"IdentityFile={_quoted(door.folder / _OURS)}", "IdentitiesOnly=yes", "IdentityAgent=none",
        "BatchMode=yes", "LogLevel=ERROR",
        f"ConnectTimeout={_CONNECT_S}", "ServerAliveInterval=15",
        f"ProxyCommand={_literal(shlex.join(door.tunnel)) or 'none'}",
    )
    # fmt: on
    said = [word for option in options for word in ("-o", option)]
    return [program, "-F", "none", *said, "-p", str(door.port), "-l", USER]


def _quoted(path: Path) -> str:
    """Return *path* as ssh reads it: a word."""
    text = _literal(path.as_posix()).replace('"', '\\"')
    return f'"{text}"'


def _literal(text: str) -> str:
    """Return *text* as ssh reads it, for which a percent sign begins a name of its own."""
    return text.replace("%", "%%")


def _failed(door: Door, said: str) -> BackendError:
    if any(words in said for words in _SILENT):
        problem = "the guest does not answer over SSH"
        return SilentError(door.where, problem, detail=said, fix=door.console)
    return BackendError(door.where, "ssh fails", detail=said, fix=_FAILED_FIX)


def _public(folder: Path, name: str) -> str:
    return (folder / f"{name}.pub").read_text(encoding="utf-8").strip()
