"""What labiac has made in Incus, found by the mark that each thing carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labiac.backends.incus import api
from labiac.backends.incus.names import MARK, bridge, place, project
from labiac.backends.mark import is_machine, legible
from labiac.errors import ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Copy
    from labiac.backends.incus.names import Place
    from labiac.backends.mark import Mark


@dataclass(frozen=True, slots=True)
class Held:
    """An instance or a network that is labiac's.

    Args:
        known: What Incus says of it.
        mark: What labiac knows of it.
    """

    known: dict[str, Any]
    mark: Mark

    @property
    def is_active(self) -> bool:
        """Return whether it is on."""
        return self.known["status"] in {"Running", "Created"}

    @property
    def is_still(self) -> bool:
        """Return whether it is an instance that somebody stopped in the middle of its work."""
        return bool(self.known["status"] == "Frozen")

    @property
    def place(self) -> Place:
        """Return where it is, if it is an instance."""
        return place(self.mark.copy, self.mark.item.name)


def held(ref: str, copy: Copy, name: str) -> Held | None:
    """Return what labiac made of *ref*, the item *name* of *copy*, or None."""
    there = api.get(_path(ref, copy, name))
    return None if there is None else _ours(there)


def held_or_free(mark: Mark) -> Held | None:
    """Return what labiac made of the item of *mark*, or None where its name is free.

    Raises:
        ForeignError: something of that name is not labiac's.
    """
    path = _path(mark.ref, mark.copy, mark.item.name)
    there = api.get(path)
    if there is None:
        return None
    ours = _ours(there)
    if ours is None or ours.mark.ref != mark.ref:
        problem = f"there is {path.partition('?')[0].removeprefix('/1.0/')}, which is not labiac's"
        fix = "delete it with the incus command, or rename the lab"
        raise ForeignError(f"incus {mark.item.name}", problem, fix=fix)
    return ours


def all_held() -> Iterator[Held]:
    """Yield all that labiac made here: machines, then networks."""
    yield from _all(api.path_of("instances", **{"recursion": "1", "all-projects": "true"}))
    yield from networks_held()


def networks_held() -> Iterator[Held]:
    """Yield all networks that labiac made here."""
    yield from _all(api.path_of("networks", recursion="1"))


def machines_held(copy: Copy) -> Iterator[Held]:
    """Yield the machines of *copy*."""
    yield from _all(api.path_of("instances", project=project(copy), recursion="1"))


def _all(path: str) -> Iterator[Held]:
    for each in api.get(path) or ():
        ours = _ours(each)
        if ours is not None:
            yield ours


def _path(ref: str, copy: Copy, name: str) -> str:
    if is_machine(ref):
        return place(copy, name).path()
    return api.path_of("networks", bridge(copy, name))


def _ours(there: dict[str, Any]) -> Held | None:
    mark = legible((there.get("config") or {}).get(MARK, ""))
    return Held(there, mark) if mark else None
