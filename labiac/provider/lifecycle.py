"""What the life of every resource is made of, in plain data: no gRPC, no property values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from labiac.backends import BACKENDS, open_backend
from labiac.backends.base import Copy, Watch
from labiac.errors import LabError
from labiac.provider.shape import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Backend
    from labiac.plan.effects import Effect
    from labiac.provider.values import Change, Properties


@dataclass(frozen=True)
class CopyArgs:
    """Whose copy of which lab a resource belongs to.

    Args:
        lab: Name of the lab.
        student: Name of the student.
        backend: What makes it real: `netns`, `memory`.
    """

    lab: str
    student: str
    backend: str


@dataclass(frozen=True)
class Task(Watch):
    """What a running operation knows of its surroundings: who waits for it, and for whom it is.

    Args:
        owner: The stack it works for; goes into the mark of what it makes.
    """

    owner: str = field(kw_only=True)


class Effected(NamedTuple):
    """A change, and what it costs while the lab runs."""

    change: Change
    effect: Effect


class Diff(NamedTuple):
    """All that differs between a state and new inputs; a note for people, or the empty string."""

    changes: list[Effected]
    note: str = ""


class Made(NamedTuple):
    """A resource that exists: its ID and its properties."""

    id: str
    properties: Properties


class HalfMadeError(LabError):
    """Something was made, and is not what it should be: the state must remember it."""

    def __init__(self, made: Made, error: LabError) -> None:
        super().__init__(error.where, error.problem, fix=error.fix, detail=error.detail)
        self.made = made


class Lifecycle(Protocol):
    """One kind of resource. Each method may be called again after a crash."""

    def check(self, inputs: Properties) -> list[Failure]:
        """Return everything that is wrong with *inputs*, each with its property path."""

    def diff(self, olds: Properties, news: Properties) -> Diff:
        """Return what differs from the state *olds* to the inputs *news*."""

    def identity(self, inputs: Properties) -> str:
        """Return the ID that *inputs* will have: ``netns:three-lans/ana/machine/r1``."""

    def create(self, task: Task, inputs: Properties) -> Made:
        """Make it, or complete what an interrupted run left of it."""

    def read(self, task: Task, identity: str, olds: Properties, inputs: Properties) -> Made | None:
        """Return it as it is now, or None when it is gone. An import has only its ID."""

    def update(self, task: Task, identity: str, olds: Properties, news: Properties) -> Made:
        """Change in place what differs."""

    def delete(self, task: Task, identity: str) -> None:
        """Delete it. The ID alone is enough: neither lab file nor inputs are needed."""

    def inputs(self, state: Properties) -> Properties:
        """Return the inputs that would make *state*: an import starts from these."""


@cache
def backend(name: str) -> Backend:
    """Return the backend called *name*; one serves all calls of this process."""
    return open_backend(name)


def unknown_backend(inputs: Properties) -> Iterator[Failure]:
    """Yield the failure of inputs that name a backend there is none of."""
    copy = inputs.get("copy")
    name = copy.get("backend") if isinstance(copy, dict) else None
    if isinstance(name, str) and name not in BACKENDS:
        known = ", ".join(sorted(BACKENDS))
        yield Failure("copy.backend", f"is {name!r}, and must be one of {known}")


def copy_of(inputs: Properties, owner: str = "labiac") -> Copy:
    """Return the copy that a resource with *inputs* belongs to."""
    whose = inputs["copy"]
    return Copy(whose["lab"], whose["student"], owner, inputs.get("host") or "")
