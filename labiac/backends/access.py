"""What of a backend only a student's own way to a copy takes: one command asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from labiac.backends.base import Copy


@dataclass(frozen=True, slots=True)
class Access:
    """A way to one copy alone, for somebody else's machine.

    Args:
        token: What opens it, once.
        commands: What that somebody runs, with the token in it.
    """

    token: str
    commands: tuple[str, ...]


@runtime_checkable
class Grants(Protocol):
    """A backend that lets a student at their own copy, and at nothing else."""

    def grant(self, copy: Copy) -> Access:
        """Return a way to *copy*; what can be done with it takes no more of the host than it has.

        Raises:
            BackendError: the copy is not up, or has what opens the host; or the host refused.
        """

    def revoke(self, copy: Copy) -> int:
        """Close all ways to *copy*, and return how many there were.

        Raises:
            BackendError: the host refused.
        """
