"""What must hold beside the predicted matrix."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from labiac.schema.lan import Strict
from labiac.schema.node import is_name
from labiac.schema.scalars import (
    IPV4,
    NONE,
    Destination,
    Name,
    Port,
    broken,
    interface_address,
    listed,
)

DEFAULT = "default"
MAX_POINTS = 1000
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
"""What stands between two dots of a domain name; SRV records have underscores (RFC 2782)."""
MAX_DOMAIN = 253
"""Characters of a domain name (RFC 1035, 2.3.4)."""
VERSIONS = {"A": 4, "AAAA": 6}
"""Record types whose answers are addresses, with their IP version."""


def _end(value: str) -> str:
    if is_name(value):
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        problem = f"{value!r} is neither a node nor an address"
        raise broken(problem, "write pc1 or 10.0.1.11") from None


End = Annotated[str, AfterValidator(_end)]
"""A node by its name, or an IP address."""


def _via(value: str) -> str:
    return value if value == NONE else _end(value)


Via = Annotated[str, AfterValidator(_via)]
"""A next hop: an address, a node, or none."""


def _held(value: str) -> str:
    return interface_address(value, 6 if ":" in value else IPV4)


Held = Annotated[str, AfterValidator(_held)]
"""An address of an interface, with or without a prefix, of either IP version."""


def _tcp(value: Any) -> Any:
    if value == "udp":
        raise broken(
            "a UDP port that is open and one that is filtered are both silent",
            "ask the service itself: dns, or command with a client of it",
        )
    return value


def _url(value: str) -> str:
    example = "write http://pc4/ or http://10.0.3.14:8080/path"
    try:
        parts = urlsplit(value)
        sound = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        raise broken(f"{value!r} is no URL", example) from None
    if parts.scheme == "https":
        fix = "use command, for instance with run: [curl, --insecure, --fail, URL]"
        raise broken("https needs certificates, which a lab seldom has", fix)
    if parts.scheme != "http" or not sound or not re.fullmatch(r"[!-~]+", value):
        raise broken(f"{value!r} is no http URL", example)
    return value


def _domain(value: str) -> str:
    labels = value.removesuffix(".").split(".")
    if len(value) > MAX_DOMAIN or not all(re.fullmatch(LABEL, label) for label in labels):
        raise broken(f"{value!r} is no domain name", "write www.example.org")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        fix = "put a backslash before what is meant literally: . * + ? ( ) [ ] { } ^ $ |"
        raise broken(f"{value!r} is no regular expression: {error}", fix) from None
    return value


def _arguments(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if "\0" in each:
            problem = f"{each!r} has a null character, which no argument can have"
            raise broken(problem, "leave it out")
    return value


def _points(value: float) -> float:
    if not 0 < value <= MAX_POINTS:
        problem = f"{value:g} points: a check is worth more than 0, and at most {MAX_POINTS}"
        raise broken(problem, "write 1, or leave it out, which is the same")
    return value


Points = Annotated[
    float,
    AfterValidator(_points),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_POINTS}),
]
"""What a check is worth."""


class Asked(Strict):
    """What one check asks: the base of all kinds."""

    def nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes it names, each with the key that it stands under."""
        for key in ("node", "source", "target", "via", "server"):
            name = getattr(self, key, None)
            if name is not None and is_name(name):
                yield {"source": "from", "target": "to"}.get(key, key), name


class PingCheck(Asked):
    """Two nodes: who asks, and who shall answer, or must not."""

    source: Name = Field(validation_alias="from", description="Node that pings.")
    target: Name = Field(validation_alias="to", description="Node that is pinged.")


class PathCheck(PingCheck):
    """Two nodes, and those that packets from one to the other visit on the way."""

    visits: tuple[Name, ...] = Field(
        strict=False, description="Nodes between the two, in order; others may lie between them."
    )

    def nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes it names, each with the key that it stands under."""
        yield from super().nodes()
        yield from (("visits", name) for name in self.visits)


class RouteCheck(Asked):
    """A route that a node has, or must not have."""

    node: Name = Field(description="Node whose routing table is looked at.")
    to: Destination = Field(description="Destination in CIDR notation, exactly this; or default.")
    via: Via | None = Field(
        default=None,
        description="Next hop: an address, or a node; none: there must be no such route; "
        "left out: whichever.",
    )

    @model_validator(mode="after")
    def _of_one_ip_version(self) -> RouteCheck:
        hop = self.via is not None and self.via != NONE and not is_name(self.via)
        if hop and self.to != DEFAULT and (":" in (self.via or "")) != (":" in self.to):
            raise broken(f"{self.to} and {self.via} are of two IP versions", "write both of one")
        return self


class AddressCheck(Asked):
    """An address that a node has."""

    node: Name = Field(description="Node that shall have it.")
    address: Held = Field(
        validation_alias="is", description="The address; with a prefix, that is looked at too."
    )
    nic: str | None = Field(
        default=None, description="NIC that has it: eth0, eth0.10; any if unset."
    )


class PortCheck(Asked):
    """A TCP port, open or closed to a node."""

    source: Name = Field(validation_alias="from", description="Node that connects.")
    target: End = Field(validation_alias="to", description="Node or address that is asked.")
    port: Port = Field(description="Port that is asked.")
    protocol: Annotated[Literal["tcp"], BeforeValidator(_tcp)] = Field(
        default="tcp", description="tcp; a UDP port does not say whether it is open."
    )
    open: bool = Field(
        default=True, description="false: nothing may accept the connection, for whatever reason."
    )


class HttpCheck(Asked):
    """A web page that a node gets."""

    source: Name = Field(validation_alias="from", description="Node that asks.")
    url: Annotated[str, Field(max_length=2048), AfterValidator(_url)] = Field(
        description="An http URL; names are looked up on the node."
    )
    status: int = Field(default=200, ge=100, le=599, description="Status of the answer.")
    contains: str = Field(
        default="", max_length=1000, description="Text that the page has within its first MiB."
    )


class DnsCheck(Asked):
    """A name that a node looks up."""

    source: Name = Field(validation_alias="from", description="Node that asks.")
    name: Annotated[str, AfterValidator(_domain)] = Field(description="Domain name to look up.")
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = Field(
        default="A", description="Type of the record."
    )
    answer: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        strict=False,
        min_length=1,
        description="Text of the record, or a list; there may be more.",
    )
    server: End | None = Field(
        default=None,
        description="Node or address of the name server; the node's own resolver if unset.",
    )

    @model_validator(mode="after")
    def _answers_of_the_type(self) -> DnsCheck:
        version = VERSIONS.get(self.type)
        for text in self.answer if version else ():
            try:
                fits = ipaddress.ip_address(text).version == version
            except ValueError:
                fits = False
            if not fits:
                problem = f"{text!r} is no answer of type {self.type}"
                raise broken(problem, f"write IPv{version} addresses, or another type")
        return self


class CommandCheck(Asked):
    """A command that runs on a node."""

    node: Name = Field(description="Node that it runs on.")
    run: Annotated[tuple[str, ...], AfterValidator(_arguments)] = Field(
        min_length=1, strict=False, description="Program and arguments, one a list element."
    )
    status: int = Field(default=0, ge=0, le=255, description="Its exit status.")
    output: Annotated[str, AfterValidator(_pattern)] = Field(
        default="", description="Regular expression that its standard output matches somewhere."
    )


class Check(Strict):
    """One of: ping, no_ping, path, all_ping, route, address, port, http, dns, command."""

    ping: PingCheck | None = Field(default=None, description="The target answers a ping.")
    no_ping: PingCheck | None = Field(
        default=None, description="The target does not answer a ping."
    )
    path: PathCheck | None = Field(
        default=None, description="The target answers, by way of these nodes."
    )
    all_ping: Literal[True] | None = Field(default=None, description="Everybody reaches everybody.")
    route: RouteCheck | None = Field(default=None, description="A node has a route, or has none.")
    address: AddressCheck | None = Field(default=None, description="A node has an address.")
    port: PortCheck | None = Field(default=None, description="A TCP port is open, or closed.")
    http: HttpCheck | None = Field(default=None, description="A web page is there.")
    dns: DnsCheck | None = Field(default=None, description="A name is known.")
    command: CommandCheck | None = Field(default=None, description="A command says what it shall.")
    title: str = Field(default="", max_length=200, description="What it is about, for people.")
    hint: str = Field(default="", max_length=1000, description="What may help whoever fails it.")
    points: Points = Field(default=1, description="What it is worth.")
    retry: int = Field(
        default=0,
        ge=0,
        le=100,
        description="How often it is tried again: until it holds, or, where it says that "
        "something must not be, to the end.",
    )
    timeout_s: float = Field(
        default=10, ge=1, le=300, description="Seconds that all its attempts may take together."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Check:
        kinds = [name for name in type(self).model_fields if name not in BESIDE]
        said = [name for name in kinds if name in self.model_fields_set]
        if len(said) != 1:
            problem = f"a check is one of {', '.join(kinds)}; here: {said}"
            raise broken(problem, "make it one list element each")
        return self

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(iter(self.model_fields_set - BESIDE))

    @property
    def asked(self) -> Asked | None:
        """What it asks; None of all_ping, which says it all."""
        asked = getattr(self, self.kind)
        return asked if isinstance(asked, Asked) else None


BESIDE = frozenset({"title", "hint", "points", "retry", "timeout_s"})
"""What can be said of a check of every kind."""
