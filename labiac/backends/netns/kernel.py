"""The system calls that Python 3.11 has no name for, and the sysctls of a namespace."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

NEW_NET: Final = 0x40000000
NEW_MOUNTS: Final = 0x00020000
NEW_HOSTNAME: Final = 0x04000000

BIND: Final = 0x1000
RECURSIVE: Final = 0x4000
SLAVE: Final = 0x80000
SHARED: Final = 0x100000
_DETACH: Final = 2

_OTHER_FILES: Final = 256
"""What this process may have open already: the usual limit is 1024."""

HERE: Final = "/proc/thread-self/ns/net"
"""The network namespace that the thread is in."""


def _call(name: str, path: str | None, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{name}: {os.strerror(errno)}", path)


def unshare(what: int) -> None:
    """Give this thread namespaces of its own: *what* is a sum of ``NEW_*``."""
    _call("unshare", None, what)


def setns(namespace: int, kind: int = NEW_NET) -> None:
    """Move this thread into an open *namespace*."""
    _call("setns", None, namespace, kind)


def mount(source: str, target: str, kind: str = "none", flags: int = 0) -> None:
    """Mount *source* on *target*."""
    _call("mount", target, source.encode(), target.encode(), kind.encode(), flags, None)


def unmount(target: str) -> None:
    """Take the mount on *target* away, at once for us and in its own time for who uses it."""
    _call("umount2", target, target.encode(), _DETACH)


def set_hostname(name: str) -> None:
    """Set the host name of this thread's UTS namespace."""
    _call("sethostname", None, name.encode(), len(name.encode()))


def sysctl(key: str, value: str) -> None:
    """Set *key* (``net/ipv4/ip_forward``) of the namespace that the thread is in."""
    descriptor = os.open(f"/proc/sys/{key}", os.O_WRONLY)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def read_sysctl(key: str) -> str:
    """Return the value of *key* in the namespace that the thread is in; empty if there is none."""
    try:
        return Path(f"/proc/sys/{key}").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def allow_files(count: int) -> None:
    """Let this process open *count* files beside those it has, as far as the system lets it."""
    if os.sysconf("SC_OPEN_MAX") < count + _OTHER_FILES:
        import resource  # few labs are so large

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@cache
def boot_id() -> str:
    """Return what names this run of the kernel: another one after a reboot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@cache
def nsfs_device() -> int:
    """Return the device number that every file of a namespace has."""
    return os.stat(HERE).st_dev  # noqa: PTH116  # a bare number, on the hot path
