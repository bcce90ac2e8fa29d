"""What must hold beside the predicted matrix."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from labiac.schema.lan import Strict
from labiac.schema.scalars import Name, broken


class Pair(Strict):
    """Two nodes: who asks, and who shall answer."""

    source: Name = Field(validation_alias="from", description="Node that pings.")
    target: Name = Field(validation_alias="to", description="Node that is pinged.")


class Path(Pair):
    """A pair, and the nodes that its packets visit on the way."""

    visits: tuple[Name, ...] = Field(
        strict=False, description="Nodes between the two, in order; others may lie between them."
    )


class Check(Strict):
    """One of: ping, no_ping, path, all_ping."""

    ping: Pair | None = Field(default=None, description="The target answers a ping.")
    no_ping: Pair | None = Field(default=None, description="The target does not answer a ping.")
    path: Path | None = Field(
        default=None, description="The target answers, by way of these nodes."
    )
    all_ping: Literal[True] | None = Field(default=None, description="Everybody reaches everybody.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Check:
        said = sorted(self.model_fields_set)
        if len(said) != 1:
            problem = f"a check is one of {', '.join(type(self).model_fields)}; here: {said}"
            raise broken(problem, "make it one list element each")
        return self
