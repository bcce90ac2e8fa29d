"""YAML to plain data, safely, with the line of every part.

Read by YAML 1.2's core schema, not 1.1's: ``no`` and ``on`` are words, and a MAC address is no
number in base 60. Refused: duplicate keys, tags, more aliases than a lab can need, huge files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from labiac.errors import DescriptionError
from labiac.schema.source import Path, Source

MAX_BYTES = 4 * 1024 * 1024
"""A lab of 10,000 nodes, one line each, is a tenth of that."""
MAX_VALUES = 500_000
"""Values after aliases are followed: some nine a node in a lab of 50,000."""
MAX_DEPTH = 32
"""A lab file nests eight deep."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Longer whole numbers count as floating-point ones: Python refuses to read the longest, and they
# are beyond every limit anyway.
_CORE = (
    (re.compile(r"^(?:|~|null|Null|NULL)$"), lambda _text: None),
    (re.compile(r"^(?:true|True|TRUE)$"), lambda _text: True),
    (re.compile(r"^(?:false|False|FALSE)$"), lambda _text: False),
    (re.compile(r"^[-+]?[0-9]{1,40}$"), int),
    (re.compile(r"^0x[0-9a-fA-F]{1,32}$"), lambda text: int(text, 16)),
    (re.compile(r"^0o[0-7]{1,40}$"), lambda text: int(text, 8)),
    (re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), float),
)


def parse(text: str, name: str) -> tuple[Any, Source]:
    """Return the data in *text*, and where each part of it stands.

    Args:
        text: One YAML document.
        name: What to call the file in messages.

    Raises:
        DescriptionError: it is no YAML, or YAML that a lab file must not use.
    """
    if len(text) > MAX_BYTES:
        _refuse(
            name, None, f"{len(text):,} characters, the limit is {MAX_BYTES:,}", "split the lab"
        )
    try:
        return _Composer(text, name).document()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        _refuse(name, mark, f"this is no YAML: {said}", "check indentation, colons and quotes")
    except (yaml.YAMLError, RecursionError) as error:
        _refuse(name, None, f"this is no YAML: {error}", "save it as plain UTF-8 text")


def _refuse(name: str, mark: Any, problem: str, fix: str) -> NoReturn:
    place = name if mark is None else f"{name}:{mark.line + 1}"
    source = Source(place)
    raise DescriptionError([source.problem((), problem, fix)])


class _Composer:
    """Builds data from the parser's events, one value at a time."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self._lines: dict[Path, int] = {}
        self._anchors: dict[str, list[Any]] = {}
        self._values = 0

    def document(self) -> tuple[Any, Source]:
        """Return the one document of the text."""
        data: Any = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._lines:
                    _refuse(self._name, event.start_mark, "a second document", "keep one a file")
                first = next(self._events)
                self._lines[()] = first.start_mark.line + 1
                data = self._value(first, ())
        return data, Source(self._name, self._lines)

    def _value(self, event: Any, path: Path) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            _refuse(self._name, event.start_mark, f"more than {MAX_VALUES:,} values", "use fewer")
        if len(path) > MAX_DEPTH:
            _refuse(self._name, event.start_mark, f"nested deeper than {MAX_DEPTH}", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None and event.tag != "!":
            _refuse(self._name, event.start_mark, f"a tag, {event.tag}", "leave the tag out")
        if event.anchor is None:
            return self._built(event, path)
        recorded: list[Any] = [event]
        outer, self._events = self._events, _recording(self._events, recorded)
        try:
            value = self._built(event, path)
        finally:
            self._events = outer
        self._anchors[event.anchor] = recorded
        return value

    def _alias(self, event: Any, path: Path) -> Any:
        # Played again rather than shared: the values count against the limit, so a bomb ends.
        recorded = self._anchors.get(event.anchor)
        if recorded is None:
            _refuse(
                self._name, event.start_mark, f"*{event.anchor} has no anchor", "define it first"
            )
        outer, self._events = self._events, iter(recorded[1:])
        value = self._built(recorded[0], path)
        self._events = outer
        return value

    def _built(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return _scalar(event)

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        event: Any
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                _refuse(self._name, event.start_mark, "a key that is no word", "use a name as key")
            key = event.value
            if key in mapping:
                first = self._lines.get((*path, key))
                problem = f"{key!r} is here twice, first on line {first}"
                _refuse(self._name, event.start_mark, problem, "keep one of the two")
            self._line(event, (*path, key))
            mapping[key] = self._value(next(self._events), (*path, key))
        return mapping

    def _line(self, event: Any, path: Path) -> None:
        self._lines[path] = event.start_mark.line + 1

    def _sequence(self, path: Path) -> list[Any]:
        elements: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = (*path, len(elements))
            self._line(event, place)
            elements.append(self._value(event, place))
        return elements


def _recording(events: Iterator[Any], record: list[Any]) -> Iterator[Any]:
    for event in events:
        record.append(event)
        yield event


def _scalar(event: Any) -> Any:
    if event.implicit[0]:  # plain, not quoted
        for pattern, value in _CORE:
            if pattern.match(event.value):
                return value(event.value)
    return event.value
