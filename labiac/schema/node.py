"""A node and its NICs: what all have alike, routers and PCs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from labiac.schema.cloud_init import CloudInit
from labiac.schema.lan import Strict
from labiac.schema.scalars import (
    NONE,
    Cpus,
    Destination,
    DiskGiB,
    InterfaceName,
    Ipv4Addresses,
    Ipv6Addresses,
    Mac,
    MemoryMiB,
    Name,
    Port,
    Short,
    broken,
)

Routing = Literal["static", "none", "ospf", "rip", "bgp"]


class Impair(Strict):
    """What a link does to packets that leave the node."""

    delay_ms: float = Field(default=0, ge=0, le=60_000, description="Delay, milliseconds.")
    jitter_ms: float = Field(default=0, ge=0, le=60_000, description="Variation of the delay, ms.")
    loss_percent: float = Field(default=0, ge=0, le=100, description="Packets lost, percent.")
    rate_kbit: int = Field(default=0, ge=0, description="Bandwidth, kbit/s; 0 is unlimited.")


class NicForward(Strict):
    """A port of the host that leads to this NIC (a NIC with a NAT of its own)."""

    host_port: Port = Field(description="Port that the host listens on.")
    port: Port = Field(description="Port that the node listens on.")
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="tcp or udp.")
    host_address: str = Field(default="127.0.0.1", description="Address of the host to listen on.")


class Tagged(Strict):
    """A node's end of one VLAN on a trunk."""

    ipv4: Ipv4Addresses = Field(default=None, description="IPv4 address in that VLAN, or none.")
    ipv6: Ipv6Addresses = Field(default=None, description="IPv6 address in that VLAN, or none.")


def _trunk(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return value
    for name in value:
        if not isinstance(name, str):
            raise broken(f"{name!r} is no name of a VLAN", "write trunk: [red, blue]")
        if value.count(name) > 1:
            raise broken(f"VLAN {name} is in the trunk twice", "name it once")
    return {name: {} for name in value}


Trunk = Annotated[
    dict[Name, Tagged],
    BeforeValidator(_trunk),
    Short({"type": "array", "items": {"type": "string"}}),
]
"""Tagged VLANs: names with addresses, or in short a list of names."""


class NicFields(Strict):
    """What can be said of one NIC, in a list of NICs or, in short, on its node."""

    lan: Name | None = Field(default=None, description="LAN that the cable leads to.")
    switch: Name | None = Field(
        default=None,
        description="Which of the LAN's switches it is plugged into; the first if unset.",
    )
    attach: Literal["lan", "none", "nat", "generic"] | None = Field(
        default=None,
        description="lan: to its LAN; none: to nothing; nat: to a NAT of its own; "
        "generic: to a driver.",
    )
    mac: Mac | None = Field(default=None, description="MAC address; from the names when left out.")
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")] = Field(
        default="virtio", description="NIC model that a virtual machine sees."
    )
    ipv4: Ipv4Addresses = Field(
        default=None, description="IPv4 address, or none; numbered if unset."
    )
    ipv6: Ipv6Addresses = Field(
        default=None, description="IPv6 address, or none; numbered if unset."
    )
    access: Name | None = Field(default=None, description="The one VLAN it is in, untagged.")
    trunk: Trunk = Field(
        default_factory=dict, description="Tagged VLANs: names, or names with addresses."
    )
    native: Name | None = Field(
        default=None, description="VLAN that travels untagged on the trunk."
    )
    connected: bool = Field(default=True, description="Whether the cable is in.")
    promiscuous: bool = Field(
        default=False, description="Whether the switch hands it frames for other MACs."
    )
    forwards: tuple[NicForward, ...] = Field(
        default=(), strict=False, description="Port forwards from the host (attach: nat)."
    )
    driver: str | None = Field(default=None, description="Name of the driver (attach: generic).")
    properties: dict[str, str] = Field(
        default_factory=dict, description="Properties of the driver (attach: generic)."
    )
    impair: Impair = Field(default_factory=Impair, description="What the link does to packets.")


class Nic(NicFields):
    """A node's interface: its LAN, MAC, addresses, VLANs, attachment."""

    name: InterfaceName | None = Field(
        default=None, description="Name in the node; eth0, eth1, ..."
    )


class Route(Strict):
    """A static route that the lab file adds to the computed ones."""

    to: Destination = Field(description="Destination in CIDR notation, or default.")
    via: str = Field(description="Next hop: an address, or a node with a LAN in common.")


class Service(Strict):
    """A program that runs in the background as long as the node does."""

    command: tuple[str, ...] = Field(
        min_length=1, strict=False, description="Program and arguments, one a list element."
    )


class Node(Strict):
    """What all nodes share."""

    nics: tuple[Nic, ...] = Field(default=(), strict=False, description="Its NICs, in order.")
    lans: tuple[Name, ...] = Field(
        default=(), strict=False, description="Short for NICs that have only a LAN."
    )
    student: bool = Field(
        default=False, description="Whether its configuration is the student's own work."
    )
    services: dict[Name, Service] = Field(
        default_factory=dict, description="Programs that run in the background on it."
    )
    memory_mib: MemoryMiB | None = Field(
        default=None, description="Memory of a virtual machine, MiB."
    )
    cpus: Cpus | None = Field(default=None, description="CPUs of a virtual machine.")
    disk_gib: DiskGiB | None = Field(default=None, description="Disk of a virtual machine, GiB.")
    image: str | None = Field(default=None, description="Base image of a virtual machine.")
    template: Name | None = Field(
        default=None,
        description="Folder in templates/ beside the lab file whose templates go before its "
        "role's (virtual machines).",
    )
    cloud_init: CloudInit = Field(
        default_factory=dict,
        description="What is merged into its cloud-init user-data (virtual machines).",
    )

    @model_validator(mode="after")
    def _one_way_to_write_nics(self) -> Node:
        ways = [way for way in ("nics", "lans") if way in self.model_fields_set] + self._short()[:1]
        if len(ways) > 1:
            said = ", ".join(ways)
            raise broken(f"its NICs are written in more than one way: {said}", "use nics alone")
        names = [nic.name for nic in self.nics if nic.name]
        taken = [name for name in names if names.count(name) > 1]
        if taken:
            raise broken(f"two NICs are called {taken[0]}", "give each a name of its own")
        return self

    def _short(self) -> list[str]:
        """Return the keys of a NIC that are written on the node itself."""
        return []

    def interfaces(self) -> tuple[Nic, ...]:
        """Return its NICs in order, however they were written."""
        return self.nics or tuple(Nic(lan=lan) for lan in self.lans)

    def nic_path(self, index: int) -> tuple[str | int, ...]:
        """Return where in the node the user wrote the NIC with that *index*."""
        if self.nics:
            return ("nics", index)
        return ("lans", index) if self.lans else ()


class IpNode(Node):
    """A node with addresses, and routes."""

    routing: Routing | None = Field(default=None, description="Where its routes come from.")
    routes: tuple[Route, ...] = Field(default=(), strict=False, description="Static routes to add.")
    gateway: str | None = Field(
        default=None,
        description="Default gateway: an address, a node with a LAN in common, or none.",
    )


class ShortNode(IpNode, NicFields):
    """A node whose one NIC can be written in short, on the node itself."""

    def _short(self) -> list[str]:
        return sorted(NicFields.model_fields.keys() & self.model_fields_set)

    def interfaces(self) -> tuple[Nic, ...]:
        """Return its NICs in order, however they were written."""
        said = {key: getattr(self, key) for key in self._short()}
        return (Nic.model_construct(**said),) if said else super().interfaces()


class Router(ShortNode):
    """A node that forwards packets between its LANs."""


class Pc(ShortNode):
    """An end node. It never forwards."""


def is_name(text: str) -> bool:
    """Return whether *text* (a ``via`` or a ``gateway``) is a node's name, not an address."""
    return text != NONE and re.match(r"^[a-z]", text) is not None and ":" not in text
