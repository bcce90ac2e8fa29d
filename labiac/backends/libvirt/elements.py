"""XML as elements: no value is ever pasted into text."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Add an element to *parent*, and return it."""
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element


def text_of(root: Element) -> str:
    """Return *root* as text, a line an element."""
    indent(root)
    return tostring(root, encoding="unicode") + "\n"
