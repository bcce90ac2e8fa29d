"""What labiac has made in libvirt: an object and its mark, found by the ref of its item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labiac.backends.libvirt.connection import found, library
from labiac.backends.libvirt.marks import NAMESPACE, PREFIX, mark_of
from labiac.backends.libvirt.marks import text_of as mark_text
from labiac.backends.mark import Mark, is_machine, uuid_of

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
    look = connection.lookupByUUID if is_machine(ref) else connection.networkLookupByUUID
    there = found(look, uuid_of(ref).bytes)
    return None if there is None else _ours(there, inactive(ref))


def all_held(connection: Any) -> Iterator[Held]:
    """Yield all that labiac made here: machines, then networks."""
    libvirt = library()
    kinds = (
        (connection.listAllDomains(), libvirt.VIR_DOMAIN_XML_INACTIVE),
        (connection.listAllNetworks(), libvirt.VIR_NETWORK_XML_INACTIVE),
    )
    for objects, flags in kinds:
        for each in objects:
            ours = _ours(each, flags)
            if ours is not None:
                yield ours


def inactive(ref: str) -> int:
    """Return the flag that asks for the XML of *ref* as configured."""
    libvirt = library()
    return int(
        libvirt.VIR_DOMAIN_XML_INACTIVE if is_machine(ref) else libvirt.VIR_NETWORK_XML_INACTIVE
    )


def note(domain: Any, mark: Mark) -> None:
    """Write *mark* to *domain*: to its configuration, and to what runs."""
    libvirt = library()
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive():
        where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
    domain.setMetadata(kind, mark_text(mark), PREFIX, NAMESPACE, where)


def _ours(there: Any, flags: int) -> Held | None:
    description = found(there.XMLDesc, flags)  # it may go while we look
    mark = None if description is None else mark_of(description)
    return None if mark is None else Held(there, mark)
