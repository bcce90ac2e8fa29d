"""A machine of the plan to the seed that its guest reads."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labiac.errors import DescriptionError
from labiac.plan.addressing import Prefix
from labiac.plan.frr import configuration, integrated
from labiac.plan.management import NAME
from labiac.plan.model import SWITCHING, SeedFile
from labiac.plan.nftables import ruleset
from labiac.seed.facts import Facts, FrrFacts, NicFacts, RouteFacts, ServiceFacts, VlanFacts
from labiac.seed.key import PLACE
from labiac.seed.merge import MergeError, merged
from labiac.seed.templates import has, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.plan.model import Machine, Nic, SubInterface, Switch
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path as Place

RoutesBy = dict[str, tuple[RouteFacts, ...]]
"""The routes that leave by each NIC and sub-interface."""


def seed_of(machine: Machine, lab: Lab, student: str) -> tuple[SeedFile, ...]:
    """Return what the guest of *machine* reads on its first boot.

    Args:
        machine: A node of the plan; its own `seed` is of no account.
        lab: What the lab file says. Templates of the user's own may be beside that file.
        student: Whose copy it is.

    Raises:
        DescriptionError: a template is missing or broken, or what the lab file adds to the
            user-data does not go together with it.
    """
    beside = Path(lab.source.name).parent
    files = render(
        templates_of(machine, lab),
        facts_of(machine, lab, student),
        machine.host_name,
        beside,
        partial(_with_added, machine, lab),
    )
    return tuple(SeedFile(name, text) for name, text in files.items())


def facts_of(machine: Machine, lab: Lab, student: str) -> Facts:
    """Return what templates may name of *machine*."""
    routes = _routes_by(machine)
    return Facts(
        lab=lab.name,
        student=student,
        hostname=machine.name,
        hosts=machine.hosts,
        nics=tuple(_nic(machine, nic, routes) for nic in machine.nics),
        management=tuple(_management(machine)),
        services=tuple(ServiceFacts(each.name, each.command) for each in machine.services),
        ruleset=ruleset(machine),
        frr=FrrFacts(integrated(machine), tuple(configuration(machine))),
        user=lab.login.user,
        keys=(PLACE, *lab.login.authorized_keys),
    )


def templates_of(machine: Machine, lab: Lab) -> tuple[str, ...]:
    """Return where the templates of *machine* are: the folder that the file names, its role's.

    Raises:
        DescriptionError: the file names a folder that is not there.
    """
    node, beside = lab.nodes.get(machine.name), Path(lab.source.name).parent
    own = node.template if node else None
    if own is None:
        return (machine.role,)
    if not has(own, beside):
        problem = f"there is no folder templates/{own} beside the lab file, with a template in it"
        fix = f"write templates/{own}/user-data.j2, or leave template out"
        path = (machine.section, machine.name, "template")
        raise DescriptionError([lab.source.problem(path, problem, fix)])
    return (own, machine.role)


def _with_added(machine: Machine, lab: Lab, text: str) -> str:
    """Return the user-data *text* with what the lab file adds to it, for all and for the node."""
    node = lab.nodes.get(machine.name)
    added: list[tuple[Place, Mapping[str, Any]]] = [
        (("defaults", "cloud_init"), lab.defaults.cloud_init)
    ]
    if node:
        added.append(((machine.section, machine.name, "cloud_init"), node.cloud_init))
    for path, keys in added:
        if not keys:
            continue
        try:
            text = merged(text, keys)
        except MergeError as error:
            fix = "labiac render FILE NODE shows what it is merged into"
            where = (*path, *error.path)
            raise DescriptionError([lab.source.problem(where, str(error), fix)]) from None
        except ValueError as error:
            problem = f"it cannot be merged into the user-data of {machine.name}: {error}"
            fix = "mend the template, or leave cloud_init out"
            raise DescriptionError([lab.source.problem(path, problem, fix)]) from None
    return text


def _nic(machine: Machine, nic: Nic, routes: RoutesBy) -> NicFacts:
    # A NAT of its own hands out address and default route: only the hypervisor knows them.
    dhcp = nic.attach == "nat"
    addresses = () if dhcp else nic.addresses
    return NicFacts(
        name=nic.name,
        mac=nic.mac,
        dhcp=dhcp,
        # A port is online as soon as it is in its bridge, which never is: it has no address.
        optional=not ((addresses or machine.role in SWITCHING) and nic.connected),
        addresses=addresses,
        ipv6=_speaks_ipv6(addresses),
        routes=() if dhcp else routes.get(nic.name, ()),
        vlans=() if machine.switch else tuple(_vlan(sub, nic, routes) for sub in nic.trunk),
        untagged=_untagged(machine.switch, nic) if machine.switch else None,
        tagged=tuple(sub.id for sub in nic.trunk) if machine.switch else (),
    )


def _management(machine: Machine) -> Iterator[NicFacts]:
    if machine.management:
        yield NicFacts(
            name=NAME,
            mac=machine.management.mac,
            dhcp=False,
            optional=False,
            addresses=(machine.management.address,),
            ipv6=False,
            routes=(),
            vlans=(),
            untagged=None,
            tagged=(),
        )


def _vlan(sub: SubInterface, nic: Nic, routes: RoutesBy) -> VlanFacts:
    return VlanFacts(
        name=sub.name,
        id=sub.id,
        optional=not (sub.addresses and nic.connected),
        addresses=sub.addresses,
        ipv6=_speaks_ipv6(sub.addresses),
        routes=routes.get(sub.name, ()),
    )


def _untagged(switch: Switch, port: Nic) -> int | None:
    own = port.vlan or port.native
    return switch.ids[own] if own else None


def _speaks_ipv6(addresses: Iterable[str]) -> bool:
    return any(":" in address for address in addresses)


def _routes_by(machine: Machine) -> RoutesBy:
    """Return the routes of *machine* by the interface whose subnet has the next hop.

    Where no subnet has it, the guest refuses the route, by whatever interface; it is the first's.
    """
    near = [
        (name, Prefix.parse(address))
        for nic in machine.nics
        for name, addresses in nic.interfaces()
        for address in addresses
    ]
    leaves: dict[str, str] = {}
    found: dict[str, list[RouteFacts]] = defaultdict(list)
    for route in machine.routes:
        if route.via not in leaves:
            via = ipaddress.ip_address(route.via)
            ways = (name for name, it in near if it.version == via.version and int(via) in it)
            leaves[route.via] = next(ways, machine.nics[0].name)
        found[leaves[route.via]].append(RouteFacts(route.to, route.via))
    return {name: tuple(routes) for name, routes in found.items()}
