"""The ground that one copy of a lab stands on: its marks, its namespaces, its switch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.backends.netns import kernel
from labiac.backends.netns.marks import put
from labiac.backends.netns.places import switch_space
from labiac.errors import BackendError, ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from labiac.backends.base import Copy
    from labiac.backends.netns.marks import Folder
    from labiac.backends.netns.netlink import Refusal, Socket
    from labiac.backends.netns.places import Places
    from labiac.backends.netns.spaces import Spaces


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
        with self.spaces.inside(self._made_switch()) as sock:
            yield sock

    def opened_switch(self) -> AbstractContextManager[int]:
        """Yield the same namespace, open.

        Raises:
            ForeignError: somebody else has a namespace of that name.
        """
        return self.spaces.opened(self._made_switch())

    def _made_switch(self) -> str:
        name = switch_space(self.copy)
        if not os.path.exists(self._switch_mark):  # noqa: PTH110  # on the hot path
            if self.spaces.taken(name):
                raise self.foreign("switch", name)
            put(self._switch_mark, b"")
        if not self.spaces.inode(name):
            self.spaces.create(name, _silence).close()
        return name

    def has_switch(self) -> bool:
        """Return whether the namespace with the copy's LANs is there, and ours."""
        ours = os.path.exists(self._switch_mark)  # noqa: PTH110
        return ours and bool(self.spaces.inode(switch_space(self.copy)))

    def tidy(self) -> None:
        """Let the switch die with all that is in it, and the folder, when no item is left."""
        if not self.folder.empty():
            return
        if os.path.exists(self._switch_mark):  # noqa: PTH110
            self.spaces.delete(switch_space(self.copy))
            os.unlink(self._switch_mark)  # noqa: PTH108
        self.folder.tidy()

    @property
    def _switch_mark(self) -> str:
        return f"{self.folder.text}/switch"

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


def _silence(_: Socket) -> None:
    """Let the new switch that the thread is in say nothing of its own: it has no addresses."""
    kernel.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
