"""Values as text that a guest reads as exactly that value: in YAML, and in a systemd unit."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK = re.compile(r"\n*[!-~][\t -~]*\n(?:\n*[\t ]*[!-~][\t -~]*\n)*")
"""What a block scalar gives back unchanged: ASCII lines, the first without a margin, none of
spaces alone, the last one no blank."""
_WORD = re.compile(r"[A-Za-z0-9.:_-]+")
_FOREIGN = re.compile(
    r"[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML does not take as it is, or takes for the end of a line (YAML 1.1, 5.1 and 5.4)."""


class Verbatim(str):
    """Text that stands in the output as it is, because it has been quoted already."""

    __slots__ = ()


def quoted(value: Any) -> str:
    """Return *value*, a scalar or a tuple of scalars, as YAML in flow style."""
    if isinstance(value, Verbatim):
        return value
    # `default` gets what has no form in JSON: str() of an undefined name raises Jinja's error.
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _FOREIGN.sub(lambda match: f"\\U{ord(match[0]):08x}", text)


@lru_cache(maxsize=64)
def block(text: str, indent: int) -> Verbatim:
    """Return *text* as a YAML block scalar, which people read and compare line by line.

    Args:
        text: Any text; what a block cannot hold unchanged is quoted instead.
        indent: Spaces before each of its lines.
    """
    if not _BLOCK.fullmatch(text):
        return Verbatim(quoted(text))
    margin = " " * indent
    lines = (f"{margin}{line}" if line else "" for line in text[:-1].split("\n"))
    return Verbatim("\n".join(("|", *lines)))


def systemd(argv: Sequence[str]) -> Verbatim:
    """Return *argv* as the words of an ``ExecStart=:`` line, where ``$`` means itself.

    Source:
        systemd.service(5), "Command lines": C-style escapes between double quotes, and ``%%``
        for a percent sign.
    """
    return Verbatim(" ".join(quoted(word).replace("%", "%%") for word in argv))


def word(text: str) -> Verbatim:
    """Return *text* for a file that has no quotes, if it is a word that means itself there.

    Raises:
        ValueError: it is none.
    """
    if not _WORD.fullmatch(text):
        raise ValueError(f"{text!r} is no word of letters, digits and .:_-")
    return Verbatim(text)


def line(text: str) -> Verbatim:
    """Return *text* as a line, or words of one, in a file of lines.

    Raises:
        ValueError: it has a character that is not printable: it could begin another line.
    """
    if not text.isprintable():
        raise ValueError(f"{text!r} is more than a line")
    return Verbatim(text)
