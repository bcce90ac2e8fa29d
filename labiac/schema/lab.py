"""The whole lab: what one file says."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from labiac.schema.check import Check
from labiac.schema.cloud_init import CloudInit
from labiac.schema.lan import Lan, Strict
from labiac.schema.login import Login
from labiac.schema.middlebox import AnyMiddlebox, Middlebox
from labiac.schema.node import Node, Pc, Router, Routing
from labiac.schema.scalars import Cpus, DiskGiB, Ipv4Subnet, Ipv6Subnet, MemoryMiB, Name
from labiac.schema.source import Source
from labiac.schema.stage import Stage
from labiac.schema.vary import Vary

Role = Literal["router", "pc", "firewall", "nat", "bridge", "ids"]
POOL_IPV4 = "10.0.0.0/8"


class Pool(Strict):
    """Where LANs that name no subnet get theirs."""

    ipv4: Ipv4Subnet = Field(
        default=POOL_IPV4, description="IPv4 prefix to take subnets from, or none."
    )
    ipv6: Ipv6Subnet = Field(
        default=None, description="IPv6 prefix to take subnets from; none if unset."
    )
    per_student: bool = Field(
        default=False, description="Whether each student gets other subnets, by the name."
    )


class Defaults(Strict):
    """What a node has that says nothing of it (virtual machines)."""

    memory_mib: MemoryMiB = Field(default=512, description="Memory, MiB.")
    cpus: Cpus = Field(default=1, description="CPUs.")
    disk_gib: DiskGiB = Field(default=4, description="Disk, GiB.")
    image: str = Field(default="debian", description="Name of the base image.")
    cloud_init: CloudInit = Field(
        default_factory=dict, description="What is merged into the cloud-init user-data of all."
    )


class Lab(Strict):
    """One topology: LANs, nodes and checks."""

    name: Name = Field(description="Name of the lab; part of every host object's name.")
    title: str = Field(default="", description="What it is, in a line, for people.")
    lans: dict[Name, Lan] = Field(default_factory=dict, description="LANs by name.")
    routers: dict[Name, Router] = Field(default_factory=dict, description="Routers by name.")
    middleboxes: dict[Name, AnyMiddlebox] = Field(
        default_factory=dict, description="Firewalls, NATs, bridges and IDSs by name."
    )
    pcs: dict[Name, Pc] = Field(default_factory=dict, description="PCs by name.")
    routing: Routing = Field(
        default="static",
        description="Where routers' routes come from: static computes them all, none leaves them "
        "to the student.",
    )
    pool: Pool = Field(default_factory=Pool, description="Where subnets come from.")
    defaults: Defaults = Field(
        default_factory=Defaults, description="What virtual machines have in common."
    )
    login: Login = Field(
        default_factory=Login, description="Who may log in to virtual machines, and how."
    )
    management: Literal["auto", "ssh", "none"] = Field(
        default="auto",
        description="How labiac reaches guests that have no agent: by ssh it takes a NIC beside "
        "those of the lab. auto is ssh on virtualbox, and none on hyperv.",
    )
    checks: tuple[Check, ...] = Field(
        default=(), strict=False, description="What must hold beside the predicted matrix."
    )

    stages: tuple[Stage, ...] = Field(
        default=(), strict=False, description="The exercise in parts, in order."
    )
    vary: Vary | None = Field(
        default=None, description="What differs from student to student, drawn by their names."
    )

    _source: Source = PrivateAttr(default_factory=Source)

    @property
    def source(self) -> Source:
        """Where in the file each part was written."""
        return self._source

    def written_at(self, source: Source) -> Lab:
        """Return the same lab, remembering that it was read from *source*."""
        copy = self.model_copy()
        copy._source = source  # noqa: SLF001 -- pydantic's place for what is no field
        return copy

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Routers, then middleboxes, then PCs, by name, in the order written."""
        sections = (self.routers.items(), self.middleboxes.items(), self.pcs.items())
        return dict(chain[tuple[str, Node]].from_iterable(sections))


def kind_of(node: Node) -> str:
    """Return the section of the file that *node* stands in: ``routers``, for one."""
    if isinstance(node, Middlebox):
        return "middleboxes"
    return "routers" if isinstance(node, Router) else "pcs"


def role_of(node: Node) -> Role:
    """Return what *node* is for."""
    if isinstance(node, Middlebox):
        return node.role
    return "router" if isinstance(node, Router) else "pc"


def routes_between_lans(node: Node) -> bool:
    """Return whether *node* forwards IP packets: routers, firewalls and NATs do."""
    return role_of(node) in {"router", "firewall", "nat"}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a lab file, for editors."""
    schema = Lab.model_json_schema()
    _close(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "labiac lab file"}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def _close(schema: Any) -> None:
    """Refuse, where the keys are names, all keys that are none: an editor shall mark them."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)
