"""Where things are and what they are called: folders, namespaces, interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast

from labiac.backends.base import Copy
from labiac.errors import BackendError

Kind = Literal["network", "machine"]
LONGEST = 15
"""Characters in the name of an interface (IFNAMSIZ less its final zero)."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one user's labs.

    Args:
        marks: What labiac made: a folder a copy, a small file an item.
        spaces: A file a namespace; where ``ip netns`` looks when it is root's.
        etc: A folder a namespace, whose files stand in for those of ``/etc`` in it.
    """

    marks: Path
    spaces: Path
    etc: Path


def under(base: Path) -> Places:
    """Return the folders of an ordinary user, below *base*."""
    return Places(base / "labs", base / "spaces", base / "etc")


ROOT = Places(Path("/run/labiac"), Path("/run/netns"), Path("/etc/netns"))


@dataclass(frozen=True, slots=True)
class Ref:
    """What a ref (``lab/student/kind/name``) says."""

    copy: Copy
    kind: Kind
    name: str

    def __str__(self) -> str:
        """Return the ref as it travels."""
        return f"{self.copy.lab}/{self.copy.student}/{self.kind}/{self.name}"


def parse(ref: str) -> Ref:
    """Return what *ref* says.

    Raises:
        BackendError: it is no ref of this backend.
    """
    parts = ref.split("/")
    if len(parts) != 4 or parts[2] not in {"network", "machine"}:  # noqa: PLR2004
        raise BackendError("netns", f"{ref!r} is no ref: it must read lab/student/kind/name")
    lab, student, kind, name = (safe(part) for part in parts)
    return Ref(Copy(lab, student), cast("Kind", kind), name)


def safe(name: str) -> str:
    """Return *name*, which becomes a file name of ours.

    Raises:
        BackendError: it would be another file than it says.
    """
    if not name or name.startswith(".") or "/" in name or "\0" in name or len(name) > 200:  # noqa: PLR2004
        raise BackendError("netns", f"{name!r} can't be a file name", fix="use a-z, 0-9 and -")
    return name


def switch_space(copy: Copy) -> str:
    """Return the name of the namespace with a copy's LANs. No machine can have a ``~``."""
    return safe(f"{copy.lab}-{copy.student}~lans")


def bridge(network: str) -> str:
    """Return the name of a LAN's bridge in the switch namespace."""
    return _short(network)


def tap(network: str) -> str:
    """Return what the tap of a LAN is called in `bridge` and `bridge_index`. No LAN starts so."""
    return f"+{network}"


def bridge_index(network: str) -> int:
    """Return the number of a LAN's bridge in the switch namespace, where the kernel counts from 1.

    So that a machine is plugged in without a look into the switch first.
    """
    return 1 << 30 | int(digest(network)[:8], 16) >> 2


def port_index(machine: str, nic: str) -> int:
    """Return the number of the switch's end of a NIC's cable.

    The kernel's own choice might be that of the NIC in its namespace, and a cable whose ends have
    the same number is put to use up to a second later (Linux: net/core/link_watch.c).
    """
    return 1 << 29 | int(digest(f"{machine}.{nic}")[:8], 16) >> 3


def port(machine: str, nic: str) -> str:
    """Return the name of the switch's end of a NIC's cable. No LAN can have a dot."""
    return _short(f"{machine}.{nic}")


def switch_end(network: str) -> str:
    """Return the name of the switch's end of a LAN's cable to the host. No LAN starts so."""
    return _short(f"~{network}")


def host_end(host_name: str) -> str:
    """Return the name of the host's end of a cable: one that nobody else gives an interface."""
    return f"labiac-{digest(host_name)[:8]}"


def _short(name: str) -> str:
    if len(name.encode()) <= LONGEST:
        return name
    return f"{name.encode()[:6].decode(errors='ignore')}~{digest(name)[:8]}"


def digest(text: str) -> str:
    """Return what tells one text from another, as a name can hold it."""
    return sha256(text.encode()).hexdigest()
