"""What differs from student to student: drawn from a seed and the student's name."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from labiac.schema.lan import Strict
from labiac.schema.middlebox import Rule
from labiac.schema.node import Impair
from labiac.schema.scalars import Name, broken

DEFAULT = "default"
"""What a user writes for the default route, where else the name of a LAN stands."""


def _choices(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        twice = next(each for each in value if value.count(each) > 1)
        raise broken(f"{twice} is there twice", "name each choice once")
    return value


Names = Annotated[
    tuple[Name, ...], AfterValidator(_choices), Field(min_length=1, max_length=64, strict=False)
]
"""Names to draw one from."""


class LinkChoice(Strict):
    """A link, and what it may do to packets: each student gets one of these."""

    node: Name = Field(description="Node that sends.")
    lan: Name = Field(description="LAN that it sends into.")
    impair: tuple[Impair, ...] = Field(
        strict=False, min_length=1, max_length=64, description="What the link does; one is drawn."
    )


class MissingRoute(Strict):
    """A route that a node lacks."""

    node: Name = Field(description="Node that lacks it.")
    to: Name = Field(description="LAN that it leads to; or default.")


class WrongMask(Strict):
    """An address with a prefix so short that other LANs seem to be this one."""

    node: Name = Field(description="Node whose address it is.")
    lan: Name | None = Field(default=None, description="LAN of the NIC; the first if unset.")


class WrongGateway(Strict):
    """A default route by an address that nobody has."""

    node: Name = Field(description="Node whose default route it is.")


class FirewallRule(Rule):
    """A rule that a firewall has before its own."""

    node: Name = Field(description="The firewall.")


class CableOut(Strict):
    """A cable that is not plugged in."""

    node: Name = Field(description="Node whose cable it is.")
    lan: Name | None = Field(default=None, description="LAN that it led to; the first if unset.")


AnyFault = MissingRoute | WrongMask | WrongGateway | FirewallRule | CableOut


class PlantedFault(Strict):
    """One of: missing_route, wrong_mask, wrong_gateway, firewall_rule, cable_out."""

    missing_route: MissingRoute | None = Field(default=None, description="A node lacks a route.")
    wrong_mask: WrongMask | None = Field(default=None, description="A prefix is too short.")
    wrong_gateway: WrongGateway | None = Field(
        default=None, description="A default route leads to nobody."
    )
    firewall_rule: FirewallRule | None = Field(
        default=None, description="A firewall has a rule too many, which comes first."
    )
    cable_out: CableOut | None = Field(default=None, description="A cable is out.")

    @model_validator(mode="after")
    def _exactly_one(self) -> PlantedFault:
        if len(self.model_fields_set) != 1:
            problem = (
                f"a fault is one of {', '.join(type(self).model_fields)}; "
                f"here: {sorted(self.model_fields_set)}"
            )
            raise broken(problem, "make it one list element each")
        return self

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(iter(self.model_fields_set))

    @property
    def what(self) -> AnyFault:
        """What is wrong, and where."""
        what: AnyFault = getattr(self, self.kind)
        return what


class Vary(Strict):
    """What differs from student to student."""

    seed: str = Field(
        min_length=1,
        max_length=200,
        description="What all is drawn from, beside the student's name: another one, other copies.",
    )
    subnets: bool = Field(
        default=False, description="Whether LANs that name no subnet get other ones."
    )
    hosts: bool = Field(
        default=False, description="Whether NICs that name no address get other host numbers."
    )
    names: dict[Name, Names] = Field(
        default_factory=dict, description="Names that a node may have: each student gets one."
    )
    links: tuple[LinkChoice, ...] = Field(
        default=(), strict=False, description="Links that differ in what they do to packets."
    )
    faults: tuple[PlantedFault, ...] = Field(
        default=(), strict=False, description="What may be wrong: one of these is planted."
    )
