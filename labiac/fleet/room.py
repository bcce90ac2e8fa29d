"""What there is left on this host for the copies of a class, and what to set where it is little."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labiac.backends import open_backend
from labiac.backends.spare import KeepsDisks, Spreads
from labiac.errors import BackendError
from labiac.fleet.sizing import KEPT_MIB, Needs
from labiac.host.home import home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.spare import Spare

_MIB = 1 << 20
_PROC = Path("/proc")
_INOTIFY = "anon_inode:inotify"
FIXES = {
    "memory_mib": "take fewer students, a smaller lab, or more hosts",
    "disk_mib": "free some where the machines lie: in libvirt's pool, else in LABIAC_HOME",
    "cpus": "take fewer students, or more hosts",
    "namespaces": "sysctl -w user.max_net_namespaces={}",
    "mounts": "sysctl -w fs.mount-max={}",
    "neighbours": "sysctl -w net.ipv4.neigh.default.gc_thresh3={0}"
    " net.ipv6.neigh.default.gc_thresh3={0}",
    "processes": "sysctl -w kernel.pid_max={}",
    "watchers": "sysctl -w fs.inotify.max_user_instances={}",
}
"""What to do about each; the number is what it should be for twice of what is asked."""
WORDS = {
    "memory_mib": "MiB of memory",
    "disk_mib": "MiB of disk",
    "cpus": "CPUs",
    "namespaces": "network namespaces",
    "mounts": "mounts",
    "neighbours": "neighbours",
    "processes": "processes",
    "watchers": "instances of inotify",
}


class Shortage(NamedTuple):
    """What a class takes more of than there is.

    Args:
        what: ``memory_mib`` and so on.
        wanted: So much it takes.
        there: So much is left.
    """

    what: str
    wanted: float
    there: float

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.wanted:,.0f} {WORDS[self.what]}, and {self.there:,.0f} are left"

    @property
    def fix(self) -> str:
        """What to do about it."""
        return FIXES[self.what].format(math.ceil(2 * self.wanted))


def left(backend: str) -> Needs:
    """Return what is left on this host for machines of *backend*.

    What the host does not bound, or not tell, is infinite.
    """
    return Needs(
        memory_mib=_memory_mib(),
        disk_mib=_disk_mib(backend),
        cpus=os.cpu_count() or 1,
        namespaces=_limit("user/max_net_namespaces") - _entries("/run/netns"),
        mounts=_limit("fs/mount-max") - _lines("self/mountinfo"),
        neighbours=min(
            _limit(f"net/{version}/neigh/default/gc_thresh3") - _held(cache)
            for version, cache in (("ipv4", "arp_cache"), ("ipv6", "ndisc_cache"))
        ),
        processes=_limit("kernel/pid_max") - len([*_PROC.glob("[0-9]*")]),
        watchers=_limit("fs/inotify/max_user_instances") - _watchers(),
    )


def hosts(backend: str) -> dict[str, Needs]:
    """Return what is left for machines of *backend*: on this host, or each member of a cluster.

    Of the kernels of members nobody tells what they bound.
    """
    opened = open_backend(backend)
    spare: dict[str, Spare] = {}
    if isinstance(opened, Spreads):
        with suppress(BackendError):  # it is not there yet: sizes may be asked before
            spare = opened.spare()
    unknown = Needs(*(math.inf for _ in fields(Needs)))
    members = {
        name: replace(
            unknown,
            memory_mib=max(0.0, each.memory_mib - KEPT_MIB),
            disk_mib=each.disk_mib,
            cpus=each.cpus,
        )
        for name, each in spare.items()
    }
    return members or {"this host": left(backend)}


def shortages(room: Needs, wanted: Needs) -> Iterator[Shortage]:
    """Yield of what there is less in *room* than is *wanted*."""
    for what in (name for name in WORDS if name != "cpus"):  # few make it slow, not impossible
        asked, there = getattr(wanted, what), getattr(room, what)
        if asked > there:
            yield Shortage(what, asked, max(0.0, there))


def _memory_mib() -> float:
    try:
        lines = (_PROC / "meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.inf
    kib = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return math.inf if kib is None else max(0.0, int(kib) / 1024 - KEPT_MIB)


def _disk_mib(backend: str) -> float:
    opened = open_backend(backend)
    if isinstance(opened, KeepsDisks):
        return opened.free_mib()
    folder = home()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / _MIB


def _limit(key: str) -> float:
    try:
        return float((_PROC / "sys" / key).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return math.inf


def _held(cache: str) -> int:
    """Return how many neighbours the kernel knows now, those of all namespaces together."""
    try:
        rows = (_PROC / "net/stat" / cache).read_text(encoding="ascii").splitlines()
        return int(rows[1].split()[0], 16)
    except (OSError, IndexError):
        return 0


def _watchers() -> int:
    """Return how many instances of inotify there are, as far as this user may look."""
    found = 0
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # it is another user's, or has ended
            found += sum(str(link.readlink()) == _INOTIFY for link in (process / "fd").iterdir())
    return found


def _entries(folder: str) -> int:
    try:
        return len([*Path(folder).iterdir()])
    except OSError:
        return 0


def _lines(file: str) -> int:
    try:
        return (_PROC / file).read_bytes().count(b"\n")
    except OSError:
        return 0
