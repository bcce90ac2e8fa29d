"""The Pulumi package schema, generated from the classes that the provider itself reads.

``python -m labiac.provider.package`` writes the committed copy, which ``pulumi package
get-schema`` prints and from which SDKs for other languages are made.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any, Literal, get_args, get_origin

from labiac import __version__
from labiac.provider.image import ImageArgs
from labiac.provider.items import MachineArgs, NetworkArgs
from labiac.provider.key import KeyArgs
from labiac.provider.reachability import ReachabilityArgs
from labiac.provider.server import SCHEMA
from labiac.provider.shape import SCALARS, camel, optional, properties

RUNNING = {"type": "boolean", "description": "Whether it works."}

DESCRIPTION = {
    "description": "A name in stacks/, the path of a lab file, or what such a file says.",
    "oneOf": [
        {"type": "string"},
        {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}},
    ],
}

LAB_INPUTS = {
    "lab": DESCRIPTION,
    "student": {"type": "string", "description": "Whose copy it is; by default the stack's name."},
    "backend": {"type": "string", "description": "What makes it real.", "default": "auto"},
    "directory": {"type": "string", "description": "Where the lab file is looked for first."},
    "host": {"type": "string", "description": "Which machine of a cluster shall have it."},
    "timeoutSeconds": {"type": "number", "description": "How long it may take to agree."},
}

TEXTS = {"type": "array", "items": {"type": "string"}}

LAB_OUTPUTS = {
    "nodes": {**TEXTS, "description": "Names of all nodes."},
    "addresses": {
        "type": "object",
        "additionalProperties": TEXTS,
        "description": "Addresses of each node, with prefix.",
    },
    "matrix": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Who reaches whom: ok, or the reason why not.",
    },
}

MADE: dict[type, dict[str, Any]] = {
    KeyArgs: {
        "publicKey": {"type": "string", "description": "As it stands in a .pub file."},
        "privateKey": {"type": "string", "secret": True, "description": "As SSH reads it."},
    },
    ImageArgs: {
        "format": {"type": "string", "description": "What of it is there: qcow2."},
        "size": {"type": "integer", "description": "Bytes that it takes there."},
    },
    ReachabilityArgs: {},
}
"""What a resource has beside its inputs, where that is not whether it works."""

SSH_KEY = {
    "type": "string",
    "secret": True,
    "description": "The private SSH key that the nodes of this copy take, where they boot.",
}


def schema() -> dict[str, Any]:
    """Return the package schema of labiac."""
    custom = {
        "Image": ImageArgs,
        "Key": KeyArgs,
        "Machine": MachineArgs,
        "Network": NetworkArgs,
        "Reachability": ReachabilityArgs,
    }
    types: dict[str, Any] = {}
    for cls in custom.values():
        _collect(cls, types)
    return {
        "name": "labiac",
        "version": __version__,
        "description": "Networking labs as code",
        "keywords": ["kind/component", "category/network", "education"],
        "license": "Apache-2.0",
        "types": types,
        "resources": {
            "labiac:index:Lab": {
                "isComponent": True,
                "description": "One copy of a lab: a Network a LAN, a Machine a node, and the "
                "Reachability they promise.",
                "inputProperties": LAB_INPUTS,
                "requiredInputs": ["lab"],
                "properties": {**LAB_OUTPUTS, "sshKey": SSH_KEY},
                "required": list(LAB_OUTPUTS),
            },
            **{f"labiac:index:{name}": _resource(cls) for name, cls in custom.items()},
        },
    }


def text() -> str:
    """Return the schema as it is committed."""
    return json.dumps(schema(), indent=2) + "\n"


def _resource(cls: type) -> dict[str, Any]:
    described = _object(cls)
    inputs, required = described["properties"], described["required"]
    made = MADE.get(cls, {"running": RUNNING})
    return {
        "description": described["description"],
        "inputProperties": inputs,
        "requiredInputs": required,
        "properties": {**inputs, **made},
        "required": [*required, *made],
    }


def _object(cls: Any) -> dict[str, Any]:
    said = _arguments(cls)
    hints = properties(cls)
    return {
        "type": "object",
        "description": (inspect.getdoc(cls) or "").partition("\n")[0],
        "properties": {
            name: {**_spec(hint), **({"description": said[name]} if name in said else {})}
            for name, hint in hints.items()
        },
        "required": [name for name, hint in hints.items() if optional(hint) is None],
    }


def _collect(hint: Any, types: dict[str, Any]) -> None:
    """Add every dataclass inside *hint* to *types*, by its token."""
    for inner in properties(hint).values():
        for kind in _leaves(inner):
            token = f"labiac:index:{kind.__name__}"
            if token not in types:
                types[token] = _object(kind)
                _collect(kind, types)


def _leaves(hint: Any) -> list[Any]:
    if dataclasses.is_dataclass(hint):
        return [hint]
    return [leaf for inner in get_args(hint) for leaf in _leaves(inner)]


def _spec(hint: Any) -> dict[str, Any]:
    inner = optional(hint)
    if inner is not None:
        return _spec(inner)
    if dataclasses.is_dataclass(hint):
        cls: Any = hint
        return {"type": "object", "$ref": f"#/types/labiac:index:{cls.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is dict:
        return {"type": "object", "additionalProperties": _spec(arguments[1])}
    if origin is tuple:
        return {"type": "array", "items": _spec(arguments[0])}
    return {"type": "string" if origin is Literal else SCALARS[hint][0]}


def _arguments(cls: type) -> dict[str, str]:
    """Return what the docstrings of *cls* and its bases say of each field, by property name."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        _, _, arguments = inspect.cleandoc(base.__doc__ or "").partition("Args:\n")
        arguments = arguments.partition("\n\n")[0]
        for name, words in re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", arguments, re.MULTILINE):
            said[camel(name)] = re.sub(r"\s+", " ", words)
    return said


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
