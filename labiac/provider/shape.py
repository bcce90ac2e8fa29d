"""What a Pulumi property may hold, read off the annotations of the plan's own classes.

One description of each class serves three ends: the check of what a program wrote, the package
schema, and the values that state written by an older labiac lacks.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

SCALARS: dict[Any, tuple[str, tuple[type, ...]]] = {
    bool: ("boolean", (bool,)),
    float: ("number", (int, float)),
    int: ("integer", (int, float)),
    str: ("string", (str,)),
}
"""Each scalar annotation: its name in a package schema, and the Python types that carry it."""

MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
LAST_PORT = 65_535
LAST_VLAN = 4_094


class Failure(NamedTuple):
    """A property that cannot be what it is: its path (``nics[0].mac``), and why."""

    property: str
    reason: str


def camel(name: str) -> str:
    """Return the property name of the field *name*: ``host_name`` is ``hostName``."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def snake(name: str) -> str:
    """Return the field name of the property *name*: ``hostName`` is ``host_name``."""
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def properties(cls: Any) -> dict[str, Any]:
    """Return the annotation of each field of the dataclass *cls*, by property name, in order."""
    return _properties(cls)


@cache
def _properties(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {camel(field.name): hints[field.name] for field in dataclasses.fields(cls)}


def optional(hint: Any) -> Any:
    """Return what *hint* holds when it is not None, or None where it may not be None."""
    if get_origin(hint) is not UnionType:
        return None
    return next(kind for kind in get_args(hint) if kind is not NoneType)


def completed(hint: Any, value: Any) -> Any:
    """Return *value* with something neutral for whatever *hint* has and it lacks.

    State written by an older labiac lacks the fields added since; Pulumi drops what is null.
    """
    if value is None:
        return _neutral(hint)
    inner = optional(hint)
    if inner is not None:
        return completed(inner, value)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return {name: completed(kind, value.get(name)) for name, kind in properties(hint).items()}
    if get_origin(hint) is tuple and isinstance(value, list):
        return [completed(get_args(hint)[0], element) for element in value]
    return value


def _neutral(hint: Any) -> Any:
    if optional(hint) is not None:
        return None
    if dataclasses.is_dataclass(hint):
        return completed(hint, {})
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[0]
    return [] if origin is tuple else (origin or hint)()


def failures(hint: Any, value: Any, path: str) -> Iterator[Failure]:
    """Yield everything about *value* at *path* that *hint* does not allow, nested values too."""
    inner = optional(hint)
    if inner is not None:
        if value is not None:
            yield from failures(inner, value, path)
    elif value is None:
        yield Failure(path, "is required")
    elif dataclasses.is_dataclass(hint):
        yield from _object_failures(hint, value, path)
    elif get_origin(hint) in (tuple, dict):
        yield from _container_failures(hint, value, path)
    else:
        yield from _scalar_failures(hint, value, path)


def _object_failures(cls: Any, value: Any, path: str) -> Iterator[Failure]:
    if not isinstance(value, Mapping):
        yield Failure(path, f"is {value!r}, and must be an object ({cls.__name__})")
        return
    for name, hint in properties(cls).items():
        below = step(path, name)
        wrong = list(failures(hint, value.get(name), below))
        yield from wrong
        if not wrong and value.get(name) is not None:
            yield from _rule_failures(name, value[name], below)
    for name in value.keys() - properties(cls).keys():
        yield Failure(step(path, name), f"is no property of {cls.__name__}")


def _container_failures(hint: Any, value: Any, path: str) -> Iterator[Failure]:
    wanted = Mapping if get_origin(hint) is dict else list
    if not isinstance(value, wanted):
        name = "an object" if wanted is Mapping else "a list"
        yield Failure(path, f"is {value!r}, and must be {name}")
        return
    if isinstance(value, Mapping):
        inner = get_args(hint)[1]
        for key, element in value.items():
            yield from failures(inner, element, step(path, key))
        return
    kinds = get_args(hint)
    if kinds[-1] is not Ellipsis and len(value) != len(kinds):
        yield Failure(path, f"has {len(value)} elements, and must have {len(kinds)}")
        return
    for index, element in enumerate(value):
        inner = kinds[0] if kinds[-1] is Ellipsis else kinds[index]
        yield from failures(inner, element, step(path, index))


def _scalar_failures(hint: Any, value: Any, path: str) -> Iterator[Failure]:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            yield Failure(path, f"is {value!r}, and must be one of {', '.join(get_args(hint))}")
        return
    name, kinds = SCALARS[hint]
    wrong = not isinstance(value, kinds) or (isinstance(value, bool) and hint is not bool)
    if wrong or (hint is int and value != int(value)):
        yield Failure(path, f"is {value!r}, and must be of type {name}")


def _rule_failures(name: str, value: Any, path: str) -> Iterator[Failure]:
    holds, wanted = RULES.get(name, (None, ""))
    if holds is None or isinstance(value, Mapping):
        return
    listed = isinstance(value, list)
    for index, element in enumerate(value if listed else [value]):
        if not holds(element):
            below = step(path, index) if listed else path
            yield Failure(below, f"is {element!r}, and must be {wanted}")


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return holds


def _interface(text: str) -> object:
    if "/" not in text:
        raise ValueError(text)
    return ipaddress.ip_interface(text)


_ADDRESS = (_parses(ipaddress.ip_address), "an IPv4 or IPv6 address without a prefix")
_SUBNET = (_parses(ipaddress.ip_network), "a subnet such as 10.0.1.0/24, no host bits set")
_WITH_PREFIX = (_parses(_interface), "an address with its prefix, such as 10.0.1.2/24")
_PORT = (lambda port: 1 <= port <= LAST_PORT, f"a port, 1-{LAST_PORT}")

RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "addresses": _WITH_PREFIX,
    "guest": _ADDRESS,
    "guestPort": _PORT,
    "hostAddress": _ADDRESS,
    "hostAddresses": _WITH_PREFIX,
    "hostPort": _PORT,
    "id": (lambda vlan: 1 <= vlan <= LAST_VLAN, f"a VLAN ID, 1-{LAST_VLAN}"),
    "ipv4": _SUBNET,
    "ipv6": _SUBNET,
    "mac": (
        lambda mac: MAC.fullmatch(mac) is not None,
        "six octets in lower case, colon separated",
    ),
    "to": _SUBNET,
    "via": _ADDRESS,
}
"""What a property of that name must be, wherever it stands."""


def step(path: str, key: str | int) -> str:
    """Return the property path one step below *path*, in Pulumi's notation.

    ``nics[0].mac`` for plain names, ``pairs["pc1 -> pc4"]`` for any other key.
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    if re.fullmatch(r"[A-Za-z_$][\w$]*", key) is None:
        quoted = key.replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key


def head(path: str) -> str:
    """Return the property that *path* starts in: ``nics`` of ``nics[0].mac``."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
