r"""What VBoxManage prints, as data. Pure.

Source:
    ``showvminfo --machinereadable`` of VirtualBox 7.2, as it was seen: ``key="value"`` or
    ``key=value`` a line, some keys quoted; in a quoted value ``"`` and ``\`` are escaped, and
    newlines are not, so that a value may go on over lines that look like others.
"""

from __future__ import annotations

import re
from typing import Final

_ENTRY: Final = re.compile(
    r"""^(?:"(?P<quoted>[^"\n]*)"|(?P<key>[^"=\n][^=\n]*))=
        (?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[^"\n][^\n]*|))[^\S\n]*$""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def scan(text: str) -> dict[str, str]:
    """Return what ``--machinereadable`` says, by its keys; of a key that is there twice, the last.

    A line that is none of its own is passed over, whatever it holds.
    """
    found = {}
    for entry in _ENTRY.finditer(text.replace("\r\n", "\n")):
        value = entry["bare"] if entry["text"] is None else _ESCAPED.sub(r"\1", entry["text"])
        found[entry["key"] if entry["quoted"] is None else entry["quoted"]] = value
    return found


def blocks(text: str) -> list[dict[str, str]]:
    """Return what a ``list`` of things says: one dict for each, beginning with its ``Name``.

    An indented line belongs to the title above it: ``Port-forwarding (ipv4)`` has one a rule.
    """
    found: list[dict[str, str]] = []
    title = ""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if line[:1].isspace():
            if found and title:
                found[-1][title] = f"{found[-1].get(title, '')}{line.strip()}\n"
        elif colon and key == "Name":
            found.append({key: value.strip()})
            title = ""
        elif colon and found:
            found[-1][key], title = value.strip(), key
        else:
            title = line.strip()
    return found
