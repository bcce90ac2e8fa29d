"""The connection to libvirt, and what goes wrong on it in labiac's words.

The one module that knows libvirt-python, which is imported when it is first needed.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URI: Final = "LABIAC_LIBVIRT_URI"
"""The variable that says which libvirt: ``qemu:///session``, ``qemu+ssh://host/system``."""
_LOCAL: Final = "qemu:///system"
SOCKETS: Final = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
"""Of the one daemon for everything, and of the one for QEMU alone."""


NO_BINDINGS: Final = "Python's libvirt bindings are missing"


def bindings_fix() -> str:
    """Return what installs Python's bindings, and what they are built with, beside labiac."""
    pip = f"{sys.executable} -m pip install libvirt-python"
    if "pipx" in Path(sys.prefix).parts:
        pip = "pipx inject labiac libvirt-python"
    return f"sudo apt-get install libvirt-dev gcc pkgconf python3-dev, then {pip}"


def uri() -> str:
    """Return the URI of the libvirt in use."""
    return os.environ.get(URI) or _LOCAL


def is_chosen() -> bool:
    """Return whether somebody said which libvirt to use."""
    return bool(os.environ.get(URI))


def is_likely() -> bool:
    """Return whether it is worth to try: one was chosen, or this machine has one."""
    return is_chosen() or any(path.exists() for path in SOCKETS)


def is_local() -> bool:
    """Return whether the libvirt in use runs on this machine."""
    return not urlsplit(uri()).netloc


def own_user() -> int | None:
    """Return our number where the libvirt in use is a user's own, and None where it is a host's."""
    return os.getuid() if urlsplit(uri()).path == _SESSION else None


def library() -> Any:
    """Return libvirt-python.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import libvirt
    except ImportError:
        raise BackendError("libvirt", NO_BINDINGS, fix=bindings_fix()) from None
    return libvirt


def connect() -> Any:
    """Return this process's connection to the libvirt in use; a lost one is opened anew.

    Raises:
        BackendError: it can't be reached, or this user may not use it.
    """
    found = _connection(uri(), os.getpid())
    if not _answers(found):
        _connection.cache_clear()
        found = _connection(uri(), os.getpid())
    return found


def _answers(connection: Any) -> bool:
    """Return whether a libvirtd still listens: only who asks hears that it is another by now."""
    try:
        connection.getLibVersion()
    except library().libvirtError:
        return False
    return True


@cache
def _connection(where: str, _process: int) -> Any:
    if own_user() is not None and not is_local():
        raise BackendError("libvirt", f"{where} is a user's own on another host", fix=_NO_LANS)
    libvirt = library()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # else it prints them
    atexit.register(_connection.cache_clear)  # it closes itself while Python still can
    try:
        return libvirt.open(where)
    except libvirt.libvirtError as error:
        problem, fix = _refusal(where, str(error))
        raise BackendError("libvirt", problem, detail=str(error), fix=fix) from None


def _refusal(where: str, said: str) -> tuple[str, str]:
    """Return why there is no connection, and what to do."""
    if any(words in said for words in _NO_SSH):
        there = urlsplit(where)
        host = "@".join(filter(None, (there.username, there.hostname)))
        return (
            f"SSH does not get as far as libvirt at {where}",
            f"ssh {host} has to work without a question: log in once, then ssh-copy-id {host}",
        )
    if "Permission denied" in said or "authentication" in said:
        return (
            f"this user may not use libvirt at {where}",
            "sudo usermod --append --groups libvirt $USER, and log in again",
        )
    if "not found" in said or "No such file" in said or "Connection refused" in said:
        return f"no libvirtd listens at {where}", _NO_DAEMON
    return f"libvirt at {where} can't be reached", f"say where one runs: {URI}=..."


_NO_SSH: Final = ("Host key verification failed", "Permission denied (")
"""What ssh says, which libvirt runs for us: of a host that it does not know, or that refuses us."""
_SESSION: Final = "/session"
_NO_LANS: Final = (
    "its LANs are switches that labiac runs beside it, here: log in there, or use its"
    " qemu+ssh://host/system"
)
_NO_DAEMON: Final = (
    "apt-get install qemu-system-x86 libvirt-daemon-system, then systemctl start libvirtd; or say"
    f" where one runs: {URI}=qemu+ssh://host/system"
)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what libvirt refuses about *where* into an error of ours.

    Raises:
        BackendError: libvirt refused.
    """
    libvirt = library()
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            problem, fix = "libvirtd went away meanwhile", _GONE
            raise BackendError(f"libvirt {where}", problem, detail=str(error), fix=fix) from error
        raise BackendError(f"libvirt {where}", str(error), fix=_remedy(str(error))) from error


def _remedy(said: str) -> str:
    for words, fix in _REMEDIES.items():
        if words in said:
            return fix
    return ""


_GONE: Final = (
    "guests go on without it; see that it runs (systemctl status libvirtd), and labiac up goes on"
    " where this left off"
)
_REMEDIES: Final = {
    "failed to set MSR": "KVM fails on that host, which may be virtual itself; without it, slower:"
    " LABIAC_LIBVIRT_ACCEL=tcg",
    "Cannot allocate memory": "give the nodes less memory (memory_mib), or end other machines",
    "No space left on device": "free some disk where libvirt keeps its images",
    "already in use by interface": "choose another subnet for this LAN, or remove that interface",
    "creating bridge interface": "ip link delete it on libvirt's host, if nobody there needs it",
    "Unable to get index for interface": "name one of libvirt's host: ip link lists them",
    "could not find capabilities": "apt-get install qemu-system-x86",
    "KVM": "LABIAC_LIBVIRT_ACCEL=tcg runs without the processor's help, slowly",
}


def found(look: Callable[..., Any], *key: object) -> Any:
    """Return what *look* finds for *key*, or None when there is nothing."""
    libvirt = library()
    try:
        return look(*key)
    except libvirt.libvirtError as error:
        if error.get_error_code() in {
            libvirt.VIR_ERR_NO_DOMAIN,
            libvirt.VIR_ERR_NO_NETWORK,
            libvirt.VIR_ERR_NO_NETWORK_PORT,
            libvirt.VIR_ERR_NO_STORAGE_POOL,
            libvirt.VIR_ERR_NO_STORAGE_VOL,
        }:
            return None
        raise
