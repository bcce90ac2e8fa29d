"""Names on the host: whose copy of which lab, and what."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import count

from labiac.errors import DescriptionError, Problem

MAX_STUDENT = 200
"""Characters; the longest personal names in passports have 39."""

LETTERS = str.maketrans(
    dict(zip("đðħ\u0131łŋøŧ", "ddhilnot", strict=True))
    | {"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"}
)
"""Small Latin letters that are more to Unicode than a letter and its accent, as plain ones."""

OCTETS = 6
"""Octets of a MAC."""

BOOTS = frozenset({"libvirt", "virtualbox", "hyperv", "incus"})
"""Backends whose machines boot an operating system, and read a seed."""

MANAGED = {"hyperv": "none", "virtualbox": "ssh"}
"""Those of them to whose guests there is no way but by a network, and which way ``auto`` is: on
Hyper-V none, for that one was never seen to work on a real host."""

CARRY_VLANS = frozenset({"hyperv", "memory", "netns"})
"""Backends whose own switches carry VLANs. On all others a LAN with VLANs becomes machines."""

OUIS = {
    "virtualbox": (0x08, 0x00, 0x27),
    "libvirt": (0x52, 0x54, 0x00),
    "hyperv": (0x00, 0x15, 0x5D),
}
"""First octets of the MACs a hypervisor expects; all others get locally administered ones.

Source:
    VirtualBox, QEMU and Hyper-V give their own NICs these.
"""


def digest(*parts: object) -> int:
    """Return a number of 256 bits that depends on *parts* alone, the same on every machine."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest(), "big")


def student_name(student: str) -> str:
    """Return *student* as a part of object names: small letters, digits and hyphens.

    A name that already is one stays as it is. Any other is spelled in those and ends with a hash
    of the original, so that two students never share a copy. Of a name in another script than
    Latin the hash alone is left.

    Raises:
        DescriptionError: it is empty, too long, or not printable.
    """
    if not student.strip() or len(student) > MAX_STUDENT or not student.isprintable():
        problem = (
            f"{student[:40]!r} is no name of a student: 1 to {MAX_STUDENT} printable characters"
        )
        raise DescriptionError([Problem("", "student", problem, "write a name like ana")])
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", student):
        return student
    latin = unicodedata.normalize("NFKD", student.lower().translate(LETTERS))
    plain = latin.encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30].strip("-")
    tail = f"{digest('student', student) % 16**8:08x}"
    return f"{words}-{tail}" if words else tail


def host_name(lab: str, student: str, name: str) -> str:
    """Return the name of an item's object on the host: ``<lab>-<student>-<name>``."""
    return f"{lab}-{student}-{name}"


def macs(backend: str, keys: list[tuple[str, ...]], reserved: set[str]) -> list[str]:
    """Return a MAC for each of *keys*, the same on every run, and no two the same.

    Args:
        backend: Decides the first octets.
        keys: What names a NIC: student, lab, node, LAN and the count of NICs there.
        reserved: MACs that the user gave to other NICs.
    """
    head = OUIS.get(backend, (0x02,))
    taken, given = set(reserved), []
    for key in keys:
        tries = (_mac(head, *key, attempt) for attempt in count())
        mac = next(mac for mac in tries if mac not in taken)
        taken.add(mac)
        given.append(mac)
    return given


def _mac(head: tuple[int, ...], *key: object) -> str:
    length = OCTETS - len(head)
    tail = (digest("mac", *key) % 256**length).to_bytes(length, "big")
    return ":".join(f"{octet:02x}" for octet in (*head, *tail))
