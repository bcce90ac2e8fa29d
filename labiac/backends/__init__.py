"""Making it real: one module or package a backend, and the list of them."""

from __future__ import annotations

import sys
from importlib import import_module
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

_HYPERVISORS: Final = ("hyperv", "virtualbox")
"""What `auto` chooses from where there are no namespaces; each one's `is_here` says if it is there.

Hyper-V comes first: where it is on, VirtualBox is slow, if it runs at all.
"""
_FIX: Final = "install VirtualBox 7 from virtualbox.org, or run labiac on Linux (in a VM, say)"


def backend_name(name: str) -> str:
    """Return the name of a backend that this version has; ``auto`` is the best one here.

    Raises:
        LabError: there is no such backend, or none for this system.
    """
    known = ", ".join(sorted(BACKENDS))
    if name == "auto":
        return "netns" if "netns" in here() else _elsewhere()
    if name not in BACKENDS:
        raise LabError("backend", f"{name!r} is none of {known}", fix="use one of them, or auto")
    if name not in here():
        raise LabError(f"backend {name}", f"it runs on Linux, and this is {sys.platform}", fix=_FIX)
    return name


def here() -> list[str]:
    """Return the backends of this version that there can be on a system like this one."""
    return [name for name in BACKENDS if name != "netns" or sys.platform == "linux"]


def _elsewhere() -> str:
    """Return what `auto` is where there are no namespaces: the hypervisor that is there."""
    for name in _HYPERVISORS:
        if import_module(BACKENDS[name]).is_here():
            return name
    raise LabError(
        "backend auto",
        f"netns runs on Linux, and this is {sys.platform}; there is no VirtualBox either",
        fix=_FIX,
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
    backends = [open_backend(name) for name in here()]
    return [found for backend in backends if isinstance(backend, Lists) for found in backend.find()]


def settled(*, timeout_s: float) -> bool:
    """Wait until the host is done with all that was deleted; return whether it is by then."""
    backends = [open_backend(name) for name in here()]
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
