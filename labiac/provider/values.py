"""Between Pulumi's property values and plain data, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from google.protobuf.struct_pb2 import ListValue, Struct

from labiac.provider.shape import camel, snake, step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine sends, in a preview, for a value that only an update will know."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 -- a mark that all Pulumi programs share
"""How Pulumi marks, in what travels between processes, that a value is secret.

Source:
    ``sdk/go/common/resource/sig/sig.go`` of Pulumi.
"""

Properties = dict[str, Any]


class Change(NamedTuple):
    """One property that differs: its path, and how."""

    path: str
    kind: Literal["add", "delete", "update"]


def plain(struct: Struct) -> Properties:
    """Return *struct* as dicts, lists and scalars, secrets in clear; every number is a float."""
    return {key: _plain(value) for key, value in struct.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return _plain(value["value"]) if _is_secret(value) else plain(value)
    if isinstance(value, ListValue):
        return [_plain(element) for element in value]
    return value


def secrets(struct: Struct) -> frozenset[str]:
    """Return the properties of *struct* that are secret, or have a secret inside."""
    return frozenset(key for key, value in struct.items() if _has_secret(value))


def _has_secret(value: Any) -> bool:
    if isinstance(value, Struct):
        return _is_secret(value) or any(map(_has_secret, value.values()))
    return isinstance(value, ListValue) and any(map(_has_secret, value))


def _is_secret(value: Struct) -> bool:
    return SIGNATURE in value and value[SIGNATURE] == SECRET


ALWAYS_SECRET = frozenset({"privateKey"})
"""Properties that are secret whatever a program says of them."""


def struct(properties: Mapping[str, Any], secret: Collection[str] = ()) -> Struct:
    """Return *properties* as Pulumi carries them, those called in *secret* as secrets."""
    message = Struct()
    for key, value in properties.items():
        hide = key in secret or key in ALWAYS_SECRET
        message[key] = {SIGNATURE: SECRET, "value": value} if hide else value
    return message


def to_camel(data: Any) -> Any:
    """Return *data*, as `labiac.plan.document` has it, with property names for field names."""
    return _renamed(data, camel)


def to_snake(data: Any) -> Any:
    """Return properties with field names for property names, for `labiac.plan.document`."""
    return _renamed(data, snake)


def _renamed(data: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(data, Mapping):
        return {rename(key): _renamed(value, rename) for key, value in data.items()}
    if isinstance(data, list):
        return [_renamed(element, rename) for element in data]
    return data


def unknown(data: Any) -> bool:
    """Return whether any value in *data* is still unknown."""
    if isinstance(data, Mapping):
        return any(unknown(value) for value in data.values())
    if isinstance(data, list):
        return any(unknown(element) for element in data)
    return bool(data == UNKNOWN)


def changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """Yield what differs from *old* to *new*, leaf by leaf. Missing and null are the same."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from changes(old.get(key), new.get(key), step(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from changes(_at(old, index), _at(new, index), step(path, index))
    elif old != new:
        yield Change(path, "add" if old is None else "delete" if new is None else "update")


def _at(elements: list[Any], index: int) -> Any:
    return elements[index] if index < len(elements) else None
