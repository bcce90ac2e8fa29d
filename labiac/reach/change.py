"""What a change of a lab does to who reaches whom: for good, and while it happens.

While it happens is worked out from the model, change by change: with what restarts or is made anew
down, or, where all stays up, half-way: this item changed and the others not yet, and the reverse.
In which order an engine works is nobody's promise. What is created or deleted disturbs nobody for
a time: it comes first or goes last, and whatever that changes is for good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS
from labiac.plan.model import Machine, Network
from labiac.reach.matrix import matrix
from labiac.reach.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labiac.plan.diff import Change
    from labiac.plan.model import Item, Nic, Plan
    from labiac.reach.fabric import Node
    from labiac.reach.matrix import Ends, Pair


class Turned(NamedTuple):
    """A pair whose reachability changes for good; a renamed node has its new name.

    Args:
        source: Name of the node that asks.
        target: Name of the node that shall answer.
        was: Whether it was answered.
        now: Whether it will be.
        reason: Why not; empty when it will be.
    """

    source: str
    target: str
    was: bool
    now: bool
    reason: str


class Passage:
    """The way from one plan to another, by *changes*, which are all that differs."""

    def __init__(self, old: Plan, new: Plan, changes: Sequence[Change]) -> None:
        self._old, self._new = old, new
        renamed = {
            change.was.name: change.now.name
            for change in changes
            if isinstance(change.was, Machine) and isinstance(change.now, Machine)
        }
        self._names = {now: was for was, now in renamed.items()}
        # Who became a router is asked too: that others reach it is no news of its role.
        ends = {*(renamed.get(name, name) for name in old.end_nodes), *new.end_nodes}
        self._before = _asked(old, renamed, ends)
        self._after = _asked(new, {}, ends)
        self._lasting = [
            ends
            for ends, pair in self._after.items()
            if pair.ok and ends in self._before and self._before[ends].ok
        ]
        self._moved = self._readdressed()

    def turned(self) -> tuple[Turned, ...]:
        """Return the pairs whose reachability changes for good, in the order of the new plan."""
        there = {name for ends in self._after for name in ends}
        found = []
        for ends in dict.fromkeys((*self._after, *self._before)):
            before, after = self._before.get(ends), self._after.get(ends)
            was, now = before is not None and before.ok, after is not None and after.ok
            if was != now:
                gone = next((name for name in ends if name not in there), "")
                reason = after.reason if after else f"{gone} is gone"
                found.append(Turned(*ends, was, now, reason))
        return tuple(found)

    def disturbs(self, change: Change) -> tuple[Ends, ...]:
        """Return the pairs that reach each other before and after, and not all the while.

        A connection does not outlive the address that it was made to: a node with another one
        is disturbed, however short that takes.
        """
        was, now = change.was, change.now
        if not isinstance(was, Machine | Network) or not isinstance(now, Machine | Network):
            return ()
        if change.effect == "live" and _carries(was) == _carries(now):
            return ()
        asked = self._lasting
        if isinstance(now, Machine) and not (now.forwards or was.forwards):
            asked = [ends for ends in asked if now.name in ends]
        states = [(Judge(plan), names) for plan, names in self._midway(was, now, change.effect)]
        moved = now.name if now.name in self._moved and isinstance(now, Machine) else None
        return tuple(
            ends
            for ends in asked
            if moved in ends or not all(_answers(judge, names, ends) for judge, names in states)
        )

    def _midway(
        self, was: Item, now: Item, effect: str
    ) -> Iterator[tuple[Plan, Mapping[str, str]]]:
        """Yield the states on the way, each with the names that differ in it."""
        if effect == "live":
            yield _with(self._old, _recabled(was, now)), self._names
            yield _with(self._new, was), {}
        else:
            yield _without(self._old, was), self._names
            yield _without(self._new, now), {}

    def _readdressed(self) -> set[str]:
        """Return the nodes that are known by another address than before."""
        old, new = Judge(self._old), Judge(self._new)
        there = {machine.name for machine in self._old.machines}
        both = ((node, self._names.get(node.name, node.name)) for node in new.nodes)
        return {
            node.name
            for node, was in both
            if was in there and _known_by(old.node(was)) != _known_by(node)
        }


def _asked(plan: Plan, renamed: Mapping[str, str], ends: set[str]) -> dict[Ends, Pair]:
    """Return the pairs between *ends*, by their new names."""
    pairs = matrix(plan, all_nodes=True)
    named = ((tuple(renamed.get(name, name) for name in pair.ends), pair) for pair in pairs)
    return {(source, target): pair for (source, target), pair in named if {source, target} <= ends}


def _answers(judge: Judge, names: Mapping[str, str], ends: Ends) -> bool:
    source, target = (judge.node(names.get(name, name)) for name in ends)
    return judge.verdict(source, target).ok


def _known_by(node: Node) -> list[int | None]:
    primaries = (node.primary(version) for version in BITS)
    return [address.value if address else None for address in primaries]


def _carries(item: Item) -> tuple[object, ...]:
    """Return what of *item* packets depend on."""
    if isinstance(item, Machine):
        return item.nics, item.routes, item.forwards, item.routing
    return (item,)


def _with(plan: Plan, item: Item) -> Plan:
    """Return *plan* with *item* for the one of its name."""
    if isinstance(item, Machine):
        machines = (item if each.name == item.name else each for each in plan.machines)
        return replace(plan, machines=tuple(machines))
    networks = (item if each.name == item.name else each for each in plan.networks)
    return replace(plan, networks=tuple(networks))


def _without(plan: Plan, item: Item) -> Plan:
    """Return *plan* while *item* is down: its cables are out."""
    if isinstance(item, Machine):
        return _with(plan, _unplugged(item, item.nics))
    machines = tuple(
        _unplugged(each, [nic for nic in each.nics if nic.network == item.name])
        for each in plan.machines
    )
    return _with(replace(plan, machines=machines), replace(item, host_addresses=()))


def _recabled(was: Item, now: Item) -> Item:
    """Return *now* while those of its cables are out that led elsewhere in *was*."""
    if not isinstance(was, Machine) or not isinstance(now, Machine):
        return now
    before = {nic.name: _cable(nic) for nic in was.nics}
    return _unplugged(now, [nic for nic in now.nics if before.get(nic.name) != _cable(nic)])


def _cable(nic: Nic) -> tuple[object, ...]:
    tags = tuple((sub.name, sub.vlan, sub.id) for sub in nic.trunk)
    ends = nic.attach, nic.network, nic.driver, nic.properties
    return nic.mac, ends, nic.vlan, nic.native, tags, nic.connected


def _unplugged(machine: Machine, nics: Sequence[Nic]) -> Machine:
    out = (replace(nic, connected=False) if nic in nics else nic for nic in machine.nics)
    return replace(machine, nics=tuple(out))
