"""Every reason that a plan can't be made here of system containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.backends.incus import cluster, images, kernel
from labiac.errors import BackendError, Problem
from labiac.images import store
from labiac.plan.model import lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Network, Nic, Plan


def problems(plan: Plan) -> list[Problem]:
    """Return what speaks against making *plan*: by its nature, then on the Incus in use."""
    found = [problem for network in plan.networks for problem in _network(network)]
    found += [problem for machine in plan.machines for problem in _machine(machine)]
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
    yield from cluster.problems()
    for name in sorted(missing):
        fix = "labiac image list shows which there are, and how to get them"
        yield Problem("incus", "", f"image {name} is not on this machine", fix)


def _network(network: Network) -> Iterator[Problem]:
    if network.type != "internal":
        yield Problem(
            f"incus {network.name}",
            f"lans.{lan_of(network.name)}.type",
            f"incus makes internal LANs in this version, and none of type {network.type}",
            "make it internal, or use the backend libvirt or netns",
        )


def _machine(machine: Machine) -> Iterator[Problem]:
    for number, nic in enumerate(machine.nics):
        yield from _nic(machine, place(machine, number), nic)
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
    if nic.attach in {"nat", "generic"}:
        yield Problem(
            where,
            f"{path}.attach",
            f"incus attaches a NIC to a LAN, or to nothing, and not to {nic.attach}",
            "attach it to a LAN, or use the backend libvirt or netns",
        )
    impair = nic.impair
    if impair.delay_ms or impair.jitter_ms or impair.loss_percent or impair.rate_kbit:
        yield Problem(
            where,
            f"{path}.impair",
            "incus impairs no link in this version",
            "leave impair out, or use the backend netns",
        )
