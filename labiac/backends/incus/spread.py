"""A copy that spans members of a cluster on purpose: its LANs are joined by VXLAN.

Incus makes a bridge on each member with a tunnel to a group of multicast, so that all of them are
one LAN; the members have to hear each other's multicast for that.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from labiac.backends.incus import api, cluster
from labiac.backends.incus.held import networks_held
from labiac.backends.incus.names import bridge, project
from labiac.backends.incus.network import host_addresses
from labiac.errors import BackendError
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.backends.base import Copy
    from labiac.plan.model import Machine

_TUNNEL: Final = "tunnel.v."
"""What the keys begin with of a network's tunnel, whose name is the end of an interface's."""
_ID: Final = f"{_TUNNEL}id"
_IDS: Final = (1 << 24) - 1
_PLACING: Final = Lock()
"""Held while a container of such a copy is made: the next one goes where the fewest are."""


def add_instance(copy: Copy, machine: Machine, wanted: Mapping[str, Any]) -> None:
    """Make the container *wanted* of *machine*, on that of the copy's members that has the fewest.

    One that is in a LAN of a copy that was whole on one member goes to the others.

    Raises:
        BackendError: Incus refused, or the members can't be joined.
    """
    hosts = cluster.named(copy.host)
    if len(hosts) == 1 or not cluster.members():
        return cluster.add_instance(copy, wanted)
    with _PLACING:
        if not _span(copy, machine):
            return cluster.add_instance(copy, wanted)
        there = api.get(api.path_of("instances", project=project(copy), recursion="1")) or ()
        count = Counter(each["location"] for each in there)
        return cluster.add_on(copy, wanted, min(hosts, key=lambda host: count[host]))


def kept(known: Mapping[str, str]) -> dict[str, str]:
    """Return what a network that is *known* to have a tunnel keeps of it."""
    return {key: value for key, value in known.items() if key.startswith(_TUNNEL)}


def _span(copy: Copy, machine: Machine) -> bool:
    """Join the LANs of *machine* over all members; return whether they are, before it is there.

    What is in a LAN already has its frames of full size, and those don't fit through a tunnel.
    """
    names = [bridge(copy, nic.network) for nic in machine.nics if nic.attach == "lan"]
    lans = [api.get(api.path_of("networks", name)) for name in dict.fromkeys(names)]
    single = [lan for lan in lans if lan and _ID not in lan["config"]]
    if any(_is_used(lan) for lan in single):
        return False
    for lan in single:
        _insist_apart(machine, lan)
        cluster.change_network(lan, _tunnel(lan["name"]))
    return True


def _insist_apart(machine: Machine, lan: Mapping[str, Any]) -> None:
    """Refuse a LAN that the host is in: each member would have the same address there."""
    for address in host_addresses(lan):
        problem = f"a LAN with an address of the host ({address}) can't span members"
        fix = "name one member for the copy, or make the LAN internal"
        raise BackendError(f"incus {machine.name}", problem, fix=fix)


def _is_used(lan: Mapping[str, Any]) -> bool:
    return any(path.startswith("/1.0/instances/") for path in lan["used_by"])


def _tunnel(name: str) -> dict[str, str]:
    """Return the tunnel of the network *name*, whose number no other of labiac's has."""
    taken = {each.known["config"].get(_ID) for each in networks_held()}
    number = digest("vxlan", name) % _IDS + 1
    while str(number) in taken:
        number = number % _IDS + 1
    told = {"protocol": "vxlan", "id": str(number), "interface": _interface()}
    return {f"{_TUNNEL}{key}": value for key, value in told.items()}


def _interface() -> str:
    """Return the interface by which the members hear each other, which is called alike on all.

    Raises:
        BackendError: it is not.
    """
    found = {each["server_name"]: next(_interfaces(each), "none") for each in cluster.members()}
    names = {*found.values()}
    if len(names) > 1 or "none" in names:
        said = ", ".join(f"{member}: {name}" for member, name in sorted(found.items()))
        problem = f"a tunnel takes an interface that is called alike on all members ({said})"
        raise BackendError("incus", problem, fix="rename it, or name one member for the copy")
    return names.pop()


def _interfaces(member: Mapping[str, Any]) -> Iterator[str]:
    """Yield the interfaces of *member* that have the address that the others speak to."""
    address, name = urlsplit(member["url"]).hostname, member["server_name"]
    for each in api.get(api.path_of("networks", recursion="1", target=name)):
        if not each["managed"]:
            state = api.get(api.path_of("networks", each["name"], "state", target=name))
            if any(line["address"] == address for line in state["addresses"]):
                yield each["name"]
