"""Whether the host of an Incus has room for what a plan makes in its own network and kernel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labiac.backends import kernel, subnets
from labiac.backends.base import Copy
from labiac.backends.incus import api, cluster
from labiac.backends.incus.names import MARK, project
from labiac.backends.incus.network import host_addresses
from labiac.backends.mark import legible
from labiac.backends.room import CONTAINER_WATCHERS
from labiac.errors import Problem
from labiac.plan.model import lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Network, Plan

_INOTIFY: Final = Path("/proc/sys/fs/inotify/max_user_instances")
_EVERYWHERE: Final = "global"
_VXLAN: Final = "CONFIG_VXLAN"


def problems(plan: Plan) -> Iterator[Problem]:
    """Yield what the host lacks for *plan*.

    Raises:
        BackendError: Incus does not answer.
    """
    for lan in plan.networks:
        if lan.type == "bridged":
            yield from _bridged(lan)
    if len(cluster.named("")) > 1 and cluster.members():
        yield from _spanning(plan)
    wanted = [*subnets.of_lans(plan), *subnets.of_nics(plan)]
    yield from subnets.clashes("incus", wanted, _held(plan) if wanted else ())
    yield from _inotify(plan)


def _bridged(lan: Network) -> Iterator[Problem]:
    where, path = f"incus {lan.name}", f"lans.{lan_of(lan.name)}"
    if cluster.members():
        yield Problem(
            where,
            f"{path}.type",
            "a bridged LAN would need an interface of each member of the cluster",
            "use a LAN of type nat, or an Incus of one machine",
        )
    elif not (lan.interface and _state(lan.interface)):
        yield Problem(
            where,
            f"{path}.interface",
            f"the host of Incus has no interface {lan.interface!r}",
            "name one that `ip link` lists there",
        )


def _spanning(plan: Plan) -> Iterator[Problem]:
    """Yield what can't span the members of a cluster, as all copies shall that say nothing else."""
    for lan in plan.networks:
        if lan.host_addresses:
            yield Problem(
                f"incus {lan.name}",
                f"lans.{lan_of(lan.name)}.type",
                f"a LAN of type {lan.type} can't span members: each would have its address",
                f"name one member ({cluster.TARGET}), or make the LAN internal",
            )
    if kernel.lacks(_VXLAN):
        problem = f"a copy that spans members takes what this kernel lacks: {_VXLAN}"
        yield Problem("incus", "", problem, f"name one member ({cluster.TARGET})")


def _held(plan: Plan) -> Iterator[subnets.Held]:
    """Yield the host's addresses, but for those in networks of the copy of *plan*."""
    ours = project(Copy(plan.lab, plan.student))
    for each in api.get(api.path_of("networks", recursion="1")):
        mark = legible((each.get("config") or {}).get(MARK, ""))
        if mark and project(mark.copy) != ours:
            for address in host_addresses(each):
                yield subnets.of_copy(address, mark.item.name, mark.copy)
        elif not mark:
            yield from _strange(each)


def _strange(network: dict[str, Any]) -> Iterator[subnets.Held]:
    """Yield the host's addresses on an interface that is not labiac's."""
    name = network["name"]
    remedy = f"incus network delete {name}"
    if not network["managed"]:
        remedy = f"take the address from {name}"
    for line in (_state(name) or {}).get("addresses", ()):
        if line["scope"] == _EVERYWHERE:
            yield subnets.Held(f"{line['address']}/{line['netmask']}", f"on {name}", remedy)


def _state(interface: str) -> Any:
    """Return what Incus says of an interface of its host, or None where there is none."""
    return api.get(api.path_of("networks", interface, "state"))


def _inotify(plan: Plan) -> Iterator[Problem]:
    """Yield that the kernel has too little of what each container takes, as far as it tells.

    Of the kernels of a cluster's members nobody tells.
    """
    if cluster.members() or not _INOTIFY.exists():
        return
    own = f"project={project(Copy(plan.lab, plan.student))}"
    all_ = api.get(api.path_of("instances", **{"all-projects": "true"}))
    others = [path for path in all_ if not path.endswith(own)]
    containers = len(plan.machines) + len(others)
    wanted = containers * CONTAINER_WATCHERS
    limit = int(_INOTIFY.read_text(encoding="ascii"))
    if wanted > limit:
        yield Problem(
            "incus",
            "",
            f"{containers} containers take {wanted} instances of inotify, and the kernel that"
            f" they share gives {limit}",
            f"sysctl -w fs.inotify.max_user_instances={2 * wanted}",
        )
