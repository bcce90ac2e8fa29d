"""What a lab's variation must agree on with the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator

from labiac.schema.fault import Fault, Names, unknown
from labiac.schema.lab import Lab
from labiac.schema.middlebox import Firewall, mute
from labiac.schema.middlebox_rules import about_rule
from labiac.schema.source import Path
from labiac.schema.vary import DEFAULT, FirewallRule, MissingRoute, PlantedFault, Vary


def about_vary(lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with the names in the variation of *lab*."""
    if lab.vary is None:
        return
    yield from _names(lab.vary, names)
    for index, link in enumerate(lab.vary.links):
        yield from _place(("vary", "links", index), link.node, link.lan, lab, names)
    for index, fault in enumerate(lab.vary.faults):
        yield from _fault(("vary", "faults", index, fault.kind), fault, lab, names)


def _names(vary: Vary, names: Names) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for node, choices in vary.names.items():
        path = ("vary", "names", node)
        if node not in names.nodes:
            yield unknown(path, "node", node, names.nodes)
        elif node in names.lans:
            yield path, f"{node} is a LAN too", "call one of the two otherwise"
        for index, choice in enumerate(choices):
            other = first.setdefault(choice, node)
            if choice != node and choice in names.nodes:
                yield (*path, index), f"{choice} is another node's name", "take one that is free"
            elif choice in names.lans:
                yield (*path, index), f"{choice} is a LAN's name", "take one that is free"
            elif other != node:
                yield (*path, index), f"{choice} may be {other}'s name too", "name it once"


def _fault(path: Path, planted: PlantedFault, lab: Lab, names: Names) -> Iterator[Fault]:
    fault = planted.what
    yield from _place(path, fault.node, getattr(fault, "lan", None), lab, names)
    node = lab.nodes.get(fault.node)
    if isinstance(fault, FirewallRule):
        if node is not None and not isinstance(node, Firewall):
            problem = f"{fault.node} is no firewall: it has no rules"
            yield (*path, "node"), problem, "name a middlebox with role: firewall"
        yield from about_rule(path, fault, lab, names)
    elif planted.kind != "cable_out" and (why := mute(node)):
        yield (*path, "node"), f"{fault.node} {why}: it has no address", "name another node"
    if isinstance(fault, MissingRoute) and fault.to not in {DEFAULT, *names.lans}:
        yield unknown((*path, "to"), "LAN", fault.to, names.lans)


def _place(path: Path, node: str, lan: str | None, lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with *node* having a NIC in *lan*."""
    if node not in names.nodes:
        yield unknown((*path, "node"), "node", node, names.nodes)
    elif lan is not None and lan not in names.lans:
        yield unknown((*path, "lan"), "LAN", lan, names.lans)
    elif node in lab.nodes:
        there = [nic.lan for nic in lab.nodes[node].interfaces() if nic.lan]
        if lan is not None and lan not in there:
            fix = f"it is in {', '.join(there) or 'none'}"
            yield (*path, "lan"), f"{node} has no NIC in {lan}", fix
        elif not there:
            yield (*path, "node"), f"{node} is in no LAN", "name another node"
