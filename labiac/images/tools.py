"""The programs that make and convert images: where they are missing, and what went wrong in one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from labiac.errors import LabError
from labiac.host import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Debian has what writes disks outside of an ordinary user's PATH."""

TIMEOUT_S = 3600.0
"""Seconds that one program may take; the longest, installing packages, takes minutes."""

SHOWN = 15
"""Lines of what a program said that an error shows; mmdebstrap ends with several of no use."""


def need(programs: Mapping[str, str], where: str) -> None:
    """Look for *programs*, each with its Debian package.

    Raises:
        LabError: some are missing; names the packages.
    """
    missing = {name: package for name, package in programs.items() if not _found(name)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        problem = f"{', '.join(missing)} not found"
        raise LabError(where, problem, fix=f"on Debian: apt-get install {packages}")


def run(
    argv: Sequence[str],
    where: str,
    *,
    stdin: Path = Path(os.devnull),
    on_line: Callable[[str], None] = lambda _line: None,
) -> str:
    """Run *argv* to its end and return all it said.

    Raises:
        LabError: it can't be started, does not end, or exits non-zero; the last it said is shown.
    """
    env = {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8"}
    try:
        ended = process.run(
            argv, cwd=Path("/"), env=env, timeout_s=TIMEOUT_S, stdin=stdin, on_line=on_line
        )
    except (OSError, TimeoutError) as error:
        raise LabError(where, f"{argv[0]}: {error}") from error
    if ended.code:
        said = "\n".join(ended.output.strip().splitlines()[-SHOWN:])
        raise LabError(where, f"{Path(argv[0]).name} exited {ended.code}", detail=said)
    return ended.output


def as_root() -> list[str]:
    """Return what an argv begins with to act as root over files of our own, and to leave nothing.

    An ordinary user is root in a namespace, where their range of subordinate ids plays the others.
    Whoever acts has processes and mounts to themselves: all of them end with the first, if labiac
    is killed, and who sweeps up after mmdebstrap meets no /sys of the host's.
    """
    user = ["--user", "--map-root-user", "--map-auto"] if os.geteuid() else []
    return ["unshare", *user, "--mount", "--pid", "--fork", "--kill-child"]


def _found(program: str) -> bool:
    return shutil.which(program, path=PATH) is not None
