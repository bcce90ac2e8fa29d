"""A stage of an exercise: what must hold when it is done, and how the nodes are then."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from labiac.schema.check import Check, Held
from labiac.schema.lan import Strict
from labiac.schema.middlebox import Rule
from labiac.schema.node import Route, Routing
from labiac.schema.scalars import Name, broken

Addresses = Annotated[tuple[Held, ...], Field(strict=False)]
"""Addresses of a NIC, of either IP version."""


class Reference(Strict):
    """How a node is when a stage is done. What is not said is as it was a stage before."""

    addresses: dict[Name, Addresses] = Field(
        default_factory=dict, description="Addresses of the NIC in each of these LANs."
    )
    routing: Routing | None = Field(default=None, description="Where its routes come from.")
    routes: tuple[Route, ...] | None = Field(
        default=None, strict=False, description="Its static routes beside the computed ones."
    )
    gateway: str | None = Field(default=None, description="Its default gateway, or none.")
    policy: Literal["accept", "drop", "reject"] | None = Field(
        default=None, description="What a firewall does with a packet that no rule matches."
    )
    rules: tuple[Rule, ...] | None = Field(
        default=None, strict=False, description="The rules of a firewall."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Reference:
        if not self.model_fields_set:
            raise broken("it says nothing", "say what is new on this node, or leave it out")
        return self


class Stage(Strict):
    """A part of an exercise, with an end that can be checked and restored."""

    name: Name = Field(description="Name of the stage.")
    title: str = Field(default="", max_length=200, description="What it is about, for people.")
    checks: tuple[Check, ...] = Field(
        strict=False, min_length=1, description="What must hold when it is done."
    )
    reference: dict[Name, Reference] = Field(
        default_factory=dict, description="How nodes are when it is done, by name."
    )
