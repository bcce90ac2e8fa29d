"""A fault in a plan: what is wrong in the copy of one student, for them to find and to mend.

The plan is sound until here. One machine of it becomes another, and nothing says which: a copy, its
seeds and its marks tell of a fault what anybody sees who looks at the node.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import TYPE_CHECKING

from labiac.plan.addressing import Hosts, Prefix
from labiac.plan.faults import Faults
from labiac.plan.routing import DEFAULT
from labiac.plan.vary import draw, drawn_by
from labiac.schema import vary as written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.model import Machine, Network, Nic, Plan, Route, Rule
    from labiac.schema.lab import Lab
    from labiac.schema.vary import PlantedFault

Subnet = IPv4Network | IPv6Network


class CannotError(Exception):
    """A fault that this lab cannot have: what is missing, and the remedy."""


def suspects(lab: Lab) -> set[str]:
    """Return the nodes that may have a fault: to mend them is the student's work.

    All of them are, whichever has it: to be the only one would tell.
    """
    return {fault.what.node for fault in lab.vary.faults} if lab.vary else set()


def drawn_fault(lab: Lab, student: str) -> PlantedFault | None:
    """Return the fault that the copy of *student* has, if *lab* has any."""
    if lab.vary is None or not lab.vary.faults:
        return None
    return draw(lab, student, "fault", lab.vary.faults)


def subnets_of(lan: Network) -> Iterator[str]:
    """Return the subnets of *lan* and of its VLANs."""
    said = ((lan.ipv4, lan.ipv6), *((vlan.ipv4, vlan.ipv6) for vlan in lan.vlans))
    return (subnet for pair in said for subnet in pair if subnet)


def planted(plan: Plan, lab: Lab, rules: Mapping[int, Rule]) -> Plan:
    """Return *plan* with the fault that its student gets.

    Every fault of the file is tried, so that what is wrong with one is told whoever's copy it is.

    Args:
        plan: The lab without a fault.
        lab: What its file says.
        rules: What each fault that is a firewall's rule says, by its place in the file.

    Raises:
        DescriptionError: the lab cannot have one of its faults.
    """
    drawn, faults = drawn_fault(lab, plan.student), Faults()
    if lab.vary is None or drawn is None:
        return plan
    found: dict[PlantedFault, Machine] = {}
    for index, fault in enumerate(lab.vary.faults):
        try:
            found[fault] = _with(fault, plan, drawn_by(lab, plan.student), rules.get(index))
        except CannotError as error:
            problem, fix = error.args
            faults.add(("vary", "faults", index, fault.kind), problem, fix)
    faults.insist(lab)
    changed = found[drawn]
    machines = tuple(changed if each.name == changed.name else each for each in plan.machines)
    return replace(plan, machines=machines, quiet=True)


def _with(fault: PlantedFault, plan: Plan, key: tuple[str, ...], rule: Rule | None) -> Machine:
    """Return the machine of *plan* that has *fault*, with it."""
    what = fault.what
    machine = plan.machine(what.node)
    match what:
        case written.MissingRoute():
            return _without_route(machine, what.to, plan)
        case written.WrongMask():
            return _with_mask(machine, what.lan, plan)
        case written.WrongGateway():
            return _with_gateway(machine, plan, key)
        case written.CableOut():
            return _with_nic(machine, replace(_nic(machine, what.lan), connected=False))
        case written.FirewallRule():
            return _with_rule(machine, rule)


def _without_route(machine: Machine, to: str, plan: Plan) -> Machine:
    aims = {each for lan in plan.networks if lan.name == to for each in subnets_of(lan)}
    aims = aims or {str(each) for each in DEFAULT.values()}
    kept = tuple(route for route in machine.routes if route.to not in aims)
    if kept == machine.routes:
        problem = f"{machine.name} has no route to {to} of its own that it could lack"
        raise CannotError(problem, "labiac plan says which routes it has; name one of those")
    return replace(machine, routes=kept)


def _with_mask(machine: Machine, lan: str | None, plan: Plan) -> Machine:
    """Return *machine* with an address whose prefix covers the LANs that it needs a router for."""
    nic = _nic(machine, lan)
    address = next((ip_interface(each) for each in nic.addresses), None)
    if address is None:
        problem = f"{machine.name} has no address in {nic.network} that could have a wrong mask"
        raise CannotError(problem, "name another node")
    own = {ip_interface(each).network for each in machine.addresses()}
    routed = {ip_network(route.to) for route in machine.routes}
    others = {ip_network(each) for lan in plan.networks for each in subnets_of(lan)} - own - routed
    near = [each for each in others if each.version == address.version]
    lengths = [_common(address.network, each) for each in near]
    length = min((each for each in lengths if 0 < each < address.network.prefixlen), default=0)
    if not length:
        problem = f"no prefix of {address} that is too short covers another LAN"
        raise CannotError(problem, "give the LANs subnets of one pool, or name another node")
    wrong = f"{address.ip}/{length}"
    held = tuple(wrong if each == str(address) else each for each in nic.addresses)
    return _with_nic(machine, replace(nic, addresses=held))


def _with_gateway(machine: Machine, plan: Plan, key: tuple[str, ...]) -> Machine:
    """Return *machine* with default routes by addresses of the same LANs that nobody has."""
    defaults = {str(each) for each in DEFAULT.values()}
    routes = tuple(
        _astray(route, machine, plan, key) if route.to in defaults else route
        for route in machine.routes
    )
    if routes == machine.routes:
        problem = f"{machine.name} has no default route that could lead astray"
        raise CannotError(problem, "give it a gateway, or name another node")
    return replace(machine, routes=routes)


def _astray(route: Route, machine: Machine, plan: Plan, key: tuple[str, ...]) -> Route:
    near = (Prefix.parse(each) for each in machine.addresses())
    via = Prefix.parse(route.via)
    subnet = next((each for each in near if each.version == via.version and via.first in each), via)
    taken = [address for each in plan.machines for address in each.addresses()]
    taken += [address for each in plan.networks for address in each.host_addresses]
    hosts = Hosts(subnet, {int(ip_interface(each).ip): "" for each in taken})
    free = hosts.hashed("gateway", machine.name, *key)
    return replace(route, via=hosts.text(free).partition("/")[0])


def _with_rule(machine: Machine, rule: Rule | None) -> Machine:
    policy = machine.policy
    if policy is None or rule is None or rule == next(iter(policy.rules), None):
        raise CannotError(f"{machine.name} begins with that rule already", "write another")
    return replace(machine, policy=replace(policy, rules=(rule, *policy.rules)))


def _nic(machine: Machine, lan: str | None) -> Nic:
    """Return the NIC of *machine* in *lan*, or the first in any."""
    return next(nic for nic in machine.nics if nic.network and lan in {None, nic.network})


def _with_nic(machine: Machine, changed: Nic) -> Machine:
    nics = tuple(changed if nic.name == changed.name else nic for nic in machine.nics)
    if nics == machine.nics:
        problem = f"{machine.name} has its cable to {changed.network} out already"
        raise CannotError(problem, "leave connected out, or name another node")
    return replace(machine, nics=nics)


def _common(one: Subnet, other: Subnet) -> int:
    """Return how many leading bits *one* and *other* have in common."""
    differ = int(one.network_address) ^ int(other.network_address)
    return min(one.prefixlen, other.prefixlen, one.max_prefixlen - differ.bit_length())
