"""Every reason that a plan can't be made here of system containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends import kernel, nics
from labiac.backends.incus import cluster, hosts, images
from labiac.errors import BackendError, Problem
from labiac.images import store
from labiac.plan.model import lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labiac.plan.model import Machine, Network, Nic, Plan

_RATE: Final = ("CONFIG_NET_SCH_INGRESS", "CONFIG_NET_CLS_U32", "CONFIG_NET_ACT_POLICE")
"""What Incus limits with what a NIC sends."""


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on the Incus in use."""
    found = [problem for lan in plan.networks for problem in _network(plan, lan)]
    found += [problem for machine in plan.machines for problem in _machine(plan, machine)]
    found += (*nics.deaf("incus", plan, "a macvlan"), *nics.listening("incus", plan))
    return [*found, *_host(plan)]


def _host(plan: Plan) -> Iterator[Problem]:
    try:
        images.pool()
        missing = {
            machine.image
            for machine in plan.machines
            if not store.known(machine.image) and not images.brought(machine.image, "")
        }
    except BackendError as error:
        yield Problem(error.where, "", error.problem, error.fix)
        return
    yield from hosts.problems(plan)
    yield from cluster.problems()
    for name in sorted(missing):
        fix = "labiac image list shows which there are, and how to get them"
        yield Problem("incus", "", f"image {name} is not on this machine", fix)


def _network(plan: Plan, network: Network) -> Iterator[Problem]:
    where, path = f"incus {network.name}", f"lans.{lan_of(network.name)}"
    if network.routes:
        between = [other for other in plan.networks if other.host_routes and other != network]
        lost = ", ".join(route.to for route in network.routes)
        yield Problem(
            where,
            f"{path}.host",
            f"Incus gives its host no routes: what is behind a router here ({lost}) is out of the"
            " host's reach",
            "put a router of the lab between the LANs, or use the backend libvirt or netns",
            level="error" if between else "warning",
        )


def _machine(plan: Plan, machine: Machine) -> Iterator[Problem]:
    bridged = {network.name for network in plan.networks if network.type == "bridged"}
    for number, nic in enumerate(machine.nics):
        path = place(machine, number)
        yield from _nic(machine, path, nic)
        yield from _impair(f"incus {machine.name}", f"{path}.impair", nic, bridged)
    options = {
        "CONFIG_BRIDGE_VLAN_FILTERING": machine.switch is not None,
        "CONFIG_VLAN_8021Q": not machine.switch and any(nic.trunk for nic in machine.nics),
    }
    for option in [option for option, needed in options.items() if needed]:
        if kernel.lacks(option):
            yield Problem(
                f"incus {machine.name}",
                place(machine),
                f"containers share their host's kernel, and it has no {option}",
                "use a distribution's own kernel, or the backend libvirt",
            )


def _nic(machine: Machine, path: str, nic: Nic) -> Iterator[Problem]:
    where = f"incus {machine.name}"
    if nic.attach == "generic":
        yield Problem(
            where,
            f"{path}.attach",
            f"incus has no generic driver ({nic.driver or 'none named'})",
            "attach it to a LAN, to nat, or to nothing",
        )
    if nic.attach == "nat" and any(":" in address for address in nic.addresses):
        yield Problem(
            where,
            f"{path}.ipv6",
            "a NIC with a NAT of its own gets an address of IPv4 alone on incus",
            "leave its IPv6 address out, or plug it into a LAN of type nat",
        )


def _impair(where: str, path: str, nic: Nic, bridged: Collection[str]) -> Iterator[Problem]:
    impair = nic.impair
    if impair.delay_ms or impair.jitter_ms or impair.loss_percent:
        yield Problem(
            where,
            path,
            "Incus limits the rate of a link, and neither delays nor loses packets",
            "leave delay, jitter and loss out, or use the backend netns",
        )
    if not impair.rate_kbit:
        return
    if nic.network in bridged:
        yield Problem(
            where,
            f"{path}.rate_kbit",
            "a NIC in a bridged LAN is a macvlan, of which Incus limits no rate",
            "leave rate_kbit out, or plug it into a LAN of type nat",
        )
    elif lacking := [option for option in _RATE if kernel.lacks(option)]:
        yield Problem(
            where,
            f"{path}.rate_kbit",
            f"a limited rate ({impair.rate_kbit} kbit/s) takes what this kernel lacks:"
            f" {', '.join(lacking)}",
            "boot a kernel that has it (Debian: linux-image-amd64), leave rate_kbit out,"
            " or use the backend netns",
        )
