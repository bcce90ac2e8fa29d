"""What a backend tells of the room that its hosts have left, for who spreads a class over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class KeepsDisks(Protocol):
    """A backend whose machines have their disks elsewhere than in labiac's own folder."""

    def free_mib(self) -> float:
        """Return how much is free where they lie, in MiB; infinite where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Spare:
    """What a host has that nobody uses.

    Args:
        memory_mib: Memory.
        disk_mib: Disk where the machines lie.
        cpus: CPUs, used or not.
    """

    memory_mib: float
    disk_mib: float
    cpus: float


@runtime_checkable
class Spreads(Protocol):
    """A backend that may have many hosts, members of a cluster: a copy is whole on one of them."""

    def misplaced(self, host: str) -> str:
        """Return why no copy can be made on *host* now, or the empty string where one can.

        Where there is but one host, nobody chooses, and any name will do.
        """

    def spare(self) -> dict[str, Spare]:
        """Return what each member has left that takes copies now; of one host alone, nothing."""
