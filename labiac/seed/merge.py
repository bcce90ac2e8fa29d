"""What a lab file adds to the user-data that labiac writes: one document in the end.

Mappings are merged key by key, lists get what is added behind what they had, and of anything else
the last one counts. In cloud-init's own words: ``dict(recurse_dict)+list(append)+str()``.

Source:
    https://cloudinit.readthedocs.io/en/latest/reference/merging.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from labiac.seed.text import block, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = tuple[str | int, ...]

HEADER = "#cloud-config"
"""The first line of user-data that is a document of keys and values."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_-]+")
_NOT_PLAIN = frozenset({"yes", "no", "on", "off", "true", "false", "null"})
"""A key that YAML takes for a word, and those words that YAML 1.1 takes for something else."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MergeError(ValueError):
    """Two values that do not go together: where in what was added, and what is wrong."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def document(text: str) -> dict[str, Any]:
    """Return the keys and values of the user-data *text*.

    Raises:
        ValueError: it is no cloud-config, or no YAML.
    """
    if text.partition("\n")[0].rstrip() != HEADER:
        raise ValueError(f"its first line is not {HEADER}")
    try:
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506 -- the safe one
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from None
    if data is not None and not isinstance(data, dict):
        raise ValueError("it is not keys and values")
    return data or {}


def merged(text: str, added: Mapping[str, Any]) -> str:
    """Return the user-data *text* with what is *added* to it; the comments at its top stay.

    Raises:
        MergeError: a list or a mapping meets something else.
        ValueError: *text* is no cloud-config.
    """
    lines = _lines(_merged(document(text), added, ()), 0)
    return "".join([*_comments(text), *(f"{line}\n" for line in lines)])


def _merged(was: Any, added: Any, path: Path) -> Any:
    if isinstance(was, Mapping) and isinstance(added, Mapping):
        known = dict(was)
        for key, value in added.items():
            known[key] = _merged(was[key], value, (*path, key)) if key in was else value
        return known
    if isinstance(was, list) and isinstance(added, list):
        return [*was, *added]
    if isinstance(was, (Mapping, list)) or isinstance(added, (Mapping, list)):
        raise MergeError(path, f"{_kind(added)} cannot be merged into {_kind(was)}")
    return added


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "keys and values"
    return "a list" if isinstance(value, list) else f"{value!r}"


def _comments(text: str) -> Iterable[str]:
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            return
        yield line


def _lines(value: Any, margin: int) -> Iterator[str]:
    """Yield the lines of a mapping or a list, *margin* spaces before each."""
    pad = " " * margin
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = key if _PLAIN.fullmatch(str(key)) and key not in _NOT_PLAIN else quoted(str(key))
            yield from _entry(f"{pad}{name}:", inner, margin)
        return
    for inner in value:
        first, *rest = _entry(f"{pad}-", inner, margin)
        if rest and first == f"{pad}-":  # the first entry stands beside the hyphen
            first = f"{first} {rest.pop(0)[margin + 2 :]}"
        yield from (first, *rest)


def _entry(head: str, value: Any, margin: int) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield from f"{head} {block(value, margin + 2)}".split("\n")
    elif _is_short(value):
        yield f"{head} {quoted(value)}"
    else:
        yield head
        yield from _lines(value, margin + 2)


def _is_short(value: Any) -> bool:
    """Return whether *value* fits the line of its key: a scalar, what is empty, a command."""
    if not value or not isinstance(value, (Mapping, list)):
        return True
    words = value if isinstance(value, list) else ()
    return bool(words) and not any(
        isinstance(word, (Mapping, list)) or "\n" in str(word) for word in words
    )
