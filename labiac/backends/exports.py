"""What of a backend writes a whole copy down, for its hypervisor to take it in elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from labiac.backends.refusals import not_up
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def insist_off(backend: str, copy: Copy, nodes: Mapping[str, bool]) -> None:
    """Refuse a *copy* that can't be written down as a *backend* has it.

    Args:
        backend: Its name.
        copy: Whose copy of which lab.
        nodes: The names of its machines, and whether each is off.

    Raises:
        BackendError: the copy is not up, or one of its machines is on.
    """
    if not nodes:
        raise not_up(copy, backend)
    if on := [name for name, is_off in nodes.items() if not is_off]:
        where, fix = f"{copy.lab} of {copy.student}", "labiac stop FILE shuts them down"
        raise BackendError(where, f"{', '.join(on)} must be off for it", fix=fix)


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
