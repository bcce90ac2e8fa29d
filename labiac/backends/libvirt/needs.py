"""What must be on a machine before libvirt can be talked to, in the order in which to get it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Final

from labiac.backends.libvirt.connection import (
    NO_BINDINGS,
    SOCKETS,
    URI,
    bindings_fix,
    is_chosen,
    own_user,
)
from labiac.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAEMONS: Final = "/usr/sbin:/sbin"
"""Where daemons are, and an ordinary user's shell does not look."""
_PROGRAMS: Final = {
    "libvirt-daemon-system": ("libvirtd", "virtqemud"),
    "qemu-system-x86": ("qemu-system-x86_64",),
}
"""Debian's packages, and of each a program that is there with it."""


def lacking() -> list[Problem]:
    """Return what is missing; where somebody chose a libvirt, only what it takes to use that."""
    found = [] if is_chosen() and own_user() is None else [*_own()]
    if not find_spec("libvirt"):
        found.append(Problem("libvirt", "", NO_BINDINGS, bindings_fix()))
    return found


def _own() -> Iterator[Problem]:
    """Yield what this machine's own libvirt lacks."""
    path = os.pathsep.join((os.environ.get("PATH", ""), _DAEMONS))
    missing = [
        package
        for package, programs in _PROGRAMS.items()
        if not any(which(program, path=path) for program in programs)
    ]
    if missing:
        fix = f"sudo apt-get install {' '.join(missing)}; or say where one runs: {URI}=..."
        yield Problem("libvirt", "", f"not installed: {', '.join(missing)}", fix)
        return
    if own_user() is not None:
        return  # who connects to a libvirt of their own starts it
    sockets = [socket for socket in SOCKETS if socket.exists()]
    if not sockets:
        fix = f"sudo systemctl enable --now libvirtd; or say where one runs: {URI}=..."
        yield Problem("libvirt", "", "libvirt is installed, and does not run", fix)
    elif not any(os.access(socket, os.W_OK) for socket in sockets):
        fix = (
            "sudo usermod --append --groups libvirt $USER, and log in again; or use a libvirt of"
            f" your own: {URI}=qemu:///session"
        )
        yield Problem("libvirt", "", "this user may not use libvirt", fix)
