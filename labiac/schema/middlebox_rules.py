"""What a middlebox and the rest of the lab file must agree on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping

from labiac.schema.domains import bridges
from labiac.schema.fault import Fault, Names, unknown
from labiac.schema.lab import Lab
from labiac.schema.middlebox import Bridge, Firewall, Ids, Middlebox, Nat, Rule, listens, mute
from labiac.schema.node import Impair, Nic, is_name
from labiac.schema.source import Path

Domains = Mapping[str, tuple[str, ...]]
"""Of each LAN, the LANs of its broadcast domain."""
Vertex = tuple[str, str]
"""A LAN or a bridge, and its name."""

PORTS_OF_A_BRIDGE = 2
"""With fewer, it joins nothing."""


def about_middlebox(
    path: Path, node: Middlebox, lab: Lab, names: Names, joined: Domains
) -> Iterator[Fault]:
    """Yield what does not go together with the rest of *lab* in the middlebox at *path*."""
    if isinstance(node, Firewall):
        yield from _firewall(path, node, lab, names)
    elif isinstance(node, Nat):
        yield from _nat(path, node, lab, names, joined)
    elif isinstance(node, Ids):
        yield from _ids(path, node, lab)
    else:
        yield from _bridge(path, node, lab)


def addressed(path: Path, name: str, lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with *name* where the file wants a node that has an address."""
    if name not in names.nodes:
        yield unknown(path, "node", name, names.nodes)
    elif why := mute(lab.nodes.get(name)):
        yield path, f"{name} {why}: it has no address", "name a node that has one"


def _firewall(path: Path, firewall: Firewall, lab: Lab, names: Names) -> Iterator[Fault]:
    for index, rule in enumerate(firewall.rules):
        yield from about_rule((*path, "rules", index), rule, lab, names)


def about_rule(path: Path, rule: Rule, lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with the names in the *rule* at *path*."""
    for key, places in (("from", rule.source), ("to", rule.target)):
        for place in filter(is_name, places or ()):
            yield from _place((*path, key), place, lab, names)


def _place(path: Path, place: str, lab: Lab, names: Names) -> Iterator[Fault]:
    if place not in names.lans:
        known = [*names.lans, *names.nodes]
        if place in names.nodes:
            yield from addressed(path, place, lab, names)
        else:
            yield unknown(path, "LAN or node", place, known)
    elif place in names.nodes:
        problem = f"{place} is a LAN and a node"
        yield path, problem, "write the address or the prefix, or call one of them otherwise"


def _nat(path: Path, nat: Nat, lab: Lab, names: Names, joined: Domains) -> Iterator[Fault]:
    yield from _outside(path, nat, joined)
    ports: set[tuple[str, int]] = set()
    for index, forward in enumerate(nat.forwards):
        place = (*path, "forwards", index)
        yield from addressed((*place, "to"), forward.to, lab, names)
        port = (forward.protocol, forward.port)
        if port in ports:
            problem = f"{forward.protocol} port {forward.port} is forwarded already"
            yield (*place, "port"), problem, "take another port"
        ports.add(port)


def _outside(path: Path, nat: Nat, joined: Domains) -> Iterator[Fault]:
    place = (*path, "outside")
    mine = [nic.lan for nic in nat.interfaces() if nic.lan]
    domain = joined.get(nat.outside, (nat.outside,))
    inside = [lan for lan in mine if lan != nat.outside]
    bridged = [lan for lan in inside if lan in domain]
    if nat.outside not in mine:
        yield unknown(place, f"LAN of {path[-1]}", nat.outside, mine)
    elif mine.count(nat.outside) > 1:
        problem = f"{path[-1]} has more than one NIC in {nat.outside}"
        yield place, problem, "leave it one NIC there: it is the way out"
    elif any(nic.trunk for nic in nat.interfaces() if nic.lan == nat.outside):
        problem = f"its NIC in {nat.outside} is a trunk"
        yield place, problem, "give the way out a NIC of its own"
    elif bridged:
        problem = f"a bridge joins {nat.outside} and {bridged[0]}: inside and outside are one LAN"
        yield place, problem, "take one of the two out of the bridge"
    elif not inside:
        problem = f"{path[-1]} has no LAN inside"
        yield path, problem, f"add the LAN that it hides to its lans, beside {nat.outside}"


def _bridge(path: Path, bridge: Bridge, lab: Lab) -> Iterator[Fault]:
    nics = bridge.interfaces()
    if len(nics) < PORTS_OF_A_BRIDGE:
        yield path, "a bridge of fewer than two NICs joins nothing", "write lans: [left, right]"
    for index, nic in enumerate(nics):
        yield from _port((*path, *bridge.nic_path(index)), nic, lab)


def _port(path: Path, nic: Nic, lab: Lab) -> Iterator[Fault]:
    for version, said in ((4, nic.ipv4), (6, nic.ipv6)):
        if said:
            yield (*path, f"ipv{version}"), "a bridge has no addresses", "leave it out"
    if nic.attach not in {None, "lan"}:
        yield (*path, "attach"), "a bridge joins LANs, and this NIC has none", "name its LAN"
    if nic.lan in lab.lans and lab.lans[nic.lan].vlans:
        problem = f"{nic.lan} carries VLANs, and bridges here know none"
        yield path, problem, "join its VLANs by a router with a trunk, or make each a LAN"


def _ids(path: Path, ids: Ids, lab: Lab) -> Iterator[Fault]:
    nics = ids.interfaces()
    mine = [nic.lan for nic in nics if nic.lan]
    for index, name in enumerate(ids.watches):
        place = (*path, "watches", index)
        if name not in mine:
            yield unknown(place, f"LAN of {path[-1]}", name, mine)
        elif name in ids.watches[:index]:
            yield place, f"it watches {name} already", "name it once"
        elif mine.count(name) > 1:
            problem = f"{path[-1]} has more than one NIC in {name}, and would hear all of it twice"
            yield place, problem, "leave it one NIC there"
        elif name in lab.lans and lab.lans[name].vlans:
            problem = f"{name} carries VLANs, and a copy of a frame would not say of which it is"
            yield place, problem, "watch a LAN without VLANs, or make each VLAN a LAN"
    for index, nic in enumerate(nics):
        if listens(ids, nic):
            yield from _ear((*path, *ids.nic_path(index)), nic)


def _ear(path: Path, nic: Nic) -> Iterator[Fault]:
    """Yield what the NIC at *path*, which only listens, cannot have."""
    for key in ("ipv4", "ipv6"):
        if getattr(nic, key):
            problem = f"it watches {nic.lan}, and a NIC that listens has no addresses"
            yield (*path, key), problem, "leave it out, and reach it by a NIC in another LAN"
    if nic.impair != Impair():
        problem = f"it watches {nic.lan}, and a NIC that listens sends nothing to impair"
        yield (*path, "impair"), problem, "leave it out, or impair the NICs of those who send"


def about_bridges(lab: Lab, joined: Domains) -> Iterator[Fault]:
    """Yield what is wrong with the LANs that bridges join: a loop, the host in one twice."""
    yield from _loops(lab)
    for domain in dict.fromkeys(joined.values()):
        first, *others = [lan for lan in domain if lab.lans[lan].type != "internal"] or [""]
        for other in others:
            said = f"{first} is of type {lab.lans[first].type}, and a bridge joins the two"
            fix = "make one of them internal: the host would be in one LAN twice"
            yield ("lans", other, "type"), said, fix


def _loops(lab: Lab) -> Iterator[Fault]:
    tree: dict[Vertex, list[Vertex]] = defaultdict(list)
    for name, bridge in bridges(lab):
        for index, nic in enumerate(bridge.interfaces()):
            if nic.lan in lab.lans:
                here, there = ("bridge", name), ("LAN", nic.lan)
                loop = _way(tree, here, there)
                if loop:
                    place = ("middleboxes", name, *bridge.nic_path(index))
                    fix = f"take {name} out of {nic.lan}: bridges run no spanning tree"
                    yield place, f"an L2 loop: {_round(loop)}", fix
                else:
                    tree[here].append(there)
                    tree[there].append(here)


def _way(tree: Mapping[Vertex, list[Vertex]], start: Vertex, end: Vertex) -> list[Vertex]:
    """Return the way from *start* to *end*, both included, or nothing where there is none."""
    came: dict[Vertex, Vertex] = {start: start}
    queue = deque([start])
    while queue and end not in came:
        here = queue.popleft()
        for there in tree.get(here, ()):
            if there not in came:
                came[there] = here
                queue.append(there)
    way = [end] if end in came else []
    while way and way[-1] != start:
        way.append(came[way[-1]])
    return way


def _round(loop: Iterable[Vertex]) -> str:
    """Return who makes a loop, in words: ``br1 and br2 both join left and right``."""
    names = sorted(loop)
    lans, joins = ([name for kind, name in names if kind == each] for each in ("LAN", "bridge"))
    if len(lans) == 1:
        return f"{joins[0]} has two NICs in {lans[0]}"
    said = f"{' and '.join(joins)} both join {' and '.join(lans)}"
    more = len(lans) > PORTS_OF_A_BRIDGE
    return f"{', '.join(joins)} join {', '.join(lans)} in a circle" if more else said
