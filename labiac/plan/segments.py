"""Which subnet each broadcast domain has: a LAN untagged, and each of its VLANs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from labiac.plan.addressing import (
    IPV4,
    LAN_LENGTH,
    FullError,
    Hosts,
    Prefix,
    Subnets,
    number_of,
    student_pool,
)
from labiac.schema.lan import Lan, Vlan
from labiac.schema.scalars import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.schema.lab import Lab
    from labiac.schema.source import Path

Key = tuple[str, str | None]
"""A LAN, and the VLAN in it or None: one broadcast domain."""


@dataclass
class Findings:
    """What is wrong with the numbers of a lab, gathered while they are worked out."""

    found: list[tuple[Path, str, str]] = field(default_factory=list)

    def add(self, path: Path, problem: str, fix: str) -> None:
        """Note that what *path* says cannot be."""
        self.found.append((path, problem, fix))


@dataclass(frozen=True)
class Segment:
    """A broadcast domain, where it was written, and the numbers in use in each of its subnets."""

    key: Key
    path: Path
    hosts: dict[int, Hosts]
    """By IP version; a version that it has no subnet of is missing."""
    loose: dict[int, str] = field(default_factory=dict)
    """Who has each address that lies in no subnet of the segment."""

    @property
    def name(self) -> str:
        """Its name for people: ``lan1``, or ``lan1 red`` for a VLAN."""
        return " ".join(filter(None, self.key))

    def explicit(
        self, said: str, version: int, owner: str, path: Path, findings: Findings
    ) -> tuple[str, ...]:
        """Take the address that a user wrote for *owner*; return it with its prefix.

        Empty, with a finding, where the segment cannot have that address.
        """
        address = int(ipaddress.ip_address(said.partition("/")[0]))
        hosts = self.hosts.get(version)
        if hosts is None and "/" in said:
            other = self.loose.setdefault(address, owner)
            if other != owner:
                findings.add(path, f"{said} is also {other}'s", "take another")
            return (said,)
        if hosts is None:
            problem = f"{said} has no prefix, and {self.name} has no IPv{version} subnet"
            findings.add(path, problem, f"write {said}/{LAN_LENGTH[version]}, or give it a subnet")
            return ()
        problem = hosts.refusal(address, self.name)
        if problem:
            findings.add(path, f"{said} {problem}", f"use {hosts.span()}, or leave it out")
            return ()
        hosts.take(address, owner)
        return (said if "/" in said else hosts.text(address),)


def segments(lab: Lab, student: str, findings: Findings) -> dict[Key, Segment]:
    """Return every segment of *lab* with its subnets, in the order of the file."""
    spaces = {version: _space(lab, student, version, findings) for version in (4, 6)}
    written = list(_written(lab))
    made = {key: Segment(key, path, {}) for key, path, _ in written}
    for version, space in spaces.items():
        for key, prefix in _subnets(written, version, space, findings).items():
            made[key].hosts[version] = Hosts(prefix)
    return made


def _written(lab: Lab) -> Iterator[tuple[Key, Path, Lan | Vlan]]:
    for name, lan in lab.lans.items():
        yield (name, None), ("lans", name), lan
        for vlan_name, vlan in lan.vlans.items():
            yield (name, vlan_name), ("lans", name, "vlans", vlan_name), vlan


def _space(lab: Lab, student: str, version: int, findings: Findings) -> Subnets:
    said = lab.pool.ipv4 if version == IPV4 else lab.pool.ipv6
    if said is None or said == NONE:
        return Subnets(None)
    pool = Prefix.parse(said)
    if not lab.pool.per_student:
        return Subnets(pool)
    try:
        return Subnets(student_pool(pool, student))
    except FullError:
        problem = f"{said} is too small to give every student other subnets"
        findings.add(("pool", "per_student"), problem, "take a shorter prefix, such as 10.0.0.0/8")
        return Subnets(pool)


def _subnets(
    written: list[tuple[Key, Path, Lan | Vlan]], version: int, space: Subnets, findings: Findings
) -> dict[Key, Prefix]:
    given: dict[Key, Prefix] = {}
    wanting: list[tuple[Key, Path, int | None]] = []
    for key, path, part in written:
        said = part.ipv4 if version == IPV4 else part.ipv6
        if said is not None and said != NONE:
            prefix = given[key] = Prefix.parse(said)
            other = space.overlapping(prefix)
            if other:
                problem = f"{said} overlaps {other}, which another LAN has"
                findings.add((*path, f"ipv{version}"), problem, "take another, or leave it out")
            else:
                space.take(prefix)
        elif space.pool is not None and part.ipv4 is None and part.ipv6 is None:
            number = part.id if isinstance(part, Vlan) else number_of(key[0])
            wanting.append((key, path, number))
    numbered = {key: space.numbered(number) for key, _, number in wanting}
    for key, path, _ in wanting:
        try:
            given[key] = numbered[key] or space.hashed(*filter(None, key))
        except FullError:
            problem = f"the pool {space.pool} has no subnet left for it"
            findings.add(path, problem, "take a larger pool, or name the LAN's subnet")
    return given


def host_side(lab: Lab, made: dict[Key, Segment], findings: Findings) -> dict[str, tuple[str, ...]]:
    """Take the host's own addresses in LANs of type host and nat, and return them by LAN.

    The first address of the subnet unless the file says another, as the hypervisors do it.
    """
    taken: dict[str, tuple[str, ...]] = {}
    for name, lan in lab.lans.items():
        if lan.type in {"host", "nat"}:
            segment = made[name, None]
            given = (
                _host_address(lan, segment, hosts, findings) for hosts in segment.hosts.values()
            )
            taken[name] = tuple(chain.from_iterable(given))
    return taken


def _host_address(lan: Lan, segment: Segment, hosts: Hosts, findings: Findings) -> tuple[str, ...]:
    version = hosts.prefix.version
    said = lan.host and (lan.host.ipv4 if version == IPV4 else lan.host.ipv6)
    if said:
        place = (*segment.path, "host", f"ipv{version}")
        return segment.explicit(said, version, "the host", place, findings)
    address = hosts.numbered("the host", 1)
    return () if address is None else (hosts.text(address),)
