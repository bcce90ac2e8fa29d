"""What a change of a lab does to who reaches whom: for good, and while it happens.

While it happens is worked out from the model, change by change: with what restarts or is made anew
down, or, where all stays up, half-way: this item changed and the others not yet, and the reverse.
In which order an engine works is nobody's promise. What is created or deleted disturbs nobody for
a time: it comes first or goes last, and whatever that changes is for good.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain, islice, product
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import BITS, Prefix
from labiac.plan.model import SWITCHING, Machine, Network
from labiac.reach.conversation import exchange
from labiac.reach.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
        self._names = {now: was for was, now in renamed.items()}
        self._translated = any(each.translation for each in (*old.machines, *new.machines))
        self._before, self._after = _Asked(old, self._names), _Asked(new, {})
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
        nodes = filter(None, (self._before.node(now.name), self._after.node(now.name)))
        own = {(v, held.value) for node in nodes for v in BITS for _, held in node.addresses(v)}
        return self._readdressed(now.name) and all(len(self._owners[each]) == 1 for each in own)

    def _concerned(self, was: Item, now: Item, effect: str) -> list[tuple[int, int]]:
        """Return those of the lasting pairs of groups that the change can silence.

        Routes alone concern who has an address that they lead to. A NAT has its own in between.
        """
        prefixes = _rerouted(was, now) if effect == "live" and not self._translated else None
        if prefixes is None:
            return self._lasting
        near = [any(self._in_one_of(prefixes, name) for name in names) for names in self._groups]
        return [
            (source, target) for source, target in self._lasting if near[source] or near[target]
        ]

    def _in_one_of(self, prefixes: Iterable[Prefix], name: str) -> bool:
        """Return whether a node has, or had, an address in one of *prefixes*."""
        nodes = filter(None, (asked.node(name) for asked in (self._before, self._after)))
        return any(
            address.value in prefix
            for node in nodes
            for prefix in prefixes
            for _, address in node.addresses(prefix.version)
        )

    def _silent(self, state: _Asked, lasting: Sequence[tuple[int, int]]) -> set[Ends]:
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

    def _midway(self, was: Item, now: Item, effect: str) -> Iterator[_Asked]:
        """Yield the states on the way."""
        if effect == "live":
            yield _Asked(_with(self._old, _recabled(was, now)), self._names)
            yield _Asked(_with(self._new, was), {})
        else:
            yield _Asked(down(self._old, was), self._names)
            yield _Asked(down(self._new, now), {})

    def _readdressed(self, name: str) -> bool:
        """Return whether a node is known by another address than before."""
        was, now = self._before.node(name), self._after.node(name)
        return was is not None and now is not None and _known_by(was) != _known_by(now)


class _Asked:
    """A plan that is asked who reaches whom, by the nodes' new names."""

    def __init__(self, plan: Plan, names: Mapping[str, str]) -> None:
        self._judge = Judge(plan)
        self._names = names
        self.nodes = {node.name: node for node in self._judge.nodes}

    def node(self, name: str) -> Node | None:
        return self.nodes.get(self._old(name))

    def _old(self, name: str) -> str:
        return self._names.get(name, name)

    def kind(self, name: str) -> int | None:
        """Return what *name* has in common with those that others reach alike, or not."""
        node = self.node(name)
        return self._judge.kind(node) if node else None

    def answers(self, ends: Ends) -> bool:
        source, target = map(self.node, ends)
        return bool(source and target and self._judge.judgement(source, target).ok)

    def owners(self) -> Iterator[tuple[tuple[int, int], str]]:
        """Yield each address, with its IP version, and who has it, by the name in the plan."""
        for version, plane in self._judge.planes.items():
            for value, ports in plane.owners.items():
                yield from (((version, value), plane.nodes[port.node].name) for port in ports)

    def hidden(self, ends: Ends, nat: str) -> list[int]:
        """Return the addresses that *nat* gives the questions of *ends*."""
        source, target = map(self.node, ends)
        if source is None or target is None:
            return []
        return [
            act.source
            for plane, asked in self._judge.questions(source, target)
            for way in exchange(plane, source, target, asked).there
            for act in way.acts
            if act.source is not None and plane.nodes[way.at(act.hop)].name == self._old(nat)
        ]

    def reason(self, ends: Ends) -> str:
        """Return why *ends* do not reach each other; empty when they do."""
        source, target = map(self.node, ends)
        if source is None or target is None:
            return f"{ends[0] if source is None else ends[1]} is gone"
        judgement = self._judge.judgement(source, target)
        return "" if judgement.ok else self._judge.reason(judgement, source, target)


def _owners(*plans: tuple[_Asked, Mapping[str, str]]) -> Mapping[tuple[int, int], set[str]]:
    """Return who has each address, with its IP version, in one of *plans* or another.

    By the new name of each node, which a plan may call otherwise.
    """
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    for asked, renamed in plans:
        for address, name in asked.owners():
            found[address].add(renamed.get(name, name))
    return found


def _alike(names: Iterable[str], *asked: _Asked) -> list[list[str]]:
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
