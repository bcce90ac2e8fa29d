"""The scalar types of a lab file, each with its bounds, its reason, and its remedy when broken."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError

NAME = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
IPV4 = 4
OCTETS = 6
NONE = "none"
"""What a user writes for "there is none", where leaving a field out means "the default"."""


def broken(problem: str, fix: str = "") -> PydanticCustomError:
    """Return the error a validator raises: what is wrong with the value, and the remedy."""
    context = {"problem": problem.replace("{", "{{").replace("}", "}}"), "fix": fix}
    return PydanticCustomError("labiac", "{problem}", context)


class Short:
    """Says to editors that a value may also be written in a shorter form."""

    def __init__(self, form: dict[str, Any]) -> None:
        self.form = form

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return a schema that takes the short form or the long one."""
        return {"anyOf": [self.form, handler(core)]}


def listed(value: Any) -> Any:
    """Return *value* as the list of one text that it is short for; whatever else as it is."""
    return [value] if isinstance(value, str) else value


def checked_name(value: str) -> str:
    """Return *value*, a name.

    Raises:
        PydanticCustomError: it is none; the remedy is the nearest one.
    """
    if re.match(NAME, value):
        return value
    better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:40].strip("-")
    fix = f"write {better}" if re.match(NAME, better) else "write a name like pc1"
    problem = (
        f"{value!r} is no name: 1 to 40 characters, small letters, digits and hyphens, "
        "a letter first, no hyphen last"
    )
    raise broken(problem, fix)


Name = Annotated[
    str, AfterValidator(checked_name), WithJsonSchema({"type": "string", "pattern": NAME})
]
"""A lab, LAN, VLAN or node name: also a hostname label (RFC 1123) and a part of object names.

40 characters, so that ``<lab>-<student>-<name>`` stays well under the 255 of a file name.
"""

INTERFACE = r"^[a-z][a-z0-9_-]{0,10}$"
InterfaceName = Annotated[str, Field(pattern=INTERFACE)]
"""A NIC's name in its node: 11 characters, so that ``.4094`` still fits Linux's 15."""


def _mac(value: str) -> str:
    octets = re.split(r"[:-]", value.lower())
    if len(octets) != OCTETS or not all(re.match(r"^[0-9a-f]{2}$", octet) for octet in octets):
        raise broken(f"{value!r} is no MAC address", "write six octets: 02:00:00:00:00:01")
    if int(octets[0], 16) & 1:
        even = f"{int(octets[0], 16) & 0xFE:02x}"
        fix = f"make the first octet even: {':'.join([even, *octets[1:]])}"
        raise broken(f"{value} is a multicast address, which no NIC can have", fix)
    return ":".join(octets)


Mac = Annotated[str, AfterValidator(_mac)]
"""A unicast MAC address: six octets, colons or hyphens between them."""


def _subnet(version: int, example: str) -> Any:
    def parse(value: Any) -> Any:
        if value is None or value == NONE:
            return value
        try:
            network = ipaddress.ip_network(value, strict=False)
        except (ValueError, TypeError):
            raise broken(f"{value!r} is no IPv{version} subnet", f"write {example}") from None
        if network.version != version or "/" not in str(value):
            raise broken(f"{value!r} is no IPv{version} subnet", f"write {example}")
        if str(network.network_address) != str(ipaddress.ip_address(value.split("/")[0])):
            raise broken(f"{value} has host bits set", f"write {network}")
        if network.is_multicast or network.is_loopback or network.is_link_local:
            raise broken(f"{value} is reserved, no LAN can have it", f"write {example}")
        if network.prefixlen > network.max_prefixlen - 1:
            raise broken(f"{value} has room for one address only", f"write {example}")
        return str(network)

    return parse


SUBNET_SCHEMA = {
    "type": "string",
    "description": "A subnet in CIDR notation, or none.",
    "examples": ["10.0.1.0/24", NONE],
}
Ipv4Subnet = Annotated[
    str | None, BeforeValidator(_subnet(4, "10.0.1.0/24")), WithJsonSchema(SUBNET_SCHEMA)
]
"""An IPv4 subnet in CIDR notation, or ``none``."""
Ipv6Subnet = Annotated[
    str | None, BeforeValidator(_subnet(6, "fd00:0:0:1::/64")), WithJsonSchema(SUBNET_SCHEMA)
]
"""An IPv6 subnet in CIDR notation, or ``none``."""


def interface_address(value: Any, version: int) -> str:
    """Return an address with or without a prefix as its canonical text.

    Raises:
        PydanticCustomError: *value* is no unicast address of that IP version.
    """
    example = "10.0.1.20 or 10.0.1.20/24" if version == IPV4 else "fd00:0:0:1::20"
    try:
        address = ipaddress.ip_interface(value)
    except (ValueError, TypeError):
        raise broken(f"{value!r} is no IPv{version} address", f"write {example}") from None
    if address.version != version or not isinstance(value, str):
        raise broken(f"{value!r} is no IPv{version} address", f"write {example}")
    ip = address.ip
    if ip.is_multicast or ip.is_loopback or ip.is_unspecified:
        raise broken(f"{value} is reserved, no NIC can have it", f"write {example}")
    return str(address) if "/" in value else str(ip)


def _addresses(version: int) -> Any:
    def parse(value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        if value == NONE:
            return ()
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(interface_address(each, version) for each in values)

    return parse


ADDRESSES_SCHEMA = {
    "description": "Address with or without a prefix, several of them, or none.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
Ipv4Addresses = Annotated[
    tuple[str, ...] | None, BeforeValidator(_addresses(4)), WithJsonSchema(ADDRESSES_SCHEMA)
]
"""A NIC's IPv4 addresses: left out, labiac numbers it; ``none``, it has none."""
Ipv6Addresses = Annotated[
    tuple[str, ...] | None, BeforeValidator(_addresses(6)), WithJsonSchema(ADDRESSES_SCHEMA)
]
"""A NIC's IPv6 addresses: left out, labiac numbers it; ``none``, it has none."""


def _address(version: int) -> Any:
    def parse(value: Any) -> str | None:
        return None if value is None else interface_address(value, version)

    return parse


Ipv4Address = Annotated[str | None, BeforeValidator(_address(4))]
"""One IPv4 address, with or without a prefix."""
Ipv6Address = Annotated[str | None, BeforeValidator(_address(6))]
"""One IPv6 address, with or without a prefix."""


def _destination(value: str) -> str:
    if value == "default":
        return value
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise broken(f"{value!r} is no destination", "write 10.0.3.0/24 or default") from None
    if str(network.network_address) != str(ipaddress.ip_address(value.partition("/")[0])):
        raise broken(f"{value} has host bits set", f"write {network}")
    return str(network)


Destination = Annotated[str, AfterValidator(_destination)]
"""A route's destination: a prefix in CIDR notation, or ``default`` (both families)."""

VlanId = Annotated[int, Field(ge=1, le=4094)]
"""An 802.1Q VLAN ID; 0 and 4095 are reserved (IEEE 802.1Q, table 9-2)."""

MAX_PORT = 65_535
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
"""A TCP or UDP port."""

MemoryMiB = Annotated[int, Field(ge=128, le=65_536)]
"""Guest memory in MiB. Debian 12 with FRR boots in 512; less was never tried."""

Cpus = Annotated[int, Field(ge=1, le=64)]
"""Virtual CPUs of a guest."""

DiskGiB = Annotated[int, Field(ge=1, le=2048)]
"""Size of a guest's disk in GiB; it grows as it fills."""
