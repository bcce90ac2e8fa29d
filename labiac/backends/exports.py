"""What of a backend writes a whole copy down, for its hypervisor to take it in elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from labiac.backends.base import Copy


@dataclass(frozen=True, slots=True)
class Exported:
    """A whole copy as it was written for elsewhere.

    Args:
        nodes: Names of its machines.
        place: Where it is.
        size: Bytes that it takes.
    """

    nodes: tuple[str, ...]
    place: str
    size: int


@runtime_checkable
class Exports(Protocol):
    """A backend that writes a whole copy down, for its hypervisor to take it in elsewhere."""

    exports: ClassVar[str]
    """What it writes: ``ova``, a file here, or ``folder``, one on the host with the hypervisor."""

    def export(self, copy: Copy, place: str) -> Exported:
        """Write all machines of *copy* to *place*: a file takes the place of any other.

        Raises:
            BackendError: the copy is not up, one of its machines is on, or the host refused.
        """
