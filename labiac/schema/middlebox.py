"""A middlebox: a node on the way of packets that does more than forward them."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from labiac.schema.lan import Strict
from labiac.schema.node import IpNode, Nic, Node, is_name
from labiac.schema.scalars import MAX_PORT, Name, Port, Short, broken, checked_name, listed

Traffic = Literal["any", "icmp", "tcp", "udp"]


def _ports(value: Any) -> tuple[str, ...]:
    said = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_port_range(each) for each in said)


def _port_range(value: Any) -> str:
    """Return a port or a range of them as text: ``443``, ``8000-8080``."""
    text = "" if isinstance(value, bool) else str(value)
    if not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", text):
        raise broken(f"{value!r} is no port", "write 443, or a range: 8000-8080")
    first, last = port_span(text)
    if not 1 <= first <= last <= MAX_PORT:
        problem = f"{text} is out of bounds" if first <= last else f"{text} runs backwards"
        raise broken(problem, f"write ports from 1 to {MAX_PORT}, the smaller one first")
    return text


def port_span(text: str) -> tuple[int, int]:
    """Return the first and last port of ``443`` or ``8000-8080``."""
    first, _, last = text.partition("-")
    return int(first), int(last or first)


PORT_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_PORT},
        {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$"},
    ]
}
Ports = Annotated[
    tuple[str, ...],
    BeforeValidator(_ports),
    Field(min_length=1),
    WithJsonSchema(
        {"anyOf": [*PORT_SCHEMA["anyOf"], {"type": "array", "items": PORT_SCHEMA, "minItems": 1}]}
    ),
]
"""Destination ports: one, a range, or a list of them."""


PLACES = "write lan1, pc1, 10.0.1.11 or 10.0.1.0/24"


def _place(value: str) -> str:
    if is_name(value):
        return checked_name(value)
    problem = f"{value!r} is no LAN, node, address or prefix"
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise broken(problem, PLACES) from None
    if "%" in value:  # a scope: an interface of this host
        raise broken(problem, PLACES)
    if network.network_address != ipaddress.ip_address(value.partition("/")[0]):
        raise broken(f"{value} has host bits set", f"write {network}")
    return str(network)


Places = Annotated[
    tuple[Annotated[str, AfterValidator(_place)], ...],
    BeforeValidator(listed),
    Field(strict=False, min_length=1),
    Short({"type": "string"}),
]
"""LANs, nodes, addresses and prefixes: one, or a list of them. Addresses become prefixes."""


class Rule(Strict):
    """One line of a policy: exactly one of allow, deny and reject, and what it matches."""

    allow: Traffic | None = Field(default=None, description="Traffic that it lets through.")
    deny: Traffic | None = Field(default=None, description="Traffic that it drops.")
    reject: Traffic | None = Field(
        default=None, description="Traffic that it drops, and tells the sender."
    )
    source: Places | None = Field(
        default=None,
        validation_alias="from",
        description="Where it comes from: LANs, nodes, addresses, prefixes; anywhere if unset.",
    )
    target: Places | None = Field(
        default=None,
        validation_alias="to",
        description="Where it goes to: LANs, nodes, addresses, prefixes; anywhere if unset.",
    )
    ports: Ports | None = Field(
        default=None, description="Destination ports and ranges (tcp and udp); every one if unset."
    )

    @property
    def verb(self) -> Literal["allow", "deny", "reject"]:
        """What becomes of the traffic."""
        if self.allow:
            return "allow"
        return "deny" if self.deny else "reject"

    @property
    def traffic(self) -> Traffic:
        """What traffic it is about."""
        return self.allow or self.deny or self.reject or "any"

    @model_validator(mode="after")
    def _exactly_one(self) -> Rule:
        said = [each for each in (self.allow, self.deny, self.reject) if each]
        if len(said) != 1:
            problem = f"a rule is one of allow, deny, reject; here are {len(said)}"
            raise broken(problem, "make it one list element each, such as {allow: icmp}")
        if self.ports and self.traffic not in {"tcp", "udp"}:
            problem = f"only tcp and udp have ports, and this rule is about {self.traffic}"
            raise broken(problem, f"write {self.verb}: tcp, or leave the ports out")
        return self


def _by_role(schema: dict[str, Any]) -> None:
    """Make a file say the role, which tells the classes apart; in Python the class says it."""
    del schema["properties"]["role"]["default"]
    schema["required"] = ["role", *schema.get("required", ())]


BY_ROLE = ConfigDict(json_schema_extra=_by_role)


class Firewall(IpNode):
    """A router that lets through only what its policy says. It is stateful."""

    model_config = BY_ROLE

    role: Literal["firewall"] = Field(
        default="firewall", description="firewall: lets through what its policy says."
    )
    policy: Literal["accept", "drop", "reject"] = Field(
        default="drop", description="What becomes of a packet that no rule matches."
    )
    rules: tuple[Rule, ...] = Field(
        default=(), strict=False, description="Rules; the first one that matches decides."
    )


class NatForward(Strict):
    """A port of a NAT's outside that leads to a node inside."""

    port: Port = Field(description="Port that the NAT listens on, outside.")
    to: Name = Field(description="Node inside that it leads to.")
    to_port: Port | None = Field(
        default=None, description="Port that the node listens on; the same if unset."
    )
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="tcp or udp.")


class Nat(IpNode):
    """A router that hides what is behind it: all that leaves `outside` has its address there."""

    model_config = BY_ROLE

    role: Literal["nat"] = Field(default="nat", description="nat: hides what is behind it.")
    outside: Name = Field(description="The one of its LANs that leads outside.")
    forwards: tuple[NatForward, ...] = Field(
        default=(), strict=False, description="Ports of its outside that lead inside."
    )


class Bridge(Node):
    """A transparent switch: the LANs of its NICs are one broadcast domain. It has no addresses."""

    model_config = BY_ROLE

    role: Literal["bridge"] = Field(
        default="bridge", description="bridge: makes its LANs one broadcast domain."
    )


class Ids(IpNode):
    """A node that hears all that is said on some of its LANs, and says nothing there.

    Its NICs in LANs that it does not watch are those of any node: it can be reached by them.
    """

    model_config = BY_ROLE

    role: Literal["ids"] = Field(
        default="ids", description="ids: gets a copy of every frame on the LANs that it watches."
    )
    watches: tuple[Name, ...] = Field(
        min_length=1, strict=False, description="Those of its LANs that it listens to."
    )


Middlebox = Firewall | Nat | Bridge | Ids
ROLES = tuple(each.model_fields["role"].default for each in get_args(Middlebox))
AnyMiddlebox = Annotated[Middlebox, Field(discriminator="role")]
"""A middlebox of the file: `role` says which."""


def listens(node: Node, nic: Nic) -> bool:
    """Return whether *nic* of *node* only listens: it has no address, and sends nothing."""
    return isinstance(node, Ids) and nic.lan in node.watches


def mute(node: Node | None) -> str:
    """Return why *node* can have no address, ``is a bridge``; empty where it can."""
    if isinstance(node, Bridge):
        return "is a bridge"
    if isinstance(node, Ids) and all(listens(node, nic) for nic in node.interfaces()):
        return "only listens"
    return ""
