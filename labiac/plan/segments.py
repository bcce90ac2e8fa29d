"""Which subnet each broadcast domain has: a LAN untagged, and each of its VLANs."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
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
from labiac.plan.vary import drawn_by
from labiac.schema.domains import domains
from labiac.schema.lan import Lan, Vlan
from labiac.schema.scalars import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.faults import Faults
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path

Key = tuple[str, str | None]
"""A LAN, and the VLAN in it or None: one broadcast domain."""


@dataclass(frozen=True)
class Segment:
    """A broadcast domain, and the numbers in use in each of its subnets.

    Args:
        key: What stands for it: of LANs that bridges join, the first in the file.
        name: Its name for people: ``lan1``, ``lan1 red`` for a VLAN, ``lan1+lan2`` where joined.
        hosts: By IP version; a version that it has no subnet of is missing.
        loose: Who has each address that lies in no subnet of the segment.
    """

    key: Key
    name: str
    hosts: dict[int, Hosts] = field(default_factory=dict)
    loose: dict[int, str] = field(default_factory=dict)

    def explicit(
        self, said: str, version: int, owner: str, path: Path, faults: Faults
    ) -> tuple[str, ...]:
        """Take the address that a user wrote for *owner*; return it with its prefix.

        Empty, with a fault, where the segment cannot have that address.
        """
        address = int(ipaddress.ip_address(said.partition("/")[0]))
        hosts = self.hosts.get(version)
        if hosts is None and "/" in said:
            other = self.loose.setdefault(address, owner)
            if other != owner:
                faults.add(path, f"{said} is also {other}'s", "take another")
            return (said,)
        if hosts is None:
            problem = f"{said} has no prefix, and {self.name} has no IPv{version} subnet"
            faults.add(path, problem, f"write {said}/{LAN_LENGTH[version]}, or give it a subnet")
            return ()
        problem = hosts.refusal(address, self.name)
        if problem:
            faults.add(path, f"{said} {problem}", f"use {hosts.span()}, or leave it out")
            return ()
        hosts.take(address, owner)
        return (said if "/" in said else hosts.text(address),)


@dataclass(frozen=True)
class _Part:
    """A LAN or a VLAN as it is written: a segment, or one of the parts that bridges join."""

    key: Key
    path: Path
    said: Lan | Vlan

    def subnet(self, version: int) -> str | None:
        """Return the subnet that it names, or None."""
        said = self.said.ipv4 if version == IPV4 else self.said.ipv6
        return None if said == NONE else said

    @property
    def silent(self) -> bool:
        """Whether it says nothing of subnets, and so wants them from the pool."""
        return self.said.ipv4 is None and self.said.ipv6 is None

    @property
    def number(self) -> int | None:
        """The number of the subnet that it wants."""
        return self.said.id if isinstance(self.said, Vlan) else number_of(self.key[0])


def segments(lab: Lab, student: str, faults: Faults) -> dict[Key, Segment]:
    """Return the segment of every LAN and VLAN of *lab*, in the order of the file.

    LANs that bridges join have the same one.
    """
    joined = domains(lab)
    made: dict[Key, Segment] = {}
    parts: dict[Key, list[_Part]] = defaultdict(list)
    for part in _written(lab):
        lan, vlan = part.key
        first = (joined[lan][0], None) if vlan is None else part.key
        name = f"{lan} {vlan}" if vlan else "+".join(joined[lan])
        made[part.key] = made.get(first) or Segment(first, name)
        parts[first].append(part)
    drawn = drawn_by(lab, student) if lab.vary and lab.vary.subnets else ()
    for version in LAN_LENGTH:
        space = _space(lab, student, version, faults)
        for key, prefix in _subnets(parts, version, space, drawn, faults).items():
            made[key].hosts[version] = Hosts(prefix)
    return made


def _written(lab: Lab) -> Iterator[_Part]:
    for name, lan in lab.lans.items():
        yield _Part((name, None), ("lans", name), lan)
        for vlan_name, vlan in lan.vlans.items():
            yield _Part((name, vlan_name), ("lans", name, "vlans", vlan_name), vlan)


def _space(lab: Lab, student: str, version: int, faults: Faults) -> Subnets:
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
        faults.add(("pool", "per_student"), problem, "take a shorter prefix, such as 10.0.0.0/8")
        return Subnets(pool)


def _subnets(
    parts: dict[Key, list[_Part]],
    version: int,
    space: Subnets,
    drawn: tuple[str, ...],
    faults: Faults,
) -> dict[Key, Prefix]:
    """Return the subnet of each segment: the one that its parts name, or one of the pool.

    That is the one of its number, unless subnets are *drawn*: by whose name, says that.
    """
    given: dict[Key, Prefix] = {}
    wanting: dict[Key, _Part] = {}
    for key, there in parts.items():
        named = [part for part in there if part.subnet(version)]
        silent = [part for part in there if part.silent]
        if named:
            given[key] = _named(named, version, space, faults)
        elif silent and space.pool is not None:
            wanting[key] = silent[0]
    numbered = {
        key: None if drawn else space.numbered(part.number) for key, part in wanting.items()
    }
    for key, part in wanting.items():
        try:
            given[key] = numbered[key] or space.hashed(*drawn, *filter(None, part.key))
        except FullError:
            problem = f"the pool {space.pool} has no subnet left for it"
            faults.add(part.path, problem, "take a larger pool, or name the LAN's subnet")
    return given


def _named(parts: list[_Part], version: int, space: Subnets, faults: Faults) -> Prefix:
    """Take the subnet that the first of *parts* names; the others must name the same."""
    first, *others = parts
    prefix = Prefix.parse(first.subnet(version) or "")
    overlapped = space.overlapping(prefix)
    if overlapped:
        problem = f"{prefix} overlaps {overlapped}, which another LAN has"
        faults.add((*first.path, f"ipv{version}"), problem, "take another, or leave it out")
    else:
        space.take(prefix)
    for other in others:
        if other.subnet(version) != first.subnet(version):
            said = f"{other.subnet(version)}, and {first.key[0]} has {prefix}"
            problem = f"{said}: a bridge joins the two into one LAN"
            place = (*other.path, f"ipv{version}")
            faults.add(place, problem, f"write {prefix}, or leave it out")
    return prefix


def host_side(lab: Lab, made: dict[Key, Segment], faults: Faults) -> dict[str, tuple[str, ...]]:
    """Take the host's own addresses in LANs of type host and nat, and return them by LAN.

    The first address of the subnet unless the file says another, as the hypervisors do it.
    """
    taken: dict[str, tuple[str, ...]] = {}
    for name, lan in lab.lans.items():
        if lan.type in {"host", "nat"}:
            segment = made[name, None]
            given = (
                _host_address(name, lan, segment, hosts, faults) for hosts in segment.hosts.values()
            )
            taken[name] = tuple(chain.from_iterable(given))
    return taken


def _host_address(
    name: str, lan: Lan, segment: Segment, hosts: Hosts, faults: Faults
) -> tuple[str, ...]:
    version = hosts.prefix.version
    said = lan.host and (lan.host.ipv4 if version == IPV4 else lan.host.ipv6)
    if said:
        place = ("lans", name, "host", f"ipv{version}")
        return segment.explicit(said, version, "the host", place, faults)
    address = hosts.numbered("the host", 1)
    return () if address is None else (hosts.text(address),)
