"""A LAN: one Ethernet broadcast domain, usually with a subnet, maybe with VLANs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from labiac.schema.scalars import (
    Ipv4Address,
    Ipv4Subnet,
    Ipv6Address,
    Ipv6Subnet,
    Name,
    Port,
    Short,
    VlanId,
)


class Strict(BaseModel):
    """The base of all that a user writes: unknown keys are errors, values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Vlan(Strict):
    """A VLAN of a LAN: its 802.1Q ID and a subnet of its own."""

    id: VlanId = Field(description="802.1Q VLAN ID, 1 to 4094.")
    ipv4: Ipv4Subnet = Field(default=None, description="IPv4 subnet; by its ID when left out.")
    ipv6: Ipv6Subnet = Field(default=None, description="IPv6 subnet, or none.")


def _vlan(value: Any) -> Any:
    return {"id": value} if isinstance(value, int) and not isinstance(value, bool) else value


ShortVlan = Annotated[Vlan, BeforeValidator(_vlan), Short({"type": "integer"})]
"""A VLAN, or in short its ID."""


class PortForward(Strict):
    """A port of the host that leads to a node of a NAT network."""

    host_port: Port = Field(description="Port that the host listens on.")
    to: Name = Field(description="Node it leads to.")
    port: Port = Field(description="Port that the node listens on.")
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="tcp or udp.")
    host_address: str = Field(
        default="127.0.0.1",
        description="Address of the host to listen on; 0.0.0.0 opens it to all.",
    )


class HostSide(Strict):
    """The host's own end in a LAN of type host or nat."""

    ipv4: Ipv4Address = Field(
        default=None, description="The host's IPv4 address in it; the first if unset."
    )
    ipv6: Ipv6Address = Field(
        default=None, description="The host's IPv6 address in it; the first if unset."
    )
    router: bool = Field(
        default=False, description="Whether the host forwards between this LAN and its others."
    )


class Lan(Strict):
    """A broadcast domain (Ethernet switch)."""

    type: Literal["internal", "host", "nat", "bridged"] = Field(
        default="internal",
        description="internal: isolated; host: the host has an address in it; nat: a way out "
        "through the host; bridged: joined to a physical interface.",
    )
    ipv4: Ipv4Subnet = Field(
        default=None, description="IPv4 subnet, or none; by its number if unset."
    )
    ipv6: Ipv6Subnet = Field(default=None, description="IPv6 subnet, or none.")
    vlans: dict[Name, ShortVlan] = Field(
        default_factory=dict, description="VLANs it carries: name to ID, or to an ID and subnets."
    )
    switches: tuple[Name, ...] = Field(
        default=(),
        strict=False,
        description="Names of its switches, in a row, joined by trunks (a LAN with VLANs); one "
        "switch if unset.",
    )
    host: HostSide | None = Field(default=None, description="The host's end (types host and nat).")
    interface: str | None = Field(
        default=None, min_length=1, max_length=15, description="Physical interface (type bridged)."
    )
    forwards: tuple[PortForward, ...] = Field(
        default=(), strict=False, description="Port forwards from the host (type nat)."
    )
