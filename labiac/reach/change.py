"""What a change of a lab does to who reaches whom: for good, and while it happens.

While it happens is worked out from the model, change by change: with what restarts or is made anew
down, or, where all stays up, half-way: this item changed and the others not yet, and the reverse.
In which order an engine works is nobody's promise. What is created or deleted disturbs nobody for
a time: it comes first or goes last, and whatever that changes is for good.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice, product
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS, Prefix
from labiac.plan.model import SWITCHING, Machine, Network
from labiac.reach.asked import Asked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from labiac.plan.diff import Change
    from labiac.plan.model import Item, Nic, Plan
    from labiac.reach.fabric import Node
    from labiac.reach.matrix import Ends


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
        self._renamed = renamed
        self._names = {now: was for was, now in renamed.items()}
        self._translated = any(each.translation for each in (*old.machines, *new.machines)) or any(
            each.type == "nat" for each in (*old.networks, *new.networks)
        )
        self._before, self._after = Asked(old, self._names), Asked(new, {})
        # Who became a router is asked too: that others reach it is no news of its role.
        wanted = {*new.end_nodes, *(renamed.get(name, name) for name in old.end_nodes)}
        known = [*self._after.nodes, *(renamed.get(name, name) for name in self._before.nodes)]
        names = [name for name in dict.fromkeys(known) if name in wanted]
        self._places = {name: place for place, name in enumerate(names)}
        self._groups = _alike(names, self._before, self._after)
        self._group = {name: at for at, names in enumerate(self._groups) for name in names}
        self._owners = _owners((self._before, renamed), (self._after, {}))
        self._lasting: list[tuple[int, int]] = []
        turned: list[Turned] = []
        for source, target in product(range(len(self._groups)), repeat=2):
            sources, targets = self._groups[source], self._groups[target]
            for ends in islice(_pairs(sources, targets), 1):
                was, now = self._before.answers(ends), self._after.answers(ends)
                if was != now:
                    pairs = _pairs(sources, targets)
                    turned += (Turned(*each, was, now, self._after.reason(each)) for each in pairs)
                elif now:
                    self._lasting.append((source, target))
        self._of_group: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for pair in self._lasting:
            for at in {*pair}:
                self._of_group[at].append(pair)
        self._turned = sorted(turned, key=lambda each: self._place(each[:2]))

    def turned(self) -> tuple[Turned, ...]:
        """Return the pairs whose reachability changes for good, in the order of the new plan."""
        return tuple(self._turned)

    def disturbs(self, change: Change) -> tuple[Ends, ...]:
        """Return the pairs that reach each other before and after, and not all the while.

        A connection does not outlive the address that it was made to, or from: a node with
        another one is disturbed, however short that takes, and so is who is hidden otherwise.
        """
        was, now = change.was, change.now
        if not isinstance(was, Machine | Network) or not isinstance(now, Machine | Network):
            return ()
        if change.effect == "live" and _carries(was) == _carries(now):
            return ()
        if self._is_its_own(was, now, change.effect):
            return tuple(sorted(self._lasting_of(now.name), key=self._place))
        away = change.effect != "live" or self._is_elsewhere(was, now)
        if away and self._is_missed(was, now):
            through = chain.from_iterable(map(self._pairs_of, self._through[now.name]))
            return tuple(sorted({*through, *self._lasting_of(now.name)}, key=self._place))
        silent: set[Ends] = set()
        concerned = self._concerned(was, now, change.effect)
        for state in self._midway(was, now, change.effect) if concerned else ():
            silent |= self._silent(state, concerned)
        if isinstance(now, Machine) and self._readdressed(now.name):
            silent |= self._lasting_of(now.name)
        if any(isinstance(each, Machine) and each.translation for each in (was, now)):
            silent |= self._heard_otherwise(now.name)
        return tuple(sorted(silent, key=self._place))

    def _is_its_own(self, was: Item, now: Item, effect: str) -> bool:
        """Return whether the change silences all pairs of one node, and no others, for certain.

        No packet goes through that node. It is down meanwhile, or another address is its own and
        was nobody's: of most nodes of a large lab that is so, and nothing has to be walked.
        """
        if not isinstance(was, Machine) or not isinstance(now, Machine):
            return False
        if not (_is_end(was) and _is_end(now)):
            return False
        if effect != "live":
            return True
        return self._readdressed(now.name) and self._owns_its_addresses(now.name)

    def _owns_its_addresses(self, name: str) -> bool:
        """Return whether nobody else has, or had, an address that a node has, or had."""
        nodes = filter(None, (self._before.node(name), self._after.node(name)))
        own = set().union(*map(_held, nodes))
        return all(len(self._owners[each]) == 1 for each in own)

    def _concerned(self, was: Item, now: Item, effect: str) -> Collection[tuple[int, int]]:
        """Return those of the lasting pairs of groups that the change can silence.

        Routes alone concern who has an address that they lead to. A NAT has its own in between.
        """
        prefixes = _rerouted(was, now) if effect == "live" and not self._translated else None
        if prefixes is None and self._leaves_others(was, now, effect):
            own = self._of_group.get(self._group.get(now.name, -1), ())
            return {*own, *self._through[now.name]}
        if prefixes is None:
            return self._lasting
        near = [any(self._in_one_of(prefixes, name) for name in names) for names in self._groups]
        return [
            (source, target) for source, target in self._lasting if near[source] or near[target]
        ]

    def _leaves_others(self, was: Item, now: Item, effect: str) -> bool:
        """Return whether the change silences nobody but who goes through that node, or to it.

        What it has in the meantime is its own, so that nobody takes it for another. In IPv6 a
        host passes over a next hop that is silent, and back to it when that is there.
        """
        if not isinstance(was, Machine) or not isinstance(now, Machine):
            return False
        if any(each.switch or each.role in SWITCHING for each in (was, now)):
            return False
        if effect == "live" and (self._before.has_ipv6 or self._after.has_ipv6):
            return False
        return self._owns_its_addresses(now.name)

    def _is_elsewhere(self, was: Item, now: Item) -> bool:
        """Return whether a node keeps none of its addresses: no next hop leads to it meanwhile.

        A NAT is left out: others go by addresses of it that are no next hop.
        """
        if any(isinstance(each, Network) or each.translation for each in (was, now)):
            return False
        nodes = self._before.node(now.name), self._after.node(now.name)
        before, after = (_held(node) if node else set() for node in nodes)
        return not before & after

    def _is_missed(self, was: Item, now: Item) -> bool:
        """Return whether all who go through a node that is not there are silent, for certain."""
        ipv6 = self._before.has_ipv6 or self._after.has_ipv6
        return not ipv6 and self._leaves_others(was, now, "down")

    def _pairs_of(self, groups: tuple[int, int]) -> Iterator[Ends]:
        """Return the pairs of two groups."""
        source, target = groups
        return _pairs(self._groups[source], self._groups[target])

    @cached_property
    def _through(self) -> Mapping[str, set[tuple[int, int]]]:
        """Of each node, the lasting pairs of groups that go through it, before or after."""
        found: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for source, target in self._lasting:
            for ends in islice(_pairs(self._groups[source], self._groups[target]), 1):
                before = self._before.between(ends)
                for name in (
                    *(self._renamed.get(each, each) for each in before),
                    *self._after.between(ends),
                ):
                    found[name].add((source, target))
        return found

    def _in_one_of(self, prefixes: Iterable[Prefix], name: str) -> bool:
        """Return whether a node has, or had, an address in one of *prefixes*."""
        nodes = filter(None, (asked.node(name) for asked in (self._before, self._after)))
        return any(
            address.value in prefix
            for node in nodes
            for prefix in prefixes
            for _, address in node.addresses(prefix.version)
        )

    def _silent(self, state: Asked, lasting: Collection[tuple[int, int]]) -> set[Ends]:
        """Return those of the *lasting* pairs that do not reach each other in *state*."""
        parts = {
            place: _alike(self._groups[place], state) for place in set(chain.from_iterable(lasting))
        }
        return {
            ends
            for source, target in lasting
            for sources, targets in product(parts[source], parts[target])
            for asked in islice(_pairs(sources, targets), 1)
            if not state.answers(asked)
            for ends in _pairs(sources, targets)
        }

    def _lasting_of(self, name: str) -> set[Ends]:
        """Return the lasting pairs that node *name* is an end of."""
        at = self._group.get(name, -1)
        pairs = self._of_group.get(at, ())
        to = (other for source, target in pairs if source == at for other in self._groups[target])
        of = (other for source, target in pairs if target == at for other in self._groups[source])
        found = {(name, other) for other in to} | {(other, name) for other in of}
        return found - {(name, name)}

    def _heard_otherwise(self, name: str) -> set[Ends]:
        """Return the lasting pairs whose source NAT *name* hides otherwise than before."""
        return {
            ends
            for source, target in self._lasting
            for asked in islice(_pairs(self._groups[source], self._groups[target]), 1)
            if self._before.hidden(asked, name) != self._after.hidden(asked, name)
            for ends in _pairs(self._groups[source], self._groups[target])
        }

    def _place(self, ends: Ends) -> tuple[int, int]:
        source, target = ends
        return self._places[source], self._places[target]

    def _midway(self, was: Item, now: Item, effect: str) -> Iterator[Asked]:
        """Yield the states on the way."""
        if effect == "live":
            yield Asked(_with(self._old, _recabled(was, now)), self._names)
            yield Asked(_with(self._new, was), {})
        else:
            yield Asked(down(self._old, was), self._names)
            yield Asked(down(self._new, now), {})

    def _readdressed(self, name: str) -> bool:
        """Return whether a node is known by another address than before."""
        was, now = self._before.node(name), self._after.node(name)
        return was is not None and now is not None and _known_by(was) != _known_by(now)


def _owners(*plans: tuple[Asked, Mapping[str, str]]) -> Mapping[tuple[int, int], set[str]]:
    """Return who has each address, with its IP version, in one of *plans* or another.

    By the new name of each node, which a plan may call otherwise.
    """
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    for asked, renamed in plans:
        for address, name in asked.owners():
            found[address].add(renamed.get(name, name))
    return found


def _alike(names: Iterable[str], *asked: Asked) -> list[list[str]]:
    """Return *names* in groups: those in one are reached, and reach others, alike."""
    groups: dict[tuple[int | None, ...], list[str]] = {}
    for name in names:
        groups.setdefault(tuple(each.kind(name) for each in asked), []).append(name)
    return list(groups.values())


def _pairs(sources: Iterable[str], targets: Iterable[str]) -> Iterator[Ends]:
    return (ends for ends in product(sources, targets) if ends[0] != ends[1])


def _is_end(machine: Machine) -> bool:
    """Return whether no packet of others goes through *machine*."""
    through = machine.forwards or machine.switch or machine.translation
    return not through and machine.role not in SWITCHING


def _held(node: Node) -> set[tuple[int, int]]:
    """Return the addresses of *node*, each with its IP version."""
    return {(version, held.value) for version in BITS for _, held in node.addresses(version)}


def _known_by(node: Node) -> list[int | None]:
    primaries = (node.primary(version) for version in BITS)
    return [address.value if address else None for address in primaries]


def _carries(item: Item) -> tuple[object, ...]:
    """Return what of *item* packets depend on."""
    if isinstance(item, Machine):
        filters = item.policy, item.translation, item.switch
        return item.nics, item.routes, item.forwards, item.routing, item.role, *filters
    return item.vlans, item.host_addresses, item.host_routes, item.routes, item.type


def _rerouted(was: Item, now: Item) -> list[Prefix] | None:
    """Return where the routes lead that only one of two machines has.

    None where more than routes differ, or where one of them leads to a next hop of another: that
    decides what becomes of the other.
    """
    if not isinstance(was, Machine) or not isinstance(now, Machine) or was.name != now.name:
        return None
    if _carries(replace(was, routes=now.routes)) != _carries(now):
        return None
    prefixes = [Prefix.parse(route.to) for route in {*was.routes} ^ {*now.routes}]
    hops = {route.via for route in (*was.routes, *now.routes)}
    if any(_holds(prefix, hop) for prefix in prefixes for hop in hops):
        return None
    return prefixes


def _holds(prefix: Prefix, hop: str) -> bool:
    """Return whether next hop *hop*, an address or an interface, is in *prefix*."""
    there = Prefix.parse(hop) if hop[0].isdigit() or ":" in hop else None
    return there is not None and there.version == prefix.version and there.first in prefix


def _with(plan: Plan, item: Item) -> Plan:
    """Return *plan* with *item* for the one of its name."""
    if isinstance(item, Machine):
        machines = (item if each.name == item.name else each for each in plan.machines)
        return replace(plan, machines=tuple(machines))
    networks = (item if each.name == item.name else each for each in plan.networks)
    return replace(plan, networks=tuple(networks))


def down(plan: Plan, item: Item) -> Plan:
    """Return *plan* while *item* is down: its cables are out."""
    if isinstance(item, Machine):
        return _with(plan, _unplugged(item, item.nics))
    machines = tuple(
        _unplugged(each, [nic for nic in each.nics if nic.network == item.name])
        for each in plan.machines
    )
    return _with(replace(plan, machines=machines), replace(item, host_addresses=()))


def _recabled(was: Item, now: Item) -> Item:
    """Return *now* while those of its cables are out that led elsewhere in *was*.

    Of two NICs in a LAN either may answer for the other: where one leaves, so do the rest.
    """
    if not isinstance(was, Machine) or not isinstance(now, Machine):
        return now
    before, after = ({nic.name: _cable(nic) for nic in each.nics} for each in (was, now))
    moved = {name for name in before | after if before.get(name) != after.get(name)}
    left = {nic.network for nic in was.nics if nic.name in moved and nic.network}
    out = [nic for nic in now.nics if nic.name in moved or nic.network in left]
    return _unplugged(now, out)


def _cable(nic: Nic) -> tuple[object, ...]:
    tags = tuple((sub.name, sub.vlan, sub.id) for sub in nic.trunk)
    ends = nic.attach, nic.network, nic.driver, nic.properties
    return nic.mac, ends, nic.vlan, nic.native, tags, nic.connected


def _unplugged(machine: Machine, nics: Sequence[Nic]) -> Machine:
    out = (replace(nic, connected=False) if nic in nics else nic for nic in machine.nics)
    return replace(machine, nics=tuple(out))
