"""Making it real: one module or package a backend, and the list of them."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.base import Lists, Settles
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from labiac.backends.base import Backend, Found

BACKENDS: Final = {
    "hyperv": "labiac.backends.hyperv",
    "incus": "labiac.backends.incus",
    "libvirt": "labiac.backends.libvirt",
    "memory": "labiac.backends.memory",
    "netns": "labiac.backends.netns",
    "virtualbox": "labiac.backends.virtualbox",
}
"""Name and module of each backend, imported when used; the module's `open` returns the backend."""

_VIRTUAL_MACHINES: Final = Path(os.environ.get("SYSTEMROOT", ""), "System32", "vmms.exe")
"""Hyper-V's own service, which is where Hyper-V is on."""


def backend_name(name: str) -> str:
    """Return the name of a backend that this version has; ``auto`` is the best one here.

    Raises:
        LabError: there is no such backend, or none for this system.
    """
    known = ", ".join(sorted(BACKENDS))
    if name == "auto":
        return "netns" if sys.platform == "linux" else _elsewhere()
    if name not in BACKENDS:
        raise LabError("backend", f"{name!r} is none of {known}", fix="use one of them, or auto")
    return name


def _elsewhere() -> str:
    """Return what `auto` is where there are no namespaces: Hyper-V on a Windows that has it on."""
    if sys.platform == "win32" and _VIRTUAL_MACHINES.exists():
        return "hyperv"
    raise LabError(
        "backend auto",
        f"netns runs on Linux, and this is {sys.platform}",
        fix="use --backend virtualbox, or run labiac on Linux (a virtual machine will do)",
    )


def open_backend(name: str) -> Backend:
    """Return a backend by its name; ``auto`` is the best one here.

    Raises:
        LabError: there is no such backend, or none for this system.
    """
    backend: Backend = import_module(BACKENDS[backend_name(name)]).open()
    return backend


def found_here() -> list[Found]:
    """Return every copy that a backend of this version has on this host."""
    backends = [open_backend(name) for name in BACKENDS]
    return [found for backend in backends if isinstance(backend, Lists) for found in backend.find()]


def settled(*, timeout_s: float) -> bool:
    """Wait until the host is done with all that was deleted; return whether it is by then."""
    backends = [open_backend(name) for name in BACKENDS]
    return all(each.settled(timeout_s=timeout_s) for each in backends if isinstance(each, Settles))


def sweep(lab: str, students: Container[str]) -> Iterator[tuple[str, str]]:
    """Delete what labiac made of *lab* for *students* on this host, whoever forgot it.

    Yields:
        Whose each thing was, and its ref, once it is deleted.
    """
    for found in found_here():
        if found.copy.lab == lab and found.copy.student in students:
            backend = open_backend(found.backend)
            for ref in found.refs:
                backend.delete(ref)
                yield found.copy.student, ref
