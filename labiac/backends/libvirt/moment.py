"""One guest's part of a snapshot as libvirt's XML, and back. Pure.

libvirt keeps the guest's whole XML of that moment in it, with labiac's mark on the machine; all
that concerns the whole copy is in its description. It is there at once and whole, or not at all.

Source:
    https://libvirt.org/formatsnapshot.html, for libvirt 9.
"""

from __future__ import annotations

import json
from typing import Final
from xml.etree.ElementTree import Element, fromstring, tostring

from labiac.backends.libvirt.elements import add, text_of
from labiac.backends.libvirt.marks import mark_of
from labiac.backends.moments import Moment, Part
from labiac.plan.document import from_data, to_data

_KEY: Final = "labiac"
_STILL: Final = {"paused": True, "shutoff": False}
"""States of a guest whose clock does not run, and whether it is to go on when it is restored."""


def definition(moment: Moment) -> str:
    """Return the XML by which libvirt keeps memory and disk of a guest, as part of *moment*."""
    root = Element("domainsnapshot")
    add(root, "name", moment.name)
    add(root, "description", json.dumps({_KEY: to_data(moment)}))
    return text_of(root)


def part_of(description: str) -> Part | None:
    """Return the part that the XML of a snapshot describes, or None when labiac made it not."""
    root = fromstring(description)  # noqa: S314  # libvirt's own
    moment, domain = _moment(root.findtext("description") or ""), root.find("domain")
    mark = None if domain is None else mark_of(tostring(domain, encoding="unicode"))
    if moment is None or mark is None:
        return None
    state = root.findtext("state") or ""
    return Part(moment, mark, still=state in _STILL, goes_on=_STILL.get(state, False))


def _moment(text: str) -> Moment | None:
    try:
        return from_data(Moment, json.loads(text)[_KEY])
    except (ValueError, KeyError, TypeError):
        return None  # somebody else's words
