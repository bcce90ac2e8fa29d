"""labiac's mark on what it makes in libvirt: what was asked for, in the object's metadata.

An object is defined with its mark in it, so there is none without; the mark says *whole* last.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, fromstring, register_namespace, tostring

from labiac.backends.mark import Mark, legible

NAMESPACE: Final = "urn:labiac:item:1"
"""The XML namespace of the mark: libvirt keeps one element of each, and shows it to all."""
PREFIX: Final = "labiac"

register_namespace(PREFIX, NAMESPACE)


def metadata(mark: Mark) -> Element:
    """Return the ``metadata`` element that carries *mark*."""
    root = Element("metadata")
    root.append(_element(mark, f"{{{NAMESPACE}}}item"))
    return root


def text_of(mark: Mark) -> str:
    """Return *mark* as libvirt takes it for an object that is there: it adds the namespace."""
    return tostring(_element(mark, "item"), encoding="unicode")


def mark_of(description: str) -> Mark | None:
    """Return the mark in an object's XML, or None when this labiac knows nothing of it."""
    element = fromstring(description).find(f"metadata/{{{NAMESPACE}}}item")  # noqa: S314  # libvirt's
    return legible(element.text or "") if element is not None else None


def _element(mark: Mark, tag: str) -> Element:
    element = Element(tag)
    element.text = mark.to_json()
    return element
