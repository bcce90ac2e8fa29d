"""The typed Pulumi classes: a lab in, one resource a plan item out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi

from labiac.backends import backend_name, open_backend
from labiac.backends.base import BootsImages
from labiac.errors import UnsupportedError
from labiac.plan.document import to_data
from labiac.plan.model import Plan
from labiac.provider.forecast import TIMEOUT_S, forecast, promises
from labiac.provider.shape import camel, snake
from labiac.provider.values import to_camel

if TYPE_CHECKING:
    from labiac import schema
    from labiac.plan.model import Item
    from labiac.plan.model import Network as PlannedNetwork

Description = str | Mapping[str, Any]
"""A name in ``stacks/``, the path of a lab file, or what such a file says."""


class _Resource(pulumi.CustomResource):
    """A resource of the plugin; *properties* are those of the package schema."""

    _outputs: ClassVar[tuple[str, ...]] = ()
    """What the SDK resolves because it is told of it."""

    def __init__(
        self,
        resource_name: str,
        properties: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known = {**dict.fromkeys(self._outputs), **properties}
        super().__init__(f"labiac:index:{type(self).__name__}", resource_name, known, opts)


class Network(_Resource):
    """One LAN's switch."""


class Machine(_Resource):
    """One node with its NICs and its seed."""


class Image(_Resource):
    """A base image where machines boot from it: shared by all copies, and kept."""

    _outputs = ("sha256", "format", "size")
    sha256: pulumi.Output[str]
    format: pulumi.Output[str]
    size: pulumi.Output[int]


class Key(_Resource):
    """The SSH key pair of one copy."""

    _outputs = ("public_key", "private_key")
    public_key: pulumi.Output[str]
    private_key: pulumi.Output[str]

    def translate_input_property(self, prop: str) -> str:
        """Return the property behind the attribute *prop*."""
        return camel(prop)

    def translate_output_property(self, prop: str) -> str:
        """Return the attribute for the property *prop*."""
        return snake(prop)


class Reachability(_Resource):
    """Who reaches whom: forecast in a preview, measured in an update and a refresh."""

    _outputs = ("pairs",)
    pairs: pulumi.Output[dict[str, str]]


class Lab(pulumi.ComponentResource):
    """One copy of a lab: a Network a LAN, a Machine a node, and the Reachability they promise.

    Args:
        name: Name of the component; its children are called ``<name>-<item>``, so that one
            program can hold many labs.
        lab: A name in ``stacks/``, the path of a lab file, or the description itself: what such
            a file says (names count in natural order, since objects have none), or
            `labiac.schema.Lab`. A plan is ready, and takes no other argument.
        student: Whose copy it is; by default the stack's name says it.
        backend: What makes it real; ``auto`` is the best one here.
        directory: Where paths and ``stacks/`` are looked for first.
        host: Which machine of a cluster shall have it; by default its scheduler chooses.
        timeout_seconds: How long to wait for the live lab to do what was forecast.
        opts: Pulumi's own options.

    Raises:
        LabError: the description is wrong, or the backend cannot realise it here.
    """

    nodes: pulumi.Output[list[str]]
    addresses: pulumi.Output[dict[str, list[str]]]
    matrix: pulumi.Output[dict[str, str]]
    ssh_key: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        lab: pulumi.Input[Description] | schema.Lab | Plan,
        *,
        student: pulumi.Input[str] | None = None,
        backend: pulumi.Input[str] = "auto",
        directory: pulumi.Input[str] = "",
        host: pulumi.Input[str] = "",
        timeout_seconds: pulumi.Input[float] = TIMEOUT_S,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("labiac:index:Lab", name, None, opts)
        described: dict[str, Any] = {
            "lab": lab,
            "student": student or student_of(pulumi.get_stack()),
            "backend": backend,
            "directory": directory,
            "host": host,
            "timeout_s": timeout_seconds,
        }
        made = self._made(described) if _known(described) else self._made_later(described)
        self.nodes = pulumi.Output.from_input(made["nodes"])
        self.addresses = pulumi.Output.from_input(made["addresses"])
        self.matrix = pulumi.Output.from_input(made["matrix"])
        self.ssh_key = pulumi.Output.from_input(made["ssh_key"])
        self.register_outputs(self.outputs)

    @property
    def outputs(self) -> dict[str, pulumi.Output[Any]]:
        """What it promises, by the property names of the package schema."""
        return {
            "nodes": self.nodes,
            "addresses": self.addresses,
            "matrix": self.matrix,
            "sshKey": self.ssh_key,
        }

    def _made_later(self, described: dict[str, Any]) -> pulumi.Output[dict[str, Any]]:
        """Declare the children once Pulumi knows what describes them; a preview may never."""
        given: pulumi.Output[dict[str, Any]] = pulumi.Output.all(**described)

        async def make(known: dict[str, Any]) -> dict[str, Any]:
            return self._made(known, secret=await given.is_secret())

        return given.apply(make)

    def _made(self, known: dict[str, Any], *, secret: bool = False) -> dict[str, Any]:
        timeout_s, host = known.pop("timeout_s"), known.pop("host")
        plan = self._planned(known)
        copy = {"lab": plan.lab, "student": plan.student, "backend": plan.backend}
        networks = {network.name: self._network(network, copy) for network in plan.networks}
        key, images = self._key(plan, copy), self._images(plan)
        machines = []
        for machine in plan.machines:
            whose = {"copy": copy, "host": host or None, "key": key and key.public_key}
            properties = {**_properties(machine), **whose}
            properties["networkIds"] = [
                networks[nic.network].id for nic in machine.nics if nic.network
            ]
            if secret:
                properties["seed"] = pulumi.Output.secret(properties["seed"])
            base = [images[machine.image]] if images else []
            machines.append(Machine(self._called(machine.name), properties, self._child(base)))
        promised = promises(forecast(plan, timeout_s))
        reachability = Reachability(
            self._called("reachability"),
            {**promised, "copy": copy},
            self._child([*networks.values(), *machines]),
        )
        return {
            "nodes": [machine.name for machine in plan.machines],
            "addresses": promised["addresses"],
            "matrix": reachability.pairs,
            "ssh_key": key and key.private_key,
        }

    def _planned(self, known: dict[str, Any]) -> Plan:
        return known["lab"] if isinstance(known["lab"], Plan) else planned(**known)

    def _network(self, network: PlannedNetwork, copy: dict[str, str]) -> Network:
        properties = {**_properties(network), "copy": copy}
        return Network(self._called(network.name), properties, self._child())

    def _key(self, plan: Plan, copy: dict[str, str]) -> Key | None:
        """Declare the key that nodes take which boot; where none does, there is nobody to ask."""
        if not open_backend(plan.backend).features.boots:
            return None
        return Key(self._called("key"), {"copy": copy}, self._child())

    def _images(self, plan: Plan) -> dict[str, Image]:
        """Declare the base images of all machines, by name; none where nothing boots from one."""
        if not isinstance(open_backend(plan.backend), BootsImages):
            return {}
        return {
            name: self._image(name, plan.backend)
            for name in dict.fromkeys(machine.image for machine in plan.machines)
        }

    def _image(self, name: str, backend: str) -> Image:
        from labiac.images.store import known

        here = known(name)  # where all that boot from it are up, it may be gone from here
        properties = {"backend": backend, "name": name, "sha256": here and here.sha256}
        return Image(self._called(name), properties, self._child())

    def _called(self, name: str) -> str:
        return f"{self.pulumi_resource_name}-{name}"

    def _child(self, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        # Said here too, for the replacements that a user asks for: a name can be had once only.
        return pulumi.ResourceOptions(parent=self, depends_on=after, delete_before_replace=True)


def student_of(stack: str) -> str:
    """Return whose the stack is: ``ana`` of ``three-lans.ana``, and of plain ``ana``."""
    return stack.rpartition(".")[2]


def planned(lab: Description | schema.Lab, student: str, backend: str, directory: str) -> Plan:
    """Return the plan of *lab*, once its backend has agreed to it.

    Raises:
        DescriptionError: the description is wrong.
        UnsupportedError: the backend cannot realise it here.
        LabError: there is no such backend.
    """
    from labiac.plan.resolve import plan_file, resolve
    from labiac.schema.load import from_data

    name = backend_name(backend)
    if isinstance(lab, str):
        plan = plan_file(_found(lab, Path(directory)), student, name)
    else:
        described = from_data(_ordered(lab)) if isinstance(lab, Mapping) else lab
        plan = resolve(described, student, name)
    problems = [each for each in open_backend(name).check(plan) if each.level == "error"]
    if problems:
        raise UnsupportedError(problems)
    return plan


def _found(lab: str, directory: Path) -> str:
    """Return the path of *lab* in *directory* or its ``stacks/``, else *lab* as it is."""
    places = (directory / lab, directory / "stacks" / f"{lab}.yaml")
    return next((str(place) for place in places if place.is_file()), lab)


def _ordered(value: Any) -> Any:
    """Return *value* with the keys of every object in natural order: ``r2`` before ``r10``.

    Order matters to a lab (a PC takes the first router of its LAN), and Pulumi's objects lose it
    on their way.
    """
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=_natural)}
    return [_ordered(each) for each in value] if isinstance(value, (list, tuple)) else value


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.findall(r"(\d+)|(\D+)", name)
    return [(int(digits or -1), text) for digits, text in parts]


def _known(value: Any) -> bool:
    """Return whether *value* holds nothing that only Pulumi can tell, and only later."""
    if isinstance(value, Mapping):
        return all(map(_known, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_known, value))
    return not isinstance(value, pulumi.Output)


def _properties(item: Item) -> dict[str, Any]:
    properties: dict[str, Any] = to_camel(to_data(item))
    return properties
