"""What more than one part of a lab file must agree on.

A rule yields what is wrong as (path, problem, fix). Rules about numbers (subnets, addresses) are
with the plan, which knows the numbers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from labiac.errors import DescriptionError
from labiac.schema.check_rules import about_checks
from labiac.schema.cloud_init import about_cloud_init
from labiac.schema.domains import domains
from labiac.schema.fault import Fault, Names, unknown
from labiac.schema.lab import Lab, kind_of, role_of, routes_between_lans
from labiac.schema.lan import Lan
from labiac.schema.middlebox import Firewall, Ids, Middlebox
from labiac.schema.middlebox_rules import Domains, about_bridges, about_middlebox, addressed
from labiac.schema.node import IpNode, Nic, Node, is_name
from labiac.schema.scalars import NONE
from labiac.schema.source import Path, in_order
from labiac.schema.stage import Reference
from labiac.schema.stages import reached
from labiac.schema.switches import about_switches, which_switch
from labiac.schema.vary_rules import about_vary


def insist(lab: Lab) -> None:
    """Refuse a lab whose parts do not go together.

    Raises:
        DescriptionError: with every problem found.
    """
    names = Names(lab.lans, lab.nodes)
    problems = [lab.source.problem(*fault) for fault in faults(lab, names)]
    if problems:
        raise DescriptionError(in_order(problems))


def faults(lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield everything in *lab* that does not go together, in the order of the file."""
    joined = domains(lab)
    yield from about_cloud_init(("defaults", "cloud_init"), lab.defaults.cloud_init)
    for name, lan in lab.lans.items():
        yield from _lan(("lans", name), lan, lab, names)
    yield from about_switches(lab, names)
    yield from about_bridges(lab, joined)
    yield from _twice(lab)
    macs: dict[str, str] = {}
    for name, node in lab.nodes.items():
        yield from _node((kind_of(node), name), node, lab, names, joined)
        for index, nic in enumerate(node.interfaces()):
            if nic.mac and macs.setdefault(nic.mac, name) != name:
                place = (kind_of(node), name, *node.nic_path(index), "mac")
                yield place, f"{nic.mac} is also {macs[nic.mac]}'s", "give it another"
    yield from about_checks(("checks",), lab.checks, lab, names)
    yield from _stages(lab, names, joined)
    yield from about_vary(lab, names)


KINDS = {"routers": "a router", "middleboxes": "a middlebox", "pcs": "a PC"}
"""The sections of nodes, and what a node in each of them is."""


NO_ROUTERS = {"pc": "a PC", "ids": "an IDS"}
"""The roles with addresses that forward nothing."""


def _twice(lab: Lab) -> Iterator[Fault]:
    """Yield every node whose name another section has too."""
    first: dict[str, str] = {}
    for section in KINDS:
        for name in getattr(lab, section):
            other = first.setdefault(name, section)
            if other != section:
                problem = f"{name} is {KINDS[other]} too"
                yield (section, name), problem, "give each node a name of its own"


def _node(path: Path, node: Node, lab: Lab, names: Names, joined: Domains) -> Iterator[Fault]:
    if isinstance(node, IpNode):
        if not routes_between_lans(node) and node.routing not in {None, "static", "none"}:
            problem = f"{NO_ROUTERS[role_of(node)]} runs no {node.routing}"
            yield (*path, "routing"), problem, "write static or none"
        yield from _next_hops(path, node, lab, names, joined)
    yield from about_cloud_init((*path, "cloud_init"), node.cloud_init)
    if isinstance(node, Middlebox):
        yield from about_middlebox(path, node, lab, names, joined)
    for index, nic in enumerate(node.interfaces()):
        place = (*path, *node.nic_path(index))
        yield from _attachment(place, nic)
        if nic.lan is not None and nic.lan not in names.lans:
            yield unknown(_part(place, "lan"), "LAN", nic.lan, names.lans)
        elif nic.lan in lab.lans:
            yield from _vlans(place, nic, lab.lans[nic.lan])
        yield from which_switch(place, nic, lab)


def _lan(path: Path, lan: Lan, lab: Lab, names: Names) -> Iterator[Fault]:
    kind = f"a LAN of type {lan.type}"
    if lan.type == "bridged" and lan.interface is None:
        yield path, "a bridged LAN needs a physical interface", "add interface: eth0"
    if lan.type != "bridged" and lan.interface is not None:
        yield (*path, "interface"), f"{kind} has no interface", "use type: bridged"
    if lan.host is not None and lan.type not in {"host", "nat"}:
        yield (*path, "host"), f"the host has no end in {kind}", "use type: host"
    if lan.forwards and lan.type != "nat":
        yield (*path, "forwards"), f"{kind} has no port forwards", "use type: nat"
    for index, forward in enumerate(lan.forwards):
        yield from addressed((*path, "forwards", index, "to"), forward.to, lab, names)
    yield from _vlan_ids(path, lan)


def _vlan_ids(path: Path, lan: Lan) -> Iterator[Fault]:
    ids: dict[int, str] = {}
    for name, vlan in lan.vlans.items():
        if ids.setdefault(vlan.id, name) != name:
            problem = f"ID {vlan.id} is also {ids[vlan.id]}'s"
            yield (*path, "vlans", name), problem, "give each VLAN of a LAN its own ID"


def _attachment(path: Path, nic: Nic) -> Iterator[Fault]:
    if nic.attach is None and nic.lan is None:
        yield path, "this NIC leads nowhere", "add lan:, or attach: none where that is meant"
    if nic.attach == "lan" and nic.lan is None:
        yield path, "a NIC attached to a LAN must name it", "add lan:"
    if nic.attach not in {None, "lan"} and nic.lan is not None:
        problem = f"attach: {nic.attach} and lan: {nic.lan}"
        yield (*path, "attach"), problem, "leave out one of the two"
    if (nic.attach == "generic") != (nic.driver is not None):
        yield path, "attach: generic and driver: go together", "write both, or none of them"
    if nic.properties and nic.attach != "generic":
        yield (*path, "properties"), "only attach: generic has properties", "leave them out"
    if nic.forwards and nic.attach != "nat":
        yield (*path, "forwards"), "only attach: nat has port forwards", "leave them out"


def _vlans(path: Path, nic: Nic, lan: Lan) -> Iterator[Fault]:
    if nic.access is not None and nic.trunk:
        yield (*path, "access"), "a NIC is access or trunk, not both", "keep one of the two"
    if nic.native is not None and not nic.trunk:
        yield (*path, "native"), "native is for trunks", "use access instead"
    if nic.native is not None and nic.native in nic.trunk:
        problem = f"VLAN {nic.native} is both tagged and native"
        yield (*path, "native"), problem, "leave it out of the trunk"
    said = [
        ("access", nic.access),
        ("native", nic.native),
        *(("trunk", name) for name in nic.trunk),
    ]
    for key, name in said:
        if name is not None and name not in lan.vlans:
            yield unknown((*path, key), "VLAN", name, lan.vlans)


def _next_hops(
    path: Path, node: IpNode, lab: Lab, names: Names, joined: Domains
) -> Iterator[Fault]:
    said: list[tuple[Path, str]] = [
        ((*path, "routes", index, "via"), route.via) for index, route in enumerate(node.routes)
    ]
    if node.gateway not in {None, NONE}:
        said.append(((*path, "gateway"), node.gateway or ""))
    mine = _domains_of(node, joined)
    for place, via in said:
        if not is_name(via):
            yield from _address(place, via)
        elif (wrong := next(addressed(place, via, lab, names), None)) is not None:
            yield wrong
        elif via in lab.nodes and not mine & _domains_of(lab.nodes[via], joined):
            yield place, f"{via} has no LAN in common with {path[-1]}", "name a neighbour"


def _domains_of(node: Node, joined: Domains) -> set[tuple[str, ...]]:
    return {joined[lan] for nic in node.interfaces() if (lan := nic.lan or "") in joined}


def _stages(lab: Lab, names: Names, joined: Domains) -> Iterator[Fault]:
    """Yield what is wrong with the stages of *lab*: their checks, and the nodes they lead to."""
    seen: set[str] = set()
    for index, stage in enumerate(lab.stages):
        path: Path = ("stages", index)
        if stage.name in seen:
            problem = f"an earlier stage is called {stage.name} too"
            yield (*path, "name"), problem, "give each stage a name of its own"
        seen.add(stage.name)
        yield from about_checks((*path, "checks"), stage.checks, lab, names)
        wrong = [
            fault
            for name, reference in stage.reference.items()
            for fault in _reference((*path, "reference", name), reference, lab, names)
        ]
        yield from wrong
        if wrong:
            return  # what follows builds on it
        done = reached(lab, stage.name)
        for name in stage.reference:
            node, place = done.nodes[name], (*path, "reference", name)
            if isinstance(node, IpNode):
                yield from _next_hops(place, node, done, names, joined)
            if isinstance(node, (Firewall, Ids)):
                yield from about_middlebox(place, node, done, names, joined)


def _reference(path: Path, reference: Reference, lab: Lab, names: Names) -> Iterator[Fault]:
    name = str(path[-1])
    if name not in lab.nodes:
        if name not in names.nodes:
            yield unknown(path, "node", name, names.nodes)
        return
    node = lab.nodes[name]
    for key in sorted(reference.model_fields_set - {"addresses"}):
        if key not in type(node).model_fields:
            yield (*path, key), f"{name} has no {key}", "leave it out"
    there = [nic.lan for nic in node.interfaces() if nic.lan]
    for lan in reference.addresses:
        if lan not in there:
            fix = f"it is in {', '.join(there) or 'none'}"
            yield (*path, "addresses", lan), f"{name} has no NIC in {lan}", fix


def _address(path: Path, text: str) -> Iterator[Fault]:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        yield path, f"{text!r} is neither an address nor a node", "write 10.0.1.1 or r1"


def _part(path: Path, key: str) -> Path:
    # In `lans: [lan1, lan2]` the element itself is the name.
    return path if len(path) > 1 and path[-2:-1] == ("lans",) else (*path, key)
