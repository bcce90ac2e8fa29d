"""Numbers a person can guess, that do not move.

What ends in a number gets that number: ``lan3`` the third subnet of the pool, ``r2`` host 2,
``pc4`` host 14. Who has none, or finds it taken, gets a free one chosen by a hash of its name. So
the same file and student give the same numbers on every run, and adding or removing something
leaves the others as they are, unless it takes a number that another had got by hash.

IPv6 writes the same digits: ``pc4`` in ``lan3`` is ``10.0.3.14`` and ``fd00:0:0:3::14``.
"""

from __future__ import annotations

import bisect
import ipaddress
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

IPV4 = 4
POINT_TO_POINT = 2
"""Addresses of a subnet in which both are hosts (RFC 3021, RFC 6164)."""
LAN_LENGTH = {4: 24, 6: 64}
"""Prefix length of a subnet taken from the pool, by IP version."""
BITS = {4: 32, 6: 128}
PC_OFFSET = 10
"""A PC's host number is so much more than its own: routers keep the small ones."""
HASHED_HOSTS = 2**15
"""Hashed host numbers spread over so many at most."""
MANY = 2**16
"""A search for a free number ends after so many: no lab has as many NICs in a LAN."""


class FullError(Exception):
    """There is no free number left."""


def number_of(name: str) -> int | None:
    """Return the number that *name* ends with, or None."""
    match = re.search(r"[0-9]+$", name)
    return int(match[0]) if match else None


def written(number: int, version: int) -> int:
    """Return the value whose text shows the digits of *number*: 14 is 0x14 in IPv6."""
    return number if version == IPV4 else int(str(number), 16)


@dataclass(frozen=True, slots=True)
class Prefix:
    """A subnet as numbers: fast to compare, to search and to fill."""

    version: int
    first: int
    length: int

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Return the subnet of CIDR notation or of an address with a prefix."""
        network = ipaddress.ip_interface(text).network
        return cls(network.version, int(network.network_address), network.prefixlen)

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return 1 << (BITS[self.version] - self.length)

    @property
    def last(self) -> int:
        """Its last address, as a number."""
        return self.first + self.size - 1

    def __contains__(self, address: int) -> bool:
        return self.first <= address <= self.last

    def __str__(self) -> str:
        return f"{address_text(self.version, self.first)}/{self.length}"

    def part(self, index: int, length: int) -> Prefix:
        """Return its *index*-th part of that prefix *length*."""
        step = BITS[self.version] - length
        return Prefix(self.version, self.first + (index << step), length)

    def hosts(self) -> range:
        """Return the host numbers that a NIC can have.

        Not the subnet's own address (in IPv6 the routers' anycast) nor IPv4's broadcast, but for
        point-to-point subnets both (RFC 3021, RFC 6164).
        """
        if self.size <= POINT_TO_POINT:
            return range(self.size)
        return range(1, self.size - (self.version == IPV4))


def address_text(version: int, value: int) -> str:
    """Return an address as people write it."""
    kind = ipaddress.IPv4Address if version == IPV4 else ipaddress.IPv6Address
    return str(kind(value))


def student_pool(pool: Prefix, student: str) -> Prefix:
    """Return the part of *pool* that is *student*'s: half of the bits name the student.

    Raises:
        FullError: the pool is too small to be shared.
    """
    bits = (LAN_LENGTH[pool.version] - pool.length) // 2
    if bits < 1:
        raise FullError
    number = number_of(student)
    slots = 1 << bits
    if number is None or not 0 < written(number, pool.version) < slots:
        return pool.part(digest("student", student) % slots, pool.length + bits)
    return pool.part(written(number, pool.version), pool.length + bits)


@dataclass
class Subnets:
    """The subnets of one IP version that a lab uses, and the pool that gives more."""

    pool: Prefix | None
    _starts: list[int] = field(default_factory=list)
    _taken: list[Prefix] = field(default_factory=list)

    def overlapping(self, prefix: Prefix) -> Prefix | None:
        """Return a subnet in use that shares addresses with *prefix*, or None."""
        place = bisect.bisect_right(self._starts, prefix.last) - 1
        if place >= 0 and self._taken[place].last >= prefix.first:
            return self._taken[place]
        return None

    def take(self, prefix: Prefix) -> None:
        """Mark *prefix*, which overlaps no other, as in use."""
        place = bisect.bisect_left(self._starts, prefix.first)
        self._starts.insert(place, prefix.first)
        self._taken.insert(place, prefix)

    def numbered(self, number: int | None) -> Prefix | None:
        """Take the pool's subnet of that *number*, or return None where that is not possible."""
        if self.pool is None or number is None:
            return None
        index = written(number, self.pool.version)
        if not 0 < index < self._count(self.pool):
            return None
        return self._if_free(self._part(self.pool, index))

    def hashed(self, *key: str) -> Prefix:
        """Take a free subnet of the pool, chosen by a hash of *key*.

        Raises:
            FullError: every subnet of the pool is in use, or the pool is too small for one.
        """
        pool = self.pool
        if pool is None or self._count(pool) < 1:
            raise FullError
        count = self._count(pool)
        for index in _probes(count, 0, "subnet", *key):
            found = self._if_free(self._part(pool, index))
            if found:
                return found
        raise FullError

    @staticmethod
    def _count(pool: Prefix) -> int:
        bits = LAN_LENGTH[pool.version] - pool.length
        return 1 << bits if bits >= 0 else 0

    @staticmethod
    def _part(pool: Prefix, index: int) -> Prefix:
        return pool.part(index, LAN_LENGTH[pool.version])

    def _if_free(self, prefix: Prefix) -> Prefix | None:
        if self.overlapping(prefix):
            return None
        self.take(prefix)
        return prefix


def _probes(count: int, low: int, *key: str) -> Iterator[int]:
    """Yield numbers from *low* on: some by hash, then, so that none is missed, each in turn."""
    for attempt in range(16):
        yield low + digest(*key, attempt) % count
    yield from range(low, low + min(count, MANY))


@dataclass
class Hosts:
    """The host numbers in use in one subnet."""

    prefix: Prefix
    taken: dict[int, str] = field(default_factory=dict)

    def refusal(self, address: int, name: str) -> str:
        """Return why no NIC in segment *name* can take *address*, or the empty string."""
        if address not in self.prefix:
            return f"is outside {name} ({self.prefix})"
        if address - self.prefix.first not in self.prefix.hosts():
            return f"is the address of {self.prefix} itself, or its broadcast"
        if address in self.taken:
            return f"is also {self.taken[address]}'s"
        return ""

    def span(self) -> str:
        """Return the addresses that NICs can have, for people: ``10.0.2.1-10.0.2.254``."""
        hosts = self.prefix.hosts()
        first, last = self.prefix.first + hosts.start, self.prefix.first + hosts.stop - 1
        return "-".join(address_text(self.prefix.version, value) for value in (first, last))

    def text(self, address: int) -> str:
        """Return *address* with this subnet's prefix length."""
        return f"{address_text(self.prefix.version, address)}/{self.prefix.length}"

    def take(self, address: int, owner: str) -> None:
        """Mark *address* as *owner*'s."""
        self.taken[address] = owner

    def numbered(self, owner: str, number: int | None) -> int | None:
        """Take host *number* for *owner* and return its address, or None if that cannot be."""
        if number is None:
            return None
        host = written(number, self.prefix.version)
        return self._take(host, owner) if self._free(host) else None

    def hashed(self, owner: str, *key: str) -> int:
        """Take a free host number for *owner*, chosen by a hash with *key*; return its address.

        The upper half is tried first, since people and numbered names keep to the lower.

        Raises:
            FullError: every address of the subnet is in use.
        """
        hosts = self.prefix.hosts()
        low = max(hosts.start, min(hosts.stop // 2, HASHED_HOSTS))
        count = max(1, min(hosts.stop - low, HASHED_HOSTS))
        for host in chain(_probes(count, low, "host", owner, *key), hosts[:MANY]):
            if self._free(host):
                return self._take(host, owner)
        raise FullError

    def _free(self, host: int) -> bool:
        return host in self.prefix.hosts() and self.prefix.first + host not in self.taken

    def _take(self, host: int, owner: str) -> int:
        address = self.prefix.first + host
        self.taken[address] = owner
        return address
