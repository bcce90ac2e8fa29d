"""How PowerShell binds what a command is given to what its cmdlet takes: refused if it can't."""

from __future__ import annotations

import functools
import re
import uuid

from tests.backends.hyperv.facts import facts
from tests.backends.hyperv.world import RefusedError

COMMON = {"erroraction": {"stop", "continue", "silentlycontinue"}}
BITS = {"Byte": (0, 8), "Int16": (1, 16), "Int32": (1, 32), "Int64": (1, 64)}
BITS |= {f"UInt{bits}": (0, bits) for bits in (16, 32, 64)}


@functools.cache
def table():
    """Return what every cmdlet takes, by its name in small letters, with that name."""
    return {name.lower(): (name, each) for name, each in facts().items()}


def bind(command, kinds):
    """Return the cmdlet's name, its arguments, where piped objects go, and what to do on errors.

    Args:
        command: As it was sent.
        kinds: What is piped into it is of these types; None where nothing can be.
    """
    if command.is_script:
        raise refused("ScriptRefused", "InvalidOperation", "this host runs no scripts")
    if command.command_text.lower() not in table():
        said = f"The term '{command.command_text}' is not recognized"
        raise refused("CommandNotFoundException", "ObjectNotFound", said)
    name, cmdlet = table()[command.command_text.lower()]
    got, on_error = _bound(name, cmdlet, command.parameters)
    piped = _piped(cmdlet, kinds, got) if kinds else None
    if kinds and piped is None and cmdlet["module"] != "Microsoft.PowerShell":
        said = f"{name}: the input object cannot be bound"
        raise refused(f"InputObjectNotBound,{name}", "InvalidArgument", said)
    _insist_on_a_set(name, cmdlet, got.keys() | ({piped} if piped else set()))
    return name, got, piped, on_error


def _bound(name, cmdlet, parameters):
    """Return the arguments by their full names, and what to do on errors."""
    got, on_error = {}, "continue"
    names = [str(parameter).lower() for parameter, _ in parameters]
    if "none" in names or len(names) != len(set(names)):
        raise refused(f"ParameterAlreadyBound,{name}", "InvalidArgument", str(names))
    for parameter, value in parameters:
        key = parameter.lstrip("-").lower()
        if key in COMMON:
            on_error = str(value).lower()
            if on_error not in COMMON[key]:
                raise refused(f"CannotConvertArgument,{name}", "InvalidArgument", str(value))
            continue
        full = _full_name(name, cmdlet, key)
        got[full] = _converted(name, full, cmdlet["params"][full], value)
    return got, on_error


def refused(identifier, category, message):
    return RefusedError(identifier, category, message)


def _full_name(name, cmdlet, key):
    for full, each in cmdlet["params"].items():
        if key in {full.lower(), *(alias.lower() for alias in each["aliases"])}:
            return full
    said = f"{name}: A parameter cannot be found that matches parameter name '{key}'."
    raise refused(f"NamedParameterNotFound,{name}", "InvalidArgument", said)


def _converted(name, parameter, about, value):
    """Return *value* as the parameter's type has it."""
    kind = about["type"]
    if kind.endswith("[]"):
        values = value if isinstance(value, list) else [value]
        return [_one(name, parameter, kind[:-2], about["values"], each) for each in values]
    return _one(name, parameter, kind, about["values"], value)


def _one(name, parameter, kind, values, value):
    wrong = refused(
        f"CannotConvertArgumentNoMessage,{name}",
        "InvalidArgument",
        f"{name} -{parameter}: {value!r:.60} of {type(value).__name__} is no {kind} {values}",
    )
    if values and kind not in BITS:
        match = [each for each in values if each.lower() == str(value).lower()]
        if not match or not isinstance(value, str):
            raise wrong
        return match[0]
    if kind in BITS:
        signed, bits = BITS[kind]
        low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value < high:
            raise wrong
        return int(value)
    expected = {"String": str, "Boolean": bool, "SwitchParameter": bool, "Guid": uuid.UUID}
    if kind in expected and not isinstance(value, expected[kind]):
        raise wrong
    return str(value) if kind == "String" else value


def _piped(cmdlet, kinds, got):
    for parameter, about in cmdlet["params"].items():
        is_of = about["type"].removesuffix("[]") in kinds
        if about["piped"] and is_of and parameter not in got:
            return parameter
    return None


def _insist_on_a_set(name, cmdlet, given):
    fits = [
        each
        for each in cmdlet["sets"].values()
        if given <= set(each["params"]) and given >= set(each["required"])
    ]
    if not fits or (len(fits) > 1 and not any(each["default"] for each in fits)):
        said = f"{name}: Parameter set cannot be resolved using {sorted(given)}."
        raise refused(f"AmbiguousParameterSet,{name}", "InvalidArgument", said)


def matches(pattern, text):
    """Return whether *text* is what *pattern*, with PowerShell's wildcards, stands for."""
    parts = (re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in [pattern])
    return re.fullmatch("".join(parts), text, re.IGNORECASE) is not None
