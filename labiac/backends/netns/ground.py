"""The ground that one copy of a lab stands on: its marks, its namespaces, its switch."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.backends.netns import kernel
from labiac.backends.netns.places import switch_space
from labiac.errors import BackendError, ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.base import Copy
    from labiac.backends.netns.marks import Folder
    from labiac.backends.netns.netlink import Refusal, Socket
    from labiac.backends.netns.places import Places
    from labiac.backends.netns.spaces import Spaces

_SWITCH_MARK = "switch"


@dataclass(frozen=True, slots=True)
class Ground:
    """One copy on this host. Whoever changes anything on it holds ``folder.locked()``."""

    places: Places
    spaces: Spaces
    folder: Folder

    @property
    def copy(self) -> Copy:
        """Return whose copy it is."""
        return self.folder.copy

    def where(self, name: str) -> str:
        """Return the place that an error about item *name* names."""
        return f"netns {self.copy.lab}/{self.copy.student} {name}"

    @contextmanager
    def switch(self) -> Iterator[Socket]:
        """Be inside the namespace with the copy's LANs for a while; make it when it is not there.

        Raises:
            ForeignError: somebody else has a namespace of that name.
        """
        name = switch_space(self.copy)
        ours = self.folder.path / _SWITCH_MARK
        if not ours.exists():
            if self.spaces.taken(name):
                raise self.foreign("switch", name)
            ours.touch()
        if self.spaces.inode(name):
            with self.spaces.inside(name) as sock:
                yield sock
        else:
            with self.spaces.created(name) as sock:
                # A switch has no addresses, and says nothing of its own.
                kernel.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
                yield sock

    def has_switch(self) -> bool:
        """Return whether the namespace with the copy's LANs is there, and ours."""
        ours = self.folder.path / _SWITCH_MARK
        return ours.exists() and bool(self.spaces.inode(switch_space(self.copy)))

    def drop_switch(self) -> None:
        """Let the switch die with all that is in it, when no item of the copy is left."""
        if not self.folder.names("machine") and not self.folder.names("network"):
            ours = self.folder.path / _SWITCH_MARK
            if ours.exists():
                self.spaces.delete(switch_space(self.copy))
                ours.unlink()

    def foreign(self, item: str, space: str) -> ForeignError:
        """Return the error about a namespace *space* that stands where *item* should."""
        return ForeignError(
            self.where(item),
            f"a network namespace {space} exists that labiac did not make",
            fix=f"delete it (ip netns del {space}), or rename the lab or the node",
        )

    def insist(self, name: str, refused: Sequence[Refusal]) -> None:
        """Raise the first of what the kernel *refused* about item *name*.

        Raises:
            BackendError: there is one.
        """
        for refusal in refused:
            raise BackendError(self.where(name), f"{refusal.message.what}: {refusal.reason}")
