"""Snapshots of whole copies: all of one moment or nothing, on whatever host the machines are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from labiac.backends.moments import (
    fresh_name,
    insist_still,
    insist_whole,
    moment_of,
    named,
    plan_of,
    restorable,
    used_networks,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.backends.base import Backend, Copy, Snapshot
    from labiac.backends.mark import Mark
    from labiac.backends.moments import Moment, Part


class Kept(Protocol):
    """One machine's part of a snapshot, and whatever a host needs to find it again."""

    @property
    def part(self) -> Part:
        """What it is."""
        ...


K = TypeVar("K", bound=Kept)


class Inventory(Protocol[K]):
    """What a host has of one copy now, and what it can do with that: all that a backend gives.

    What a host refuses is a `BackendError`.
    """

    @property
    def marks(self) -> Sequence[Mark]:
        """Those of the copy's networks and machines."""
        ...

    @property
    def kept(self) -> Sequence[K]:
        """The parts of all snapshots that labiac took of it."""
        ...

    def keep(self, moment: Moment) -> None:
        """Keep a part of each machine, at a *moment* when all stand still; then let them go on.

        The parts of a call that fails, or is killed, are found in the next inventory.
        """

    def restore(self, kept: Sequence[K]) -> None:
        """Make all machines what they were by the parts *kept*; their LANs are there."""

    def delete(self, kept: Sequence[K]) -> None:
        """Delete the parts *kept*; their machines stay as they are."""


class Snapshots:
    """The snapshots of one copy.

    Args:
        backend: What makes its LANs.
        copy: Whose copy of which lab.
        look: Takes the inventory of it, anew each time.
    """

    def __init__(self, backend: Backend, copy: Copy, look: Callable[[], Inventory[Any]]) -> None:
        self._backend = backend
        self._copy = copy
        self._look = look

    def all(self) -> list[Snapshot]:
        """Return all that are kept, the oldest first."""
        return self._known(self._look())

    def take(self, name: str) -> Snapshot:
        """Keep the copy as it is now, as *name*: all of it, or nothing.

        Its machines stand still meanwhile, and go on after it.

        Raises:
            UsageError: that is no name of a snapshot, or there is one of that name.
            BackendError: the copy is not up, or the host refused; nothing is kept then.
        """
        now = self._look()
        fresh_name(name, self._known(now))
        plan = plan_of(self._backend.name, self._copy, now.marks)
        insist_whole(plan, now.marks)
        moment = moment_of(plan, name)
        try:
            now.keep(moment)
            taken = named(name, self.all())
            insist_still(taken)
        except BaseException:
            now = self._look()
            now.delete([each for each in now.kept if each.part.moment == moment])
            raise
        return taken

    def restore(self, name: str) -> Snapshot:
        """Make the copy what it was; machines that were off are off again, clocks are those of now.

        Raises:
            UsageError: there is no such snapshot.
            BackendError: a part of it is lost, the copy is another by now, or the host refused.
        """
        now = self._look()
        snapshot = named(name, self._known(now))
        restorable(snapshot)
        kept = _called(name, now)
        for lan in used_networks([each.part for each in kept]):
            self._backend.create(now.marks[0].copy, lan)
        now.restore(kept)
        return snapshot

    def forget(self, name: str) -> None:
        """Delete all that is kept of *name*, whole or not.

        Raises:
            UsageError: there is no such snapshot.
            BackendError: the host refused.
        """
        now = self._look()
        named(name, self._known(now))
        now.delete(_called(name, now))

    def _known(self, now: Inventory[Any]) -> list[Snapshot]:
        plan = plan_of(self._backend.name, self._copy, now.marks)
        return whole(plan, [each.part for each in now.kept])


def _called(name: str, now: Inventory[K]) -> list[K]:
    """Return what is kept *now* of the snapshot called *name*."""
    return [each for each in now.kept if each.part.moment.name == name]


@runtime_checkable
class KeepsSnapshots(Protocol):
    """A backend that keeps whole copies at one moment, memory and disks, and goes back to them."""

    def snapshots(self, copy: Copy) -> Snapshots:
        """Return the snapshots of *copy*, there or to be taken."""
