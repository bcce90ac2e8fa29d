"""What labiac has made in libvirt: an object and its mark, found by the ref of its item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labiac.backends.libvirt.connection import found, library
from labiac.backends.libvirt.marks import NAMESPACE, PREFIX, mark_of
from labiac.backends.libvirt.marks import text_of as mark_text
from labiac.backends.mark import Mark, is_machine, uuid_of
from labiac.errors import ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Held:
    """An object of libvirt that is labiac's.

    Args:
        object: A domain or a network.
        mark: What its configuration says of it.
    """

    object: Any
    mark: Mark

    @property
    def is_active(self) -> bool:
        """Return whether it is started."""
        return bool(self.object.isActive())

    @property
    def live(self) -> str:
        """Return its XML as it runs, or as configured where it does not run."""
        return str(self.object.XMLDesc())


def held(connection: Any, ref: str) -> Held | None:
    """Return what labiac made of *ref*, or None."""
    kind = _KINDS["machine" if is_machine(ref) else "network"]
    there = found(getattr(connection, kind.by_uuid), uuid_of(ref).bytes)
    return None if there is None else _ours(there, kind)


def held_or_free(connection: Any, mark: Mark) -> Held | None:
    """Return what labiac made of the item of *mark*, or None where its name is free.

    Raises:
        ForeignError: an object of that name is not labiac's.
    """
    ours, kind, name = held(connection, mark.ref), _KINDS[mark.kind], mark.item.host_name
    if ours is None and found(getattr(connection, kind.by_name), name) is not None:
        problem = f"there is a {kind.word} {name} that is not labiac's"
        fix = f"virsh {kind.undefine} {name}, or rename the lab"
        raise ForeignError(f"libvirt {mark.item.name}", problem, fix=fix)
    return ours


def all_held(connection: Any) -> Iterator[Held]:
    """Yield all that labiac made here: machines, then networks."""
    for kind in _KINDS.values():
        for each in getattr(connection, kind.every)():
            ours = _ours(each, kind)
            if ours is not None:
                yield ours


def note(domain: Any, mark: Mark) -> None:
    """Write *mark* to *domain*: to its configuration, and to what runs."""
    libvirt = library()
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive():
        where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
    domain.setMetadata(kind, mark_text(mark), PREFIX, NAMESPACE, where)


class _Kind(NamedTuple):
    """How libvirt calls what belongs to one kind of object."""

    word: str
    by_uuid: str
    by_name: str
    every: str
    as_configured: str
    undefine: str


_KINDS: Final = {
    "machine": _Kind(
        "domain",
        "lookupByUUID",
        "lookupByName",
        "listAllDomains",
        "VIR_DOMAIN_XML_INACTIVE",
        "undefine",
    ),
    "network": _Kind(
        "network",
        "networkLookupByUUID",
        "networkLookupByName",
        "listAllNetworks",
        "VIR_NETWORK_XML_INACTIVE",
        "net-undefine",
    ),
}


def _ours(there: Any, kind: _Kind) -> Held | None:
    flags = getattr(library(), kind.as_configured)
    description = found(there.XMLDesc, flags)  # it may go while we look
    mark = None if description is None else mark_of(description)
    return None if mark is None else Held(there, mark)
