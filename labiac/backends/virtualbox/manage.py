"""VBoxManage: where it is, one call at a time, and what goes wrong in labiac's words."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.run import run
from labiac.errors import BackendError
from labiac.host.home import home
from labiac.host.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM: Final = "LABIAC_VBOXMANAGE"
"""The variable that says which VBoxManage."""
NOT_FOUND: Final = "VBOX_E_OBJECT_NOT_FOUND"
LIMITED: Final = "E_ACCESSDENIED"
"""What it says of a machine whose settings it can not read."""
IN_USE: Final = "VBOX_E_OBJECT_IN_USE"
NO_PROGRAM_FIX: Final = f"install VirtualBox 7 from virtualbox.org, or say where it is: {PROGRAM}"
OLDEST: Final = (7, 0)
"""Older ones call the options of NICs otherwise."""

TIMEOUT_S: Final = 120.0
"""Of one call: its server may have to start, which took a minute with several at once."""
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 0.3
_FOR_A_WHILE: Final = (
    "already has a lock request pending",
    "already locked for a session",
    "Failed to create the VirtualBox object",
    "COM server is not running",
)
"""What is said while a session closes, or while the server ends or starts; nothing was done."""
_ERROR: Final = re.compile(r"^VBoxManage(?:\.exe)?: error: (.*)$", re.MULTILINE)
_CODE: Final = re.compile(r"^Details: code (\w+)")
_REMEDIES: Final = {
    "terminated unexpectedly during startup": "see that its kernel driver is loaded: labiac doctor",
    "/dev/vboxnetctl": "see that its kernel drivers are loaded: labiac doctor",
    "EnableStaticIPConfig": "allow the range in /etc/vbox/networks.conf: * 10.0.0.0/8",
    "VERR_DISK_FULL": "free some disk",
}


class RefusedError(BackendError):
    """VirtualBox refused.

    Args:
        where: ``virtualbox item``.
        said: Its own words, a line each.
        code: Its name of the error, ``VBOX_E_OBJECT_NOT_FOUND``, or empty.
    """

    def __init__(self, where: str, said: Sequence[str], code: str) -> None:
        fixes = (fix for words, fix in _REMEDIES.items() if any(words in line for line in said))
        super().__init__(where, said[0], detail="\n".join(said[1:]), fix=next(fixes, ""))
        self.code = code


def unreadable(what: str) -> BackendError:
    """Return the error that VirtualBox has *what*, and can't read its settings."""
    problem, fix = "VirtualBox can't read its settings", "labiac up makes it anew, with a new disk"
    return BackendError(f"virtualbox {what}", problem, fix=fix)


def program() -> str:
    """Return the path of VBoxManage, or the empty string when there is none."""
    if chosen := os.environ.get(PROGRAM):
        return chosen
    found = next((str(path) for path in _places() if path.is_file()), "")
    return found or shutil.which("VBoxManage") or ""


def _places() -> Iterator[Path]:
    """Yield where installers put it; what Debian has on the PATH is a script that talks."""
    if sys.platform == "win32":
        for variable in ("VBOX_MSI_INSTALL_PATH", "VBOX_INSTALL_PATH"):
            if folder := os.environ.get(variable):
                yield Path(folder) / "VBoxManage.exe"
        yield Path(os.environ.get("PROGRAMFILES", "")) / "Oracle/VirtualBox/VBoxManage.exe"
    elif sys.platform == "darwin":
        yield Path("/Applications/VirtualBox.app/Contents/MacOS/VBoxManage")
    else:
        yield Path("/usr/lib/virtualbox/VBoxManage")


def manage(*arguments: str, where: str = "virtualbox", timeout_s: float = TIMEOUT_S) -> str:
    """Call VBoxManage with *arguments*, alone on this machine, and return what it prints.

    Raises:
        RefusedError: it says that something is wrong; its exit status may be 0 all the same.
        BackendError: there is no VBoxManage, or the call takes longer than *timeout_s*.
    """
    vboxmanage = program()
    if not vboxmanage:
        raise BackendError("virtualbox", "there is no VBoxManage", fix=NO_PROGRAM_FIX)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _once([vboxmanage, *arguments], where, timeout_s)
        except RefusedError as error:
            passing = any(words in str(error) for words in _FOR_A_WHILE)
            if not passing or attempt == _ATTEMPTS:
                raise
        time.sleep(attempt * _PAUSE_S)
    raise AssertionError  # the last attempt returns or raises


def _once(argv: Sequence[str], where: str, timeout_s: float) -> str:
    # Calls at the same time wait for each other's server, some of them for a minute.
    with locked(home() / "virtualbox" / "lock", "waiting for VirtualBox, which another one uses"):
        ran = run(argv, where=where, timeout_s=timeout_s, environment={"LC_ALL": "C.UTF-8"})
    said = ran.stderr.decode(errors="replace").replace("\r\n", "\n")
    errors = _ERROR.findall(said)
    if ran.status or errors:
        words = errors or [*said.strip().splitlines()[-3:], f"exit status {ran.status}"]
        codes = (match[1] for line in words if (match := _CODE.match(line)))
        plain = [line for line in words if not line.startswith(("Details:", "Context:"))]
        raise RefusedError(where, [*(plain or words)], next(codes, ""))
    return ran.stdout.decode(errors="replace").replace("\r\n", "\n")


def version() -> tuple[int, int]:
    """Return the version of VirtualBox: (7, 2).

    Raises:
        BackendError: there is none, or it does not say.
    """
    major, minor, *_ = full_version().split(".")
    return int(major), int(minor)


def full_version() -> str:
    """Return the version of VirtualBox as it says it: ``7.2.4r170995``.

    Raises:
        BackendError: there is none, or it does not say.
    """
    said = manage("--version").strip()
    last = said.splitlines()[-1] if said else ""
    if not re.match(r"\d+\.\d+\.", last):
        raise BackendError("virtualbox", f"{program()} says no version, but {said!r:.80}")
    return last
