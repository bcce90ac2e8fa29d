"""Renders ``docs/lab-file.md`` from the JSON Schema of a lab file: ``python docs/reference.py``."""
# ruff: noqa: INP001 -- a script beside its page, not a package

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labiac.schema.lab import json_schema

PAGE = Path(__file__).with_name("lab-file.md")

HEAD = """\
# The lab file

A lab file is YAML: keys and values, two spaces for each level. This is the smallest one that
does something:

```yaml
name: two-pcs
lans:
  lan1: {}
pcs:
  pc1: {lan: lan1}
  pc2: {lan: lan1}
```

- An unknown key is an error. labiac names the nearest key that exists.
- Names (of labs, LANs, VLANs and nodes) are 1 to 40 small letters, digits and hyphens; a letter
  comes first.
- What you leave out gets a value in the plan: `labiac plan FILE` shows all of them.
  [Numbers](numbering.md) says which addresses a LAN and a node get.
- `none` says "there is none". Leaving a key out says "the default".
- YAML 1.2 rules: `no`, `on` and `12:34:56:78:9a:bc` are words. Tags and duplicate keys are errors.

Editors complete and check a lab file when its first line names the schema. Write the schema once
with `labiac schema > lab.schema.json`, then begin the file with:

```text
# yaml-language-server: $schema=lab.schema.json
```

This page is made from that schema. Do not edit it: change the descriptions in `labiac/schema/`,
and run `python docs/reference.py`.
"""

ROUTERS = "It takes these keys, and those in the table of [a router](#a-router-or-a-pc)."

SECTIONS = {
    "Lab": ("The lab", "The keys at the top of the file."),
    "Lan": ("A LAN", "An entry of `lans`. [LANs and NICs](lans-and-nics.md) tells the types."),
    "Vlan": ("A VLAN", "An entry of a LAN's `vlans`; its 802.1Q ID alone is the short form."),
    "HostSide": ("The host in a LAN", "A LAN's `host`."),
    "PortForward": ("A port forward of a LAN", "An element of a LAN's `forwards`."),
    "Router": ("A router or a PC", "An entry of `routers` or `pcs`. Both take the same keys."),
    "Firewall": ("A firewall", f"An entry of `middleboxes` with `role: firewall`. {ROUTERS}"),
    "Rule": (
        "A rule",
        "An element of `rules`: exactly one of allow, deny and reject, and of what.",
    ),
    "Nat": ("A NAT", f"An entry of `middleboxes` with `role: nat`. {ROUTERS}"),
    "NatForward": ("A port forward of a NAT", "An element of a NAT's `forwards`."),
    "Bridge": ("A bridge", "An entry of `middleboxes` with `role: bridge`. It has no addresses."),
    "Ids": ("An IDS", f"An entry of `middleboxes` with `role: ids`. {ROUTERS}"),
    "Nic": ("A NIC", "An element of a node's `nics`."),
    "Tagged": ("A VLAN on a trunk", "An entry of a NIC's `trunk`; in short, a list of names."),
    "NicForward": ("A port forward of a NIC", "An element of a NIC's `forwards`."),
    "Impair": ("Impairments", "A NIC's `impair`: what happens to packets that leave the node."),
    "Route": ("A route", "An element of a node's `routes`."),
    "Service": ("A service", "An entry of a node's `services`."),
    "Pool": ("The pool", "The lab's `pool`."),
    "Defaults": ("Defaults", "The lab's `defaults`: what virtual machines have in common."),
    "Login": ("Login", "The lab's `login`. [Seeds](seeds.md#who-may-log-in) tells how it is used."),
    "Check": (
        "A check",
        "An element of `checks`: one of the first ten keys, any others. See [checks](checks.md).",
    ),
    "PingCheck": ("A pair to check", "What `ping` and `no_ping` take in a check."),
    "PathCheck": ("A path to check", "What `path` takes in a check."),
    "RouteCheck": ("A route to check", "What `route` takes in a check."),
    "AddressCheck": ("An address to check", "What `address` takes in a check."),
    "PortCheck": ("A port to check", "What `port` takes in a check."),
    "HttpCheck": ("A page to check", "What `http` takes in a check."),
    "DnsCheck": ("A name to check", "What `dns` takes in a check."),
    "CommandCheck": ("A command to check", "What `command` takes in a check."),
    "Stage": ("A stage", "An element of `stages`. See [stages](stages.md)."),
    "Reference": ("A node at the end of a stage", "An entry of a stage's `reference`."),
    "Vary": (
        "Variation",
        "The lab's `vary`. [Every student another lab](variation.md) tells how it is drawn.",
    ),
    "LinkChoice": ("A link that varies", "An element of `links` in `vary`."),
    "PlantedFault": ("A fault", "An element of `faults` in `vary`: exactly one of these keys."),
    "MissingRoute": ("A missing route", "What `missing_route` takes in a fault."),
    "WrongMask": ("A wrong mask", "What `wrong_mask` takes in a fault."),
    "WrongGateway": ("A wrong gateway", "What `wrong_gateway` takes in a fault."),
    "FirewallRule": (
        "A rule too many",
        "What `firewall_rule` takes in a fault: its firewall, and the keys of [a rule](#a-rule).",
    ),
    "CableOut": ("A cable out", "What `cable_out` takes in a fault."),
}
"""Definitions of the schema in the order of the page: title, and where the user writes one."""

SHORT_FORM = (
    "A node with one NIC can say that NIC's keys (`lan`, `ipv4`, `mac`, ...) itself, without "
    "`nics`: every key of [a NIC](#a-nic) but `name`."
)

Schema = dict[str, Any]
QUOTE = '"'


def page() -> str:
    """Return the text of the page.

    Raises:
        KeyError: the schema has a definition that `SECTIONS` does not know, or lacks one of it.
    """
    schema = json_schema()
    definitions = {"Lab": schema, **schema["$defs"]}
    del definitions["Pc"]  # a router's keys, all of them
    if definitions.keys() != SECTIONS.keys():
        raise KeyError(*(definitions.keys() ^ SECTIONS.keys()))
    parts = [HEAD]
    for name, (title, place) in SECTIONS.items():
        keys = _keys(name, definitions)
        more = [SHORT_FORM, ""] if name == "Router" else []
        rows = [_row(key, keys[key], key in definitions[name].get("required", ())) for key in keys]
        head = ["| key | value | default | |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {title}", "", place, "", *more, *head, *rows, ""]))
    return "\n".join(parts)


def _keys(name: str, definitions: Schema) -> Schema:
    """Return the keys of a section but for those that its text sends to another one for."""
    keys: Schema = definitions[name]["properties"]
    elsewhere = {
        "Router": "Nic",
        "Firewall": "Router",
        "Nat": "Router",
        "FirewallRule": "Rule",
    }.get(name)
    if elsewhere is None:
        return keys
    known = definitions[elsewhere]["properties"]
    return {key: field for key, field in keys.items() if known.get(key) != field}


def _row(key: str, field: Schema, required: bool) -> str:  # noqa: FBT001 -- one caller, one word
    default = "required" if required else _default(field)
    return f"| `{key}` | {_value(field)} | {default} | {field.get('description', '')} |"


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default in (None, [], {}, "") else f"`{json.dumps(default).strip(QUOTE)}`"


def _value(field: Schema) -> str:
    """Return what a field takes, in words, with links to the sections of this page."""
    if "$ref" in field:
        return _link(field["$ref"].rpartition("/")[2])
    several = field.get("anyOf", field.get("oneOf"))
    if several:
        kinds = dict.fromkeys(_value(each) for each in several if each.get("type") != "null")
        return " or ".join(kinds)
    choices = field.get("enum", [field["const"]] if "const" in field else [])
    if choices:
        return ", ".join(f"`{json.dumps(each).strip(QUOTE)}`" for each in choices)
    if field["type"] == "array":
        return f"list of {_value(field['items'])}"
    return _mapping(field) if field["type"] == "object" else _scalar(field)


def _mapping(field: Schema) -> str:
    more = field.get("patternProperties", {}).values()
    named = next(iter(more), field.get("additionalProperties"))
    return "keys and values" if named is True else f"name: {_value(named)}"


def _link(name: str) -> str:
    title = SECTIONS["Router" if name == "Pc" else name][0]
    return f"[{title[0].lower()}{title[1:]}](#{title.lower().replace(' ', '-')})"


def _scalar(field: Schema) -> str:
    words = {"boolean": "`true`, `false`", "integer": "whole number", "string": "text"}
    word = words.get(field["type"], field["type"])
    low, high = field.get("minimum"), field.get("maximum")
    if low is None:
        return word
    return f"{word}, {low:g} or more" if high is None else f"{word}, {low:g} to {high:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
