"""What the engine would change, or found changed, in the words of networking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labiac.cli.comparison import changes_view, title
from labiac.plan.diff import Change, cost
from labiac.plan.document import from_data
from labiac.plan.effects import Kind, worst
from labiac.plan.model import Machine, Network
from labiac.plan.said import Difference as Said
from labiac.plan.said import differences as differences_said
from labiac.provider.forecast import OK, ends
from labiac.provider.shape import completed
from labiac.provider.values import to_snake

if TYPE_CHECKING:
    from rich.text import Text

    from labiac.backends.base import Features
    from labiac.fleet.events import Step
    from labiac.plan.model import Item, Plan

_KINDS: dict[str, Kind] = {"labiac:index:Network": "network", "labiac:index:Machine": "machine"}
_REACHABILITY = "labiac:index:Reachability"
_SHORT = 60
_NOT_ON_HOST = {"copy", "networkIds"}


OURS = "labiac:index:"
"""How the types of labiac's own resources begin; the others are Pulumi's bookkeeping."""


class Difference(NamedTuple):
    """One value that differs; None where there is none."""

    field: str
    was: Any
    now: Any


def differences(was: Any, now: Any, field: str = "") -> Iterator[Difference]:
    """Yield what differs from *was* to *now*: things with names by name, other lists as sets."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in [*was, *(key for key in now if key not in was)]:
            yield from differences(was.get(key), now.get(key), f"{field}.{key}".lstrip("."))
    elif _named(was) and _named(now):
        yield from differences(
            {each["name"]: each for each in was}, {each["name"]: each for each in now}, field
        )
    elif isinstance(was, list) and isinstance(now, list):
        yield from (Difference(field, each, None) for each in was if each not in now)
        yield from (Difference(field, None, each) for each in now if each not in was)
    elif was != now:
        yield Difference(field, was, now)


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(e, Mapping) and "name" in e for e in value)


def drift(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return how the host differs from what was deployed, after the *steps* of a refresh."""
    deployed: dict[str, str] = {}
    there: set[str] = set()
    found: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    for step in steps:
        if step.type == _REACHABILITY:
            # What is gone leaves the state; the forecast still names it.
            deployed |= dict.fromkeys(step.inputs.get("subnets") or (), "network")
            deployed |= dict.fromkeys(step.inputs.get("addresses") or (), "machine")
            differ = differences(step.inputs.get("pairs"), step.outputs.get("pairs"))
            pairs += (_drifted("reachability", *each) for each in differ)
        elif kind := _KINDS.get(step.type):
            item = _item(step)
            deployed[item] = kind
            if step.outputs:
                there.add(item)
                wanted = _wanted(step)
                found += (
                    _drifted(kind, item, each.was, each.now, field=each.field)
                    for each in differences(wanted, {key: step.outputs.get(key) for key in wanted})
                )
    gone = [_drifted(deployed[item], item, "there", "gone") for item in deployed.keys() - there]
    return [*sorted(gone, key=lambda each: str(each["item"])), *found, *pairs]


def _wanted(step: Step) -> dict[str, Any]:
    """Return what of a network or machine the host shall have."""
    wanted = {key: value for key, value in step.inputs.items() if key not in _NOT_ON_HOST}
    return {**wanted, "running": True}


def _drifted(kind: str, item: str, was: Any, now: Any, *, field: str = "") -> dict[str, Any]:
    return {"kind": kind, "item": item, "field": field, "was": was, "now": now}


def drift_text(drifted: Mapping[str, Any]) -> str:
    """Return one element of `drift` as a line for people."""
    place = f"{drifted['item']} {drifted['field']}".strip()
    return f"{place}: {_shown(drifted['was'])} => {_shown(drifted['now'])}"


def changes_host(step: Step) -> bool:
    """Return whether *step* is about something on the host, and not to stay as it is."""
    return step.type in _KINDS and step.op != "same"


def change_of(step: Step, features: Features) -> Change:
    """Return what one *step* of a preview changes."""
    kind = _KINDS[step.type]
    was, now = (_plan_item(kind, known) for known in (step.before, step.inputs))
    fields = [*differences_said(was, now)]
    effect: Any = "replace" if "replace" in step.op else step.op
    if effect == "update" and was and now:
        effect = cost(kind, was, now, boots=features.boots, live=features.live)
        if step.before.get("running") is False:
            fields.append(Said("running", "no", "yes"))
            effect = worst([effect, "restart"])
    return Change(kind, _item(step), tuple(fields), effect, was, now)


def _plan_item(kind: Kind, known: Mapping[str, Any]) -> Item | None:
    """Return the network or machine with the properties *known*, or None: there are none."""
    item: type[Item] = Network if kind == "network" else Machine
    return from_data(item, to_snake(completed(item, known))) if known else None


def neighbours(change: Change, step: Step, plan: Plan) -> list[str]:
    """Return the nodes that a machine or LAN cuts off while it changes."""
    if change.effect in {"create", "live"}:
        return []
    item = _item(step)
    nics = (step.before or step.inputs).get("nics", ())
    lans = {nic["network"] for nic in nics if nic["network"]} or {item}
    return [
        machine.name
        for machine in plan.machines
        if machine.name != item and lans & {nic.network for nic in machine.nics}
    ]


def reachability_data(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the pairs that the *steps* of a preview make reachable or unreachable."""
    found = []
    for step in steps:
        if step.type == _REACHABILITY:
            was, now = step.before.get("pairs") or {}, step.inputs.get("pairs") or {}
            for name in [*now, *(name for name in was if name not in now)]:
                before, after = was.get(name), now.get(name)
                if before != after:
                    source, target = ends(name)
                    found.append(
                        {
                            "from": source,
                            "to": target,
                            "was": before == OK,
                            "now": after == OK,
                            "reason": "" if after in (OK, None) else after,
                        }
                    )
    return found


def preview_view(changes: Sequence[tuple[Change, Sequence[str]]]) -> Iterator[Text]:
    """Yield what shows *changes*, each with the neighbours that it cuts off, line by line."""
    from rich.text import Text

    yield from changes_view(change for change, _ in changes)
    for change, disturbed in changes:
        if disturbed:
            yield Text(f"{title(change)} disturbs {', '.join(disturbed)}", "yellow")


def reachability_view(pairs: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield what becomes of *pairs*, as `reachability_data` has them; the good news in one line."""
    from rich.text import Text

    gained = sum(pair["now"] for pair in pairs)
    if gained:
        yield Text(f"{gained} pairs will reach each other that do not now", "green")
    for pair in pairs:
        if not pair["now"]:
            was = OK if pair["was"] else "no answer"
            now = pair["reason"] or "gone"
            yield Text(f"{pair['from']} -> {pair['to']}: {was} => {now}", "red")


def step_title(step: Step) -> str:
    """Return what *step* is about: ``machine pc1``, ``reachability``."""
    kind = step.type.removeprefix(OURS).lower()
    return f"{kind} {_item(step)}" if step.type in _KINDS or kind == "lab" else kind


def _item(step: Step) -> str:
    known = step.outputs or step.inputs or step.before
    return str(known.get("name", step.name))


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, Mapping) and value.keys() == {"to", "via"}:
        return f"{value['to']} via {value['via']}"
    text = str(value)
    return text if len(text) <= _SHORT and "\n" not in text else "(a long text)"
