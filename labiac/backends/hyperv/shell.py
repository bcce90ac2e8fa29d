"""Commands of PowerShell as data: names and typed parameters, never a line of script. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from labiac.errors import BackendError


class Size(int):
    """A number of bytes or bits: 64 bits wide, however small."""


Value = "str | int | bool | bytes | UUID | Size | None | Sequence[Value] | Mapping[str, Value]"
"""What a parameter may be, and a property of what comes back."""

Row = Mapping[str, object]
"""The properties of one thing that came back: all that were selected, no others."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command and its parameters, by their names."""

    name: str
    parameters: tuple[tuple[str, object], ...]

    def __or__(self, other: Command) -> Statement:
        """Return the statement that hands what this command returns to *other*."""
        return Statement((self, other))


@dataclass(frozen=True, slots=True)
class Statement:
    """Commands of which each takes what the one before it returns."""

    commands: tuple[Command, ...]

    def __or__(self, other: Command) -> Statement:
        """Return the statement that goes on with *other*."""
        return Statement((*self.commands, other))


def command(name: str, **parameters: object) -> Command:
    """Return a command; parameters that are None are left out."""
    said = tuple((key, value) for key, value in parameters.items() if value is not None)
    return Command(name, said)


def select(*properties: str) -> Command:
    """Return the command that keeps just these properties: whole objects are large, and slow."""
    return command("Select-Object", Property=list(properties))


def unfold(inner: str, **outer: str) -> Command:
    """Return the command that has the object in property *inner*, and *outer* as new properties.

    Args:
        inner: Name of the property that holds an object.
        outer: Names that properties of the outer object are to have there: ``Adapter="Id"``.
    """
    kept = [{"Name": name, "Expression": old} for name, old in outer.items()]
    return command("Select-Object", Property=kept, ExpandProperty=inner)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error record.

    Args:
        identifier: Its FullyQualifiedErrorId: the same in every language.
        category: Word of its CategoryInfo: ``PermissionDenied``.
        message: What it says to people, in the host's language.
    """

    identifier: str
    category: str
    message: str

    @property
    def is_absence(self) -> bool:
        """Whether it says that nothing is there."""
        return self.identifier.startswith(_ABSENT)

    @property
    def is_unknown_command(self) -> bool:
        """Whether it says that the host has no such command: its module is missing."""
        return self.identifier.startswith("CommandNotFoundException")


_ABSENT: Final = (
    "InvalidParameter,Microsoft.HyperV.",
    "ObjectNotFound,",
    "CmdletizationQuery_",
    "PathNotFound,",
)
"""How the module Hyper-V, those made of CIM classes, and files begin to say that there is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of some statements: all that they returned, in order, and what went wrong."""

    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]


class Shell(Protocol):
    """A PowerShell that is open on the host."""

    edition: int
    """Its major version."""

    def invoke(self, statements: Sequence[Statement], *, timeout_s: float) -> Answer:
        """Run *statements* in one go.

        Raises:
            LostError: the host is gone, or takes longer than *timeout_s*.
        """

    def close(self) -> None:
        """End it."""


class LostError(BackendError):
    """The host does not answer any more."""


class RefusedError(BackendError):
    """The host refused a command.

    Args:
        where: ``hyperv item``.
        failure: What it says.
    """

    def __init__(self, where: str, failure: Failure) -> None:
        problem = failure.message.strip().splitlines()[0] if failure.message.strip() else "refused"
        super().__init__(where, problem, fix=_fix(failure), detail=failure.identifier)
        self.failure = failure


def _fix(failure: Failure) -> str:
    if failure.category == "PermissionDenied" or "AccessDenied" in failure.identifier:
        return "use an account in the host's group Hyper-V Administrators; NAT needs administrator"
    if failure.is_unknown_command:
        return "enable Hyper-V and its PowerShell module on the host (see docs/hyperv.md)"
    if failure.category == "ResourceBusy":
        return "that adapter belongs to another switch: choose another interface"
    return ""
