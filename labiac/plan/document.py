"""The plan as plain data: what JSON, Pulumi properties and marks on the host can carry."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from functools import cache
from types import NoneType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from labiac.plan.model import Machine, Network, Plan

T = TypeVar("T")
Decode = Callable[[Any], Any]


def to_data(value: Any) -> Any:
    """Return *value* (a plan item, or anything inside one) as dicts, lists and scalars.

    Keys are the field names, in the order of the fields: the same item gives the same JSON.
    """
    if dataclasses.is_dataclass(value):
        return {name: to_data(field) for name, field in _fields(value).items()}
    if isinstance(value, tuple):
        return [to_data(element) for element in value]
    return value


def to_json(value: Any) -> str:
    """Return what `to_data` makes of *value* as JSON, in a third of the time."""
    return _JSON.encode(value)


def from_data(cls: type[T], data: Any) -> T:
    """Return the *cls* that `to_data` turned into *data*.

    Numbers come back as the type of their field, since some carriers know only floating point. A
    field that may be None, any number of things, or a switch is neither of these, or off, where
    *data* has no such field: an older labiac, which knew of none, made it.

    Raises:
        KeyError: any other field is missing.
        TypeError: *data* has another shape than *cls*.
    """
    decode: Decode = _decoder(cls)  # type: ignore[arg-type]  # a class is hashable
    decoded: T = decode(data)
    return decoded


def summary(plan: Plan) -> dict[str, Any]:
    """Return what ``labiac plan --json`` prints: the plan less what only a host must know."""
    return {
        "lab": plan.lab,
        "student": plan.student,
        "backend": plan.backend,
        "networks": [_network(network) for network in plan.networks],
        "machines": [_machine(machine) for machine in plan.machines],
    }


def _network(network: Network) -> dict[str, Any]:
    data: dict[str, Any] = to_data(network)
    data["vlans"] = {vlan.pop("name"): vlan for vlan in data["vlans"]}
    return data


def _machine(machine: Machine) -> dict[str, Any]:
    data: dict[str, Any] = to_data(machine)
    del data["hosts"], data["seed"]
    return data


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _names(value.__class__)}


_JSON = json.JSONEncoder(default=_fields)


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


@cache
def _hint(module: str, annotation: str) -> Any:
    """Return the type that *annotation* says in *module*; many fields have the same."""
    said = SimpleNamespace(__annotations__={"type": annotation})
    return get_type_hints(said, vars(sys.modules[module]))["type"]


@cache
def _decoder(hint: Any) -> Decode:
    """Return what decodes data of the type *hint*.

    What optional fields hold is looked into when there is some: few machines have any policy, and
    types take longer to read than data.
    """
    if dataclasses.is_dataclass(hint):
        return _item_decoder(hint)
    if get_origin(hint) is tuple:
        return _tuple_decoder(get_args(hint))
    if get_origin(hint) is UnionType:
        inner = next(kind for kind in get_args(hint) if kind is not NoneType)
        return lambda data: None if data is None else _decoder(inner)(data)
    if hint in (int, float):
        convert: Decode = hint
        return convert
    return lambda data: data


def _item_decoder(make: Any) -> Decode:
    own = make.__module__
    kinds = {each.name: _hint(own, str(each.type)) for each in dataclasses.fields(make)}
    fields = tuple((name, _decoder(kind)) for name, kind in kinds.items())
    absent: dict[str, Any] = {}
    for name, kind in kinds.items():
        if get_origin(kind) is UnionType:
            absent[name] = None
        elif get_args(kind)[-1:] == (Ellipsis,):
            absent[name] = ()
        elif kind is bool:
            absent[name] = False

    def decode(data: Any) -> Any:
        whole = data if len(data) >= len(fields) else {**absent, **data}
        return make(*(each(whole[name]) for name, each in fields))

    return decode


def _tuple_decoder(kinds: tuple[Any, ...]) -> Decode:
    if kinds[-1] is Ellipsis:
        return lambda data: tuple(map(_decoder(kinds[0]), data)) if data else ()
    decoders = tuple(_decoder(kind) for kind in kinds)
    return lambda data: tuple(
        decode(element) for decode, element in zip(decoders, data, strict=True)
    )
