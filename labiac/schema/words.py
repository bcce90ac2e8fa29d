"""What pydantic found wrong, in the words of the lab file: value, limit, remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from labiac.errors import Problem
from labiac.schema.lab import Lab
from labiac.schema.middlebox import ROLES
from labiac.schema.source import Path, Source

SHORT = 60
"""Characters of a value that a message shows: what fits a line beside the rest."""
Detail = Mapping[str, Any]
"""One element of pydantic's ``ValidationError.errors()``."""


def paths(error: ValidationError) -> list[Path]:
    """Return where *error* found something wrong."""
    return [_path(detail) for detail in _once(error)]


def in_words(error: ValidationError, source: Source) -> list[Problem]:
    """Return every problem of *error*, one a path."""
    return [source.problem(_path(detail), *_said(detail)) for detail in _once(error)]


def _once(error: ValidationError) -> Iterator[Detail]:
    seen: set[Path] = set()
    for detail in error.errors(include_url=False):
        if _path(detail) not in seen:
            seen.add(_path(detail))
            yield detail


def _path(detail: Detail) -> Path:
    # pydantic adds "[key]" where a key, not its value, is wrong, and a middlebox's role below it.
    path = tuple(part for part in detail["loc"] if part != "[key]")
    return path[:2] + path[3:] if path[:1] == ("middleboxes",) else path


def _said(detail: Detail) -> tuple[str, str]:
    """Return what is wrong with a value, and the remedy."""
    kind = detail["type"]
    if kind in _WORDS:
        return _WORDS[kind](detail)
    if kind in _TYPES:
        problem, fix = _TYPES[kind]
        return f"{_short(detail['input'])} {problem}", fix
    message = str(detail["msg"])
    return f"{_short(detail['input'])}: {message[:1].lower()}{message[1:]}", ""


def _bound(detail: Detail) -> tuple[str, str]:
    context = detail["ctx"]
    limit = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
    return f"{detail['input']!r} is out of bounds", f"write {limit}"


def _pattern(detail: Detail) -> tuple[str, str]:
    problem = f"{_short(detail['input'])} is not possible"
    return problem, f"write what matches {detail['ctx']['pattern']}"


def _choice(detail: Detail) -> tuple[str, str]:
    return f"{_short(detail['input'])} is not possible", f"write {detail['ctx']['expected']}"


def _tag(detail: Detail) -> tuple[str, str]:
    context = detail["ctx"]
    key, said = context["discriminator"].strip("'"), context["tag"]
    near = difflib.get_close_matches(said, re.findall(r"\w+", context["expected_tags"]), n=1)
    fix = f"did you mean {near[0]}?" if near else f"write {context['expected_tags']}"
    return f"{key}: {said!r} is not possible", fix


def _unknown_key(detail: Detail) -> tuple[str, str]:
    loc = detail["loc"]
    keys = sorted(_keys_at(loc[:-1]))
    near = difflib.get_close_matches(str(loc[-1]), keys, n=1)
    fix = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(keys)}"
    return f"unknown key {loc[-1]!r}", fix


_WORDS: dict[str, Callable[[Detail], tuple[str, str]]] = {
    "labiac": lambda detail: (str(detail["msg"]), str(detail["ctx"]["fix"])),
    "extra_forbidden": _unknown_key,
    "missing": lambda detail: (f"{_path(detail)[-1]} is missing", "add it"),
    "literal_error": _choice,
    "union_tag_invalid": _tag,
    "union_tag_not_found": lambda _detail: ("role is missing", f"add role: {' or '.join(ROLES)}"),
    "greater_than_equal": _bound,
    "less_than_equal": _bound,
    "string_pattern_mismatch": _pattern,
}
_TYPES = {
    "string_type": ("is no text", "put it in quotes if it is one"),
    "int_type": ("is no whole number", "write digits alone, without quotes"),
    "float_type": ("is no number", "write digits alone, without quotes"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "dict_type": ("is not keys and values", "write key: value, or {} for nothing more"),
    "model_attributes_type": ("is not keys and values", "write {role: bridge, lans: [lan1, lan2]}"),
    "model_type": ("is not keys and values", "write key: value, or {} for nothing more"),
    "tuple_type": ("is no list", "write [a, b], or one element a line after a hyphen"),
    "too_short": ("has too few elements", "add one"),
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."


def _keys_at(loc: Path) -> set[str]:
    schema = Lab.model_json_schema(by_alias=True)
    definitions, here = schema.get("$defs", {}), schema
    for part in loc:
        here = _below(here, part, definitions)
    return set(here.get("properties", {}))


def _below(schema: dict[str, Any], part: str | int, definitions: dict[str, Any]) -> dict[str, Any]:
    tagged = schema.get("discriminator", {}).get("mapping", {})
    if part in tagged:
        return _resolved({"$ref": tagged[part]}, definitions)
    properties = schema.get("properties", {})
    below = schema.get("items") if isinstance(part, int) else properties.get(part)
    named: dict[str, Any] = next(iter(schema.get("patternProperties", {}).values()), {})
    return _resolved(below or named, definitions)


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    choices = [schema, *schema.get("anyOf", ())]
    for choice in choices:
        if "$ref" in choice:
            found: dict[str, Any] = definitions[choice["$ref"].rpartition("/")[2]]
            return found
    return next((choice for choice in choices if "patternProperties" in choice), schema)
