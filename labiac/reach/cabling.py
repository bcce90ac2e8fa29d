"""What is odd about LANs, VLANs and cables, whatever the addresses."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from labiac.plan.model import DEFAULT_VLAN, END_ROLES
from labiac.reach.finding import Finding, Path, nic_path, node_path, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.plan.model import Machine, Network, Nic, Plan, Vlan

_Level = Literal["warning", "note"]


class _End(NamedTuple):
    """A NIC, and whose it is."""

    machine: Machine
    nic: Nic


def cabling(plan: Plan) -> Iterator[Finding]:
    """Yield what is odd about the LANs of *plan* and the cables that lead there."""
    ends: dict[str, list[_End]] = defaultdict(list)
    for machine in plan.machines:
        yield from _disconnected(machine)
        for nic in machine.nics:
            if nic.attach == "lan":
                ends[nic.network].append(_End(machine, nic))
    for network in plan.networks:
        yield from _lan(network, ends[network.name])
        if network.vlans:
            yield from _vlans(network, ends[network.name])


def _disconnected(machine: Machine) -> Iterator[Finding]:
    if not machine.nics:
        fix = "give it a lan, or leave the node out"
        yield Finding(node_path(machine), f"{machine.name} has no NIC", fix)
    elif all(nic.attach == "none" or not nic.connected for nic in machine.nics):
        fix = "put a cable in, or leave the node out"
        yield Finding(node_path(machine), f"no cable of {machine.name} is in", fix)


def _lan(network: Network, ends: Sequence[_End]) -> Iterator[Finding]:
    there = [end.machine for end in ends]
    path, name = ("lans", network.name), network.name
    host = network.type != "internal"
    if not there:
        who = "only the host" if host else "nobody"
        fix = "plug a node in, or leave the LAN out"
        yield Finding(path, f"{who} is plugged into {name}", fix)
    elif len(there) == 1 and not host:
        only = there[0]
        fix = "plug another node in, or leave the LAN out"
        yield Finding(path, f"only {only.name} is plugged into {name}", fix, _lonely(only))


def _lonely(machine: Machine) -> _Level:
    """Return how odd it is that *machine* is alone: a router may stand for what lies behind it."""
    return "warning" if machine.role in END_ROLES else "note"


def _vlans(network: Network, ends: Sequence[_End]) -> Iterator[Finding]:
    members: dict[str, list[_End]] = {vlan.name: [] for vlan in network.vlans}
    for end in ends:
        tagged = (sub.vlan for sub in end.nic.trunk)
        for name in (end.nic.vlan, end.nic.native, *tagged):
            if name is not None:
                members[name].append(end)
    routers = {name: [e for e in there if e.machine.forwards] for name, there in members.items()}
    routed = [name for name, there in routers.items() if there]
    for vlan in network.vlans:
        there = members[vlan.name]
        yield from _lonely_vlan(network, vlan, there)
        yield from _default_vlan(network, vlan, ends)
        if there and routed and vlan.name not in routed:
            router = routers[routed[0]][0].machine.name
            problem = f"nobody routes {_name(network, vlan)}, though {router} routes {routed[0]}"
            fix = f"add {vlan.name} to the trunk of {router}"
            yield Finding(_path(network, vlan), problem, fix)
    yield from _natives(network, ends)
    yield from _bare_trunks(ends)


def _lonely_vlan(network: Network, vlan: Vlan, there: Sequence[_End]) -> Iterator[Finding]:
    name = _name(network, vlan)
    fix = f"make another NIC access: {vlan.name}, or leave the VLAN out"
    if not there:
        yield Finding(_path(network, vlan), f"no NIC is in {name}", fix.replace("another", "a"))
    elif len(there) == 1:
        machine, nic = there[0]
        tagged = any(sub.vlan == vlan.name for sub in nic.trunk)
        place = (*nic_path(machine, nic), "trunk", vlan.name) if tagged else _path(network, vlan)
        who = f"the trunk of {machine.name}" if tagged else machine.name
        yield Finding(place, f"only {who} is in {name}", fix, _lonely(machine))


def _default_vlan(network: Network, vlan: Vlan, ends: Sequence[_End]) -> Iterator[Finding]:
    others = [end.machine.name for end in ends if not (end.nic.vlan or end.nic.trunk)]
    if vlan.id == DEFAULT_VLAN and others:
        problem = f"{_name(network, vlan)} has ID {vlan.id}, and NICs without a VLAN are in that: "
        yield Finding(_path(network, vlan), problem + shortened(others), "take another ID")


def _natives(network: Network, ends: Sequence[_End]) -> Iterator[Finding]:
    first = next((end for end in ends if end.nic.native), None)
    for machine, nic in ends:
        if first and nic.native and nic.native != first.nic.native:
            there = f"on the trunk of {first.machine.name} it is {first.nic.native}"
            problem = f"the native VLAN of {network.name} is {nic.native} here, and {there}"
            fix = "name the same one on all trunks, or tag it"
            yield Finding((*nic_path(machine, nic), "native"), problem, fix, "note")


def _bare_trunks(ends: Sequence[_End]) -> Iterator[Finding]:
    for machine, nic in ends:
        for sub in nic.trunk:
            if machine.forwards and not machine.student and not sub.addresses:
                place = (*nic_path(machine, nic), "trunk", sub.vlan)
                problem = f"{machine.name} has no address in VLAN {sub.vlan}: it does not route it"
                fix = "give it one there, or the VLAN a subnet"
                yield Finding(place, problem, fix)


def _name(network: Network, vlan: Vlan) -> str:
    return f"VLAN {vlan.name} of {network.name}"


def _path(network: Network, vlan: Vlan) -> Path:
    return "lans", network.name, "vlans", vlan.name
