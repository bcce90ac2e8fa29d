"""What must hold beside the predicted matrix: checks, with every name that matters an address.

`str` of a check, or of what it asks, says in words what must hold.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

ABSENT = "none"
"""What stands for the next hop where there shall be no route."""


@dataclass(frozen=True, slots=True)
class PingCheck:
    """The target answers a ping of the source, or must not."""

    source: str
    target: str
    answers: bool

    @property
    def kind(self) -> str:
        """The word for it in a lab file."""
        return "ping" if self.answers else "no_ping"

    def __str__(self) -> str:
        return f"{'ping' if self.answers else 'no ping'} {self.source} -> {self.target}"


@dataclass(frozen=True, slots=True)
class PathCheck:
    """The target answers, and the packets visit these nodes in this order."""

    source: str
    target: str
    visits: tuple[str, ...]
    kind: ClassVar[str] = "path"

    def __str__(self) -> str:
        via = f" by way of {', '.join(self.visits)}" if self.visits else ""
        return f"path {self.source} -> {self.target}{via}"


@dataclass(frozen=True, slots=True)
class AllPingCheck:
    """Every end node reaches every other."""

    kind: ClassVar[str] = "all_ping"

    def __str__(self) -> str:
        return "all ping"


@dataclass(frozen=True, slots=True)
class RouteCheck:
    """A node has a route, or must have none.

    Args:
        node: Name of the node.
        to: Destination as it was written.
        prefixes: The destination: one prefix, or the default routes of the node's IP versions.
        via: Next hop as it was written; ``none`` for no such route, empty for whichever.
        hops: Addresses that the next hop may have; empty for whichever.
    """

    node: str
    to: str
    prefixes: tuple[str, ...]
    via: str
    hops: tuple[str, ...]
    kind: ClassVar[str] = "route"

    @property
    def present(self) -> bool:
        """Whether there shall be such a route."""
        return self.via != ABSENT

    def __str__(self) -> str:
        via = f" via {self.via}" if self.via and self.present else ""
        return f"{'route' if self.present else 'no route'} on {self.node} to {self.to}{via}"


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """A node has an address; with a prefix, exactly that one. An empty NIC is whichever."""

    node: str
    address: str
    nic: str
    kind: ClassVar[str] = "address"

    def __str__(self) -> str:
        return f"address {self.address} on {' '.join(filter(None, (self.node, self.nic)))}"


@dataclass(frozen=True, slots=True)
class PortCheck:
    """A TCP port accepts connections at one of the target's addresses, or at none of them.

    Args:
        source: Node that connects.
        target: Node or address as it was written.
        addresses: What is connected to, one an IP version that both have.
        port: 1-65535.
        open: Whether it shall accept.
    """

    source: str
    target: str
    addresses: tuple[str, ...]
    port: int
    open: bool
    kind: ClassVar[str] = "port"

    def __str__(self) -> str:
        state = "open" if self.open else "closed"
        return f"port {self.port} of {self.target} {state} to {self.source}"


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A URL gives a page with that status, which contains that text.

    Args:
        source: Node that asks.
        url: An http URL.
        addresses: Those of the node or address in the URL; none where it has another name.
        status: 100-599.
        contains: Text that the page contains; empty for whatever it says.
    """

    source: str
    url: str
    addresses: tuple[str, ...]
    status: int
    contains: str
    kind: ClassVar[str] = "http"

    def __str__(self) -> str:
        text = f" with {self.contains!r}" if self.contains else ""
        return f"http {self.source} -> {self.url}: {self.status}{text}"


@dataclass(frozen=True, slots=True)
class DnsCheck:
    """A name has these records, and maybe more.

    Args:
        source: Node that asks.
        name: Domain name.
        type: Type of the record: ``A``, ``MX``, ...
        answers: Text of the records.
        server: Node or address of the name server as it was written; empty: the own resolver.
        addresses: The server's; none: the own resolver.
    """

    source: str
    name: str
    type: str
    answers: tuple[str, ...]
    server: str
    addresses: tuple[str, ...]
    kind: ClassVar[str] = "dns"

    def __str__(self) -> str:
        asked = f" of {self.server}" if self.server else ""
        return f"dns {self.source}: {self.name} {self.type} {', '.join(self.answers)}{asked}"


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A command ends with that status; a regular expression is found in its standard output."""

    node: str
    argv: tuple[str, ...]
    status: int
    output: str
    kind: ClassVar[str] = "command"

    def __str__(self) -> str:
        status = f" ends with {self.status}" if self.status else ""
        output = f" prints {self.output!r}" if self.output else ""
        return f"command on {self.node}: {shlex.join(self.argv)}{status}{output}"


Asked = (
    PingCheck
    | PathCheck
    | AllPingCheck
    | RouteCheck
    | AddressCheck
    | PortCheck
    | HttpCheck
    | DnsCheck
    | CommandCheck
)


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold, what it is worth, and how patiently it is measured.

    Args:
        asked: What must hold.
        title: What it is about; empty when nobody said.
        hint: What may help whoever fails it; empty when nobody said.
        points: What it is worth, more than 0.
        retry: How often it is tried again.
        timeout_s: Seconds that all its attempts may take together.
        stage: Name of the stage that it belongs to; empty for one of the whole lab.
    """

    asked: Asked
    title: str = ""
    hint: str = ""
    points: float = 1
    retry: int = 0
    timeout_s: float = 10
    stage: str = ""

    @property
    def kind(self) -> str:
        """The word for what it asks in a lab file."""
        return self.asked.kind

    def __str__(self) -> str:
        return str(self.asked)


_RESOLVED = {"prefixes", "hops", "addresses"}


def as_written(asked: Asked) -> Asked:
    """Return *asked* without what its names stand for: the same in every version of a lab."""
    known: dict[str, Any] = {each.name: () for each in fields(asked) if each.name in _RESOLVED}
    return replace(asked, **known)


def denies(asked: Asked) -> bool:
    """Return whether *asked* says that something must not be: an answer, a route, an open port."""
    match asked:
        case PingCheck():
            return not asked.answers
        case RouteCheck():
            return not asked.present
        case PortCheck():
            return not asked.open
        case _:
            return False
