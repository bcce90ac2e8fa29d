"""Plan x Plan to what changes, in the words of the course, and what each change costs.

An item is one thing that changes: a LAN, a node, a check, or the name of the lab. What a backend
pays for it comes from `labiac.plan.effects` alone, as in the provider.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from labiac.plan.checks import as_written
from labiac.plan.effects import Effect, effect, live_between, worst
from labiac.plan.model import Machine, Network
from labiac.plan.said import Difference, check_differences, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping

    from labiac.plan.checks import Check
    from labiac.plan.effects import Kind
    from labiac.plan.model import Item, Plan

_Item = TypeVar("_Item", Network, Machine)


@dataclass(frozen=True, slots=True)
class Change:
    """One item that differs.

    Args:
        kind: ``network``, ``machine``, ``check`` or ``lab``; ``rename`` where one of the first two
            goes on under another name.
        item: Its name, the new one of a rename; of a check, what it says.
        fields: What differs, a line each.
        effect: What it costs while the lab runs.
        was: The item before, or None: it is new.
        now: The item after, or None: it goes.
    """

    kind: Literal["network", "machine", "check", "lab", "rename"]
    item: str
    fields: tuple[Difference, ...]
    effect: Effect | Literal["create", "delete"]
    was: Item | Check | None
    now: Item | Check | None


def diff(
    old: Plan,
    new: Plan,
    *,
    boots: bool,
    live: Collection[str],
    hot: Collection[str] | None = None,
    stopped: Collection[Item] = frozenset(),
    rekeyed: Collection[Item] = frozenset(),
) -> tuple[Change, ...]:
    """Return what changes from *old* to *new*: the lab's name, LANs, nodes, checks, in file order.

    Args:
        old: The plan of a copy as it is.
        new: The plan of the same student as it shall be; on another backend all is made anew.
        boots: Whether the backend's machines boot (`Features.boots`).
        live: What the backend changes while a machine runs (`Features.live`).
        hot: What NICs it plugs in while a machine runs (`Features.hot`).
        stopped: Items of *old* that do not run, and shall.
        rekeyed: Machines of *old* that take another SSH key, which no plan tells.
    """
    lans, nodes = renames(old, new)
    costs = _Costs(boots, live, hot, (old.backend, new.backend), stopped, rekeyed)
    networks = tuple(_items("network", old.networks, new.networks, lans, costs))
    remade = {each.item for each in networks if each.kind == "network" and each.effect == "replace"}
    costs = replace(costs, remade=remade)
    return (
        *_lab(old, new),
        *networks,
        *_items("machine", old.machines, new.machines, nodes, costs),
        *_checks(old.checks, new.checks),
    )


def cost(
    kind: Kind,
    was: Item,
    now: Item,
    *,
    boots: bool,
    live: Collection[str],
    hot: Collection[str] | None = None,
) -> Effect:
    """Return what it takes to change a network or machine from *was* to *now* in its place."""
    live = live_between(was, now, live, hot)
    return worst(effect(kind, path, boots=boots, live=live) for path in _paths(was, now))


@dataclass(frozen=True, slots=True)
class _Costs:
    """What a change costs on the way from one of *backends* to the other, most often the same."""

    boots: bool
    live: Collection[str]
    hot: Collection[str] | None
    backends: tuple[str, str]
    stopped: Collection[Item]
    rekeyed: Collection[Item]
    remade: Collection[str] = ()
    """Names of the LANs that are made anew."""

    def of(self, kind: Kind, was: Item, now: Item) -> Effect:
        """Return what it takes to change *was* to *now*."""
        if len(set(self.backends)) > 1 or any(self._remade_around(now)):
            return "replace"
        price = cost(kind, was, now, boots=self.boots, live=self.live, hot=self.hot)
        if was in self.rekeyed:
            price = worst([price, "reseed"])
        return worst([price, "restart"]) if was in self.stopped else price

    def beyond(self, was: Item, now: Item) -> Iterator[Difference]:
        """Yield a line for each reason to touch *was* that is no field of it."""
        if len(set(self.backends)) > 1:
            yield Difference("backend", *self.backends)
        if was in self.stopped:
            yield Difference("running", "no", "yes")
        if was in self.rekeyed:
            yield Difference("SSH key", "the one that is there", "a new one")
        yield from self._remade_around(now)

    def _remade_around(self, item: Item) -> Iterator[Difference]:
        """Yield a line for each LAN that takes *item* with it: its cables end there."""
        if isinstance(item, Machine):
            for lan in dict.fromkeys(nic.network for nic in item.nics):
                if lan in self.remade:
                    yield Difference(f"LAN {lan}", "there", "made anew")


def _items(
    kind: Kind,
    old: tuple[Item, ...],
    new: tuple[Item, ...],
    renamed: Mapping[str, str],
    costs: _Costs,
) -> Iterator[Change]:
    before = {renamed.get(item.name, item.name): item for item in old}
    for now in new:
        was = before.pop(now.name, None)
        if was is None:
            yield Change(kind, now.name, differences(None, now), "create", None, now)
            continue
        said = (*differences(was, now), *costs.beyond(was, now))
        if said or was != now:
            # What has another name is another object to the engine, whatever a backend could do.
            anew = was.name != now.name
            price = "replace" if anew else costs.of(kind, was, now)
            yield Change("rename" if anew else kind, now.name, said, price, was, now)
    for was in before.values():
        yield Change(kind, was.name, differences(was, None), "delete", was, None)


def _lab(old: Plan, new: Plan) -> Iterator[Change]:
    if old.lab != new.lab:
        said = (Difference("name", old.lab, new.lab),)
        yield Change("lab", new.lab, said, "replace", None, None)


def _checks(old: tuple[Check, ...], new: tuple[Check, ...]) -> Iterator[Change]:
    old, new = (tuple(map(_written, checks)) for checks in (old, new))
    before = {check.asked: check for check in old if check not in new}
    for check in new:
        if check in old:
            continue
        was = before.pop(check.asked, None)
        if was is None:
            yield Change("check", str(check), (), "create", None, check)
        else:
            yield Change("check", str(check), check_differences(was, check), "live", was, check)
    for check in before.values():
        yield Change("check", str(check), (), "delete", check, None)


def _written(check: Check) -> Check:
    """Return *check* as the file says it: another address of a node changes the node alone."""
    return replace(check, asked=as_written(check.asked))


def _paths(was: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every field that differs, without indexes: ``nics.connected``."""
    if is_dataclass(was) and type(was) is type(now):
        for field in fields(was):
            inner = f"{path}.{field.name}".lstrip(".")
            yield from _paths(getattr(was, field.name), getattr(now, field.name), inner)
    elif isinstance(was, tuple) and isinstance(now, tuple):
        for each in zip_longest(was, now):
            yield from _paths(*each, path)
    elif was != now:
        yield path


def renames(old: Plan, new: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Return the new name of each LAN, and of each node, that goes on under another one.

    A LAN is known by its subnets, then by who is plugged into it; a node by its MACs, then by its
    addresses, then by the LANs that it is plugged into. What two could be is nobody.
    """
    lans: dict[str, str] = {}
    nodes: dict[str, str] = {}
    _match(lans, old.networks, new.networks, _subnets, _subnets)
    for marks in (_macs, _addresses):
        _match(nodes, old.machines, new.machines, marks, marks)
    _match(nodes, old.machines, new.machines, lambda node: _plugs(node, lans), _plugs)
    _match(
        lans,
        old.networks,
        new.networks,
        lambda lan: _members(lan, old, nodes),
        lambda lan: _members(lan, new),
    )
    return lans, nodes


def _match(
    known: dict[str, str],
    old: Iterable[_Item],
    new: Iterable[_Item],
    old_marks: Callable[[_Item], Iterable[Hashable]],
    new_marks: Callable[[_Item], Iterable[Hashable]],
) -> None:
    """Add to *known* those of *old* that are gone, and have a mark that one new item has too."""
    before, after = {item.name for item in old}, {item.name for item in new}
    gone = [item for item in old if item.name not in after and item.name not in known]
    fresh = [item for item in new if item.name not in before and item.name not in known.values()]
    olds, news = _owners(gone, old_marks), _owners(fresh, new_marks)
    for mark, owners in olds.items():
        heirs = news.get(mark, [])
        if len(owners) == len(heirs) == 1 and heirs[0] not in known.values():
            known.setdefault(owners[0], heirs[0])


def _owners(
    items: Iterable[_Item], marks: Callable[[_Item], Iterable[Hashable]]
) -> dict[Hashable, list[str]]:
    owners: dict[Hashable, list[str]] = defaultdict(list)
    for item in items:
        for mark in dict.fromkeys(marks(item)):
            owners[mark].append(item.name)
    return owners


def _subnets(lan: Network) -> Iterable[Hashable]:
    return filter(None, (lan.ipv4, lan.ipv6))


def _macs(node: Machine) -> Iterable[Hashable]:
    return (nic.mac for nic in node.nics)


def _addresses(node: Machine) -> Iterable[Hashable]:
    return ((node.role, address) for address in node.addresses())


def _plugs(node: Machine, renamed: Mapping[str, str] | None = None) -> Iterable[Hashable]:
    lans = renamed or {}
    plugs = tuple(
        (lans.get(nic.network, nic.network), nic.vlan, tuple(sub.vlan for sub in nic.trunk))
        for nic in node.nics
    )
    return ((node.role, plugs),) if plugs else ()


def _members(
    lan: Network, plan: Plan, renamed: Mapping[str, str] | None = None
) -> Iterable[Hashable]:
    nodes = renamed or {}
    members = frozenset(
        (nodes.get(node.name, node.name), nic.name)
        for node in plan.machines
        for nic in node.nics
        if nic.network == lan.name
    )
    return (members,) if members else ()
