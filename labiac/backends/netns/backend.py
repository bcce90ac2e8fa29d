"""The backend on Linux network namespaces, for a process that may make them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from labiac.backends.base import Features, Found, Observed, Ran
from labiac.backends.base import Copy as LabCopy
from labiac.backends.netns import files, machines, marks, networks, places
from labiac.backends.netns.ground import Ground
from labiac.backends.netns.marks import Folder
from labiac.backends.netns.spaces import Spaces
from labiac.errors import BackendError
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from labiac.backends.base import Copy, Ping
    from labiac.backends.netns.marks import Mark
    from labiac.backends.netns.places import Places, Ref
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan

FEATURES: Final = Features(
    boots=False,
    oui="02:1a:bc",
    live=frozenset(),
)


class NetnsBackend:
    """Labs as network namespaces of this host; see `labiac.backends.base.Backend`."""

    name: ClassVar[str] = "netns"
    features: ClassVar[Features] = FEATURES

    def __init__(self, where: Places = places.ROOT) -> None:
        self._places = where
        self._spaces = Spaces(where.spaces)

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or adopt and complete what labiac made of it before."""
        places.safe(item.host_name)
        with self._locked(copy, item.name) as ground:
            if isinstance(item, Machine):
                return machines.create(ground, item, copy.owner)
            return networks.create(ground, item, copy.owner)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is None:
                return None
            return _module(found).read(ground, mark)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Change in place only what differs between *was* and *now*."""
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is None:
                raise BackendError(f"netns {ref}", "it is gone", fix="refresh, then bring it up")
            if isinstance(was, Machine) and isinstance(now, Machine):
                return machines.update(ground, mark, was, now)
            if isinstance(now, Network):
                return networks.update(ground, mark, now)
            raise BackendError(f"netns {ref}", "a network can't become a machine")

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success."""
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is not None:
                _module(found).delete(ground, mark)
            else:
                ground.folder.remove(found.kind, found.name)
                files.forget(ground, found.name)
            ground.drop_switch()

    @contextmanager
    def _locked(self, copy: Copy, name: str) -> Iterator[Ground]:
        """Have a copy to ourselves for a while; what the host refuses becomes a BackendError."""
        folder = Folder(self._places.marks, copy)
        try:
            with folder.locked():
                yield Ground(self._places, self._spaces, folder)
        except OSError as error:
            where = f"netns {copy.lab}/{copy.student} {name}"
            raise BackendError(where, str(error)) from error


def _module(ref: Ref):
    return machines if ref.kind == "machine" else networks
