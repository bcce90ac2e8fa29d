"""labiac's mark on what it makes in libvirt: what was asked for, in the object's metadata.

An object is defined with its mark in it, so there is none without; the mark says *whole* last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, fromstring, register_namespace, tostring

from labiac.backends.base import Copy, ref_of
from labiac.plan.document import from_data, to_data
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from labiac.plan.model import Item

NAMESPACE: Final = "urn:labiac:item:1"
"""The XML namespace of the mark: libvirt keeps one element of each, and shows it to all."""
PREFIX: Final = "labiac"
_FAMILY: Final = UUID("6c616269-6163-5000-8000-000000000000")
"""What labiac's own UUIDs are made from; any fixed one will do."""

register_namespace(PREFIX, NAMESPACE)


@dataclass(frozen=True, slots=True)
class Mark:
    """What labiac knows of one object that it made.

    Args:
        copy: Whose copy of which lab it belongs to.
        item: What was asked for.
        whole: Whether all of it was made.
    """

    copy: Copy
    item: Item
    whole: bool

    @property
    def machine(self) -> Machine:
        """Return the item, which is a machine.

        Raises:
            TypeError: it is a network.
        """
        if not isinstance(self.item, Machine):
            raise TypeError(self.item.name)
        return self.item

    @property
    def network(self) -> Network:
        """Return the item, which is a network.

        Raises:
            TypeError: it is a machine.
        """
        if not isinstance(self.item, Network):
            raise TypeError(self.item.name)
        return self.item

    @property
    def kind(self) -> str:
        """Return ``network`` or ``machine``."""
        return "machine" if isinstance(self.item, Machine) else "network"

    @property
    def ref(self) -> str:
        """Return the ref of the item."""
        return ref_of(self.copy, self.kind, self.item.name)

    @property
    def uuid(self) -> UUID:
        """Return the UUID of the object: the same whenever it is made."""
        return uuid_of(self.ref)


def uuid_of(ref: str) -> UUID:
    """Return the UUID of the object behind *ref*, whether it is there or not."""
    return uuid5(_FAMILY, ref)


def is_machine(ref: str) -> bool:
    """Return whether *ref* is that of a machine, and not of a network."""
    return ref.split("/")[2] == "machine"


def metadata(mark: Mark) -> Element:
    """Return the ``metadata`` element that carries *mark*."""
    root = Element("metadata")
    root.append(_element(mark, f"{{{NAMESPACE}}}item"))
    return root


def text_of(mark: Mark) -> str:
    """Return *mark* as libvirt takes it for an object that is there: it adds the namespace."""
    return tostring(_element(mark, "item"), encoding="unicode")


def mark_of(description: str) -> Mark | None:
    """Return the mark in an object's XML, or None when labiac has not made it."""
    element = fromstring(description).find(f"metadata/{{{NAMESPACE}}}item")  # noqa: S314  # libvirt's
    if element is None or not element.text:
        return None
    known = json.loads(element.text)
    copy, data = Copy(**known["copy"]), known["item"]
    is_one = known["kind"] == "machine"
    item = from_data(Machine, data) if is_one else from_data(Network, data)
    return Mark(copy, item, known["whole"])


def _element(mark: Mark, tag: str) -> Element:
    copy = {"lab": mark.copy.lab, "student": mark.copy.student, "owner": mark.copy.owner}
    known = {"copy": copy, "kind": mark.kind, "whole": mark.whole, "item": to_data(mark.item)}
    element = Element(tag)
    element.text = json.dumps(known)
    return element
