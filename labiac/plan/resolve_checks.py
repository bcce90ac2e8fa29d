"""The checks of a lab file to those of the plan: names become addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labiac.plan.addressing import IPV4
from labiac.plan.checks import (
    ABSENT,
    AddressCheck,
    AllPingCheck,
    Check,
    CommandCheck,
    DnsCheck,
    HttpCheck,
    PathCheck,
    PingCheck,
    PortCheck,
    RouteCheck,
)
from labiac.plan.faults import Faults
from labiac.plan.routing import DEFAULT
from labiac.schema.check import DEFAULT as EVERYWHERE
from labiac.schema.node import is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from labiac.plan.checks import Asked
    from labiac.plan.model import Machine
    from labiac.schema import check as schema
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path


def checks_of(lab: Lab, machines: Iterable[Machine], stage: int | None = None) -> tuple[Check, ...]:
    """Return the checks of *lab*, or those of its *stage*, whose nodes are *machines*.

    Raises:
        DescriptionError: a node that is asked for by its address has none that fits, or a NIC is
            not there.
    """
    book = _Book(machines)
    place: Path = ("checks",)
    said, name = lab.checks, ""
    if stage is not None:
        part = lab.stages[stage]
        said, place, name = part.checks, ("stages", stage, *place), part.name
    made = tuple(_check(each, (*place, index), name, book) for index, each in enumerate(said))
    book.faults.insist(lab)
    return made


def _check(said: schema.Check, path: Path, stage: str, book: _Book) -> Check:
    asked = _KINDS[said.kind](said.asked, (*path, said.kind), book)
    return Check(asked, said.title, said.hint, said.points, said.retry, said.timeout_s, stage)


class _Book:
    """Who has which addresses and NICs; and what was looked up in vain."""

    def __init__(self, machines: Iterable[Machine]) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self.faults = Faults()

    def known_by(self, name: str) -> dict[int, str]:
        """Return the address that node *name* is known by, by IP version."""
        found: dict[int, str] = {}
        for address in self._held(name):
            found.setdefault(_version(address), address)
        return found

    def hops(self, path: Path, via: str, versions: Collection[int]) -> tuple[str, ...]:
        """Return the addresses of next hop *via* in these IP *versions*."""
        if via not in self._machines:
            return () if via in {"", ABSENT} else (via,)
        found = tuple(each for each in self._held(via) if _version(each) in versions)
        if not found:
            self.faults.add((*path, "via"), f"{via} has no such address", "write the next hop's")
        return found

    def common(self, path: Path, source: str, target: str) -> tuple[str, ...]:
        """Return the addresses of *target* that *source* can ask for; none of another name."""
        if target not in self._machines:
            return (target,) if target and not is_name(target) else ()
        own = self.known_by(source)
        found = tuple(each for version, each in self.known_by(target).items() if version in own)
        if not found:
            problem = f"{source} and {target} have no IP version in common"
            self.faults.add(path, problem, "write the address")
        return found

    def insist_nic(self, path: Path, name: str, nic: str) -> None:
        """Note that node *name* has no NIC called *nic*, if that is so."""
        there = [each for each, _ in self._machines[name].interfaces()]
        if nic and nic not in there:
            fix = f"it has {', '.join(there) or 'none'}"
            self.faults.add((*path, "nic"), f"{name} has no NIC {nic!r}", fix)

    def _held(self, name: str) -> Iterator[str]:
        return (address.partition("/")[0] for address in self._machines[name].addresses())


def _ping(said: schema.PingCheck, path: Path, book: _Book) -> Asked:
    del path, book
    return PingCheck(said.source, said.target, answers=True)


def _no_ping(said: schema.PingCheck, path: Path, book: _Book) -> Asked:
    del path, book
    return PingCheck(said.source, said.target, answers=False)


def _path(said: schema.PathCheck, path: Path, book: _Book) -> Asked:
    del path, book
    return PathCheck(said.source, said.target, said.visits)


def _all_ping(said: None, path: Path, book: _Book) -> Asked:
    del said, path, book
    return AllPingCheck()


def _route(said: schema.RouteCheck, path: Path, book: _Book) -> Asked:
    via = said.via or ""
    if said.to != EVERYWHERE:
        prefixes: tuple[str, ...] = (said.to,)
    else:
        prefixes = tuple(str(DEFAULT[version]) for version in book.known_by(said.node) or (IPV4,))
    hops = book.hops(path, via, {_version(prefix) for prefix in prefixes})
    if hops:  # a default route of the other IP version is somebody else's matter
        versions = {_version(hop) for hop in hops}
        prefixes = tuple(prefix for prefix in prefixes if _version(prefix) in versions)
    return RouteCheck(said.node, said.to, prefixes, via, hops)


def _address(said: schema.AddressCheck, path: Path, book: _Book) -> Asked:
    nic = said.nic or ""
    book.insist_nic(path, said.node, nic)
    return AddressCheck(said.node, said.address, nic)


def _port(said: schema.PortCheck, path: Path, book: _Book) -> Asked:
    addresses = book.common(path, said.source, said.target)
    return PortCheck(said.source, said.target, addresses, said.port, said.open)


def _http(said: schema.HttpCheck, path: Path, book: _Book) -> Asked:
    host = urlsplit(said.url).hostname or ""
    addresses = book.common((*path, "url"), said.source, host)
    return HttpCheck(said.source, said.url, addresses, said.status, said.contains)


def _dns(said: schema.DnsCheck, path: Path, book: _Book) -> Asked:
    server = said.server or ""
    addresses = book.common((*path, "server"), said.source, server)
    return DnsCheck(said.source, said.name, said.type, said.answer, server, addresses)


def _command(said: schema.CommandCheck, path: Path, book: _Book) -> Asked:
    del path, book
    return CommandCheck(said.node, said.run, said.status, said.output)


def _version(text: str) -> int:
    return 6 if ":" in text else IPV4


_KINDS: dict[str, Callable[[Any, Path, _Book], Asked]] = {
    "ping": _ping,
    "no_ping": _no_ping,
    "path": _path,
    "all_ping": _all_ping,
    "route": _route,
    "address": _address,
    "port": _port,
    "http": _http,
    "dns": _dns,
    "command": _command,
}
