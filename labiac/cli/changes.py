"""What the engine would change, or found changed, in the words of networking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from labiac.cli.comparison import compare
from labiac.plan.document import from_data
from labiac.plan.model import Machine, Network
from labiac.provider.shape import completed
from labiac.provider.values import to_snake

if TYPE_CHECKING:
    from labiac.backends.base import Features
    from labiac.cli.comparison import Comparison
    from labiac.fleet.events import Step
    from labiac.plan.diff import Change
    from labiac.plan.effects import Kind
    from labiac.plan.model import Item, Plan

ITEMS: dict[str, Kind] = {"labiac:index:Network": "network", "labiac:index:Machine": "machine"}
"""Resources that are items of a plan."""
_REACHABILITY = "labiac:index:Reachability"
_IMAGE = "labiac:index:Image"
_KEY = "labiac:index:Key"
_KEPT = {"same", "read", "refresh"}
"""What the engine does to a resource that stays what it is."""
_DIGITS = 12
"""So many of an image's hash tell a person that it is another."""
_SHORT = 60
RULES = ("policy", "translation")
"""Fields of a machine that become nftables rules."""
_NOT_ON_HOST = {"copy", "key", "networkIds", "start"}


OURS = "labiac:index:"
"""How the types of labiac's own resources begin; the others are Pulumi's bookkeeping."""


class Drift(NamedTuple):
    """One value that differs; None where there is none."""

    field: str
    was: Any
    now: Any


def differences(was: Any, now: Any, field: str = "") -> Iterator[Drift]:
    """Yield what differs from *was* to *now*: things with names by name, other lists as sets."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in [*was, *(key for key in now if key not in was)]:
            yield from differences(was.get(key), now.get(key), f"{field}.{key}".lstrip("."))
    elif _named(was) and _named(now):
        yield from differences(
            {each["name"]: each for each in was}, {each["name"]: each for each in now}, field
        )
    elif isinstance(was, list) and isinstance(now, list):
        yield from (Drift(field, each, None) for each in was if each not in now)
        yield from (Drift(field, None, each) for each in now if each not in was)
    elif was != now:
        yield Drift(field, was, now)


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
        elif step.type == _IMAGE and not step.outputs:
            found.append(_drifted("image", _item(step), "there", "gone"))
        elif kind := ITEMS.get(step.type):
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
    """Return what of a network or machine the host shall have; it may start what is to be off."""
    wanted = {key: value for key, value in step.inputs.items() if key not in _NOT_ON_HOST}
    return {**wanted, "running": True} if step.inputs.get("start", True) else wanted


def _drifted(kind: str, item: str, was: Any, now: Any, *, field: str = "") -> dict[str, Any]:
    return {"kind": kind, "item": item, "field": field, "was": was, "now": now}


def drift_text(drifted: Mapping[str, Any]) -> str:
    """Return one element of `drift` as a line for people."""
    if drifted["field"].startswith(RULES):
        # What the rules are now is not told by a field: a host knows them, or knows them not.
        return f"{drifted['item']}: its nftables rules are not as deployed"
    field = drifted["field"].removeprefix("nics.").replace(".", " ")
    place = f"{drifted['item']} {field}".strip()
    return f"{place}: {_shown(drifted['was'])} => {_shown(drifted['now'])}"


def images_changed(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the base images that a preview's *steps* bring: the hash of what was there, and is."""
    return [
        {"image": _item(step), "was": step.before.get("sha256"), "now": step.inputs.get("sha256")}
        for step in steps
        if step.type == _IMAGE and step.op in {"create", "update"}
    ]


def image_text(changed: Mapping[str, Any]) -> str:
    """Return one element of `images_changed` as a line for people."""
    was, now = ((changed[key] or "")[:_DIGITS] for key in ("was", "now"))
    if not was:
        return f"+ image {changed['image']}"
    return f"~ image {changed['image']}   {was} -> {now}, for disks that are made from now on"


def previewed(steps: Sequence[Step], new: Plan, features: Features) -> Comparison:
    """Return what differs from what is deployed, as the *steps* of a preview found it, to *new*."""
    old, stopped, keyed = _deployed(steps, new)
    anew = any(step.type == _KEY and step.op not in _KEPT for step in steps)
    return compare(old, new, features, stopped, keyed if anew else frozenset())


def _deployed(steps: Iterable[Step], new: Plan) -> tuple[Plan, frozenset[Item], frozenset[Item]]:
    """Return the plan of what stands before a change to *new*, what of it is off, and has a key.

    What stays the same has a step too, so that the *steps* tell all of it, in the order of *new*:
    the engine's own is by chance. Checks are not deployed; those of *new* count as known.
    """
    names = [*(lan.name for lan in new.networks), *(node.name for node in new.machines)]
    places = {name: place for place, name in enumerate(names)}
    items: list[Item] = []
    stopped: set[Item] = set()
    keyed: set[Item] = set()
    backend = new.backend
    for step in steps:
        if step.type in ITEMS and step.before:
            item = _plan_item(ITEMS[step.type], step.before)
            items.append(item)
            backend = step.before["copy"]["backend"]
            if step.before.get("running") is False and step.inputs.get("start", True):
                stopped.add(item)
            if step.before.get("key"):
                keyed.add(item)

    def place(item: Item) -> tuple[int, str]:
        return places.get(item.name, len(places)), item.name

    items.sort(key=place)
    old = replace(
        new,
        backend=backend,
        networks=tuple(item for item in items if isinstance(item, Network)),
        machines=tuple(item for item in items if isinstance(item, Machine)),
    )
    return old, frozenset(stopped), frozenset(keyed)


def _plan_item(kind: Kind, known: Mapping[str, Any]) -> Item:
    """Return the network or machine with the properties *known*."""
    item: type[Item] = Network if kind == "network" else Machine
    return from_data(item, to_snake(completed(item, known)))


def disks_lost(comparison: Comparison) -> tuple[Change, ...]:
    """Return the changes that take a machine's disk with them, where machines have one."""
    return tuple(
        change
        for change, _ in comparison.changes
        if isinstance(change.was, Machine) and change.effect in {"replace", "delete"}
    )


def step_title(step: Step) -> str:
    """Return what *step* is about: ``machine pc1``, ``reachability``."""
    kind = step.type.removeprefix(OURS).lower()
    if step.type == _IMAGE and step.op == "delete":
        return f"image {_item(step)} (forgotten: it stays on the host)"
    return f"{kind} {_item(step)}" if step.type in ITEMS or kind in {"image", "lab"} else kind


def _item(step: Step) -> str:
    known = step.outputs or step.inputs or step.before
    return str(known.get("name", step.name))


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping) and value.keys() == {"to", "via"}:
        return f"{value['to']} via {value['via']}"
    text = str(value)
    return text if len(text) <= _SHORT and "\n" not in text else "(a long text)"
