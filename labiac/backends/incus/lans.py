"""Networks in Incus by themselves: those of LANs, and those that a NIC with a NAT is alone in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends.base import ref_of
from labiac.backends.incus import api, cluster, network, spread
from labiac.backends.incus.held import Held, held, held_or_free, networks_held
from labiac.backends.incus.names import bridge, project
from labiac.backends.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Copy
    from labiac.plan.model import Forward, Machine, Network, Nic

_OWN = "volatile."
"""What the keys begin with that Incus keeps of a network for itself."""


def make(copy: Copy, item: Network) -> Held:
    """Make the network of *item*, or what is missing of it.

    Raises:
        ForeignError: a network of that name is not labiac's.
        BackendError: Incus refused.
    """
    mark = Mark(copy, item, whole=True)
    ours, name, kind = held_or_free(mark), bridge(copy, item.name), network.kind(item)
    config = network.configuration(mark)
    wanted: dict[str, Any] = {"description": item.host_name, "config": config}
    if ours is None:
        cluster.add_network({"name": name, "type": kind, **wanted})
    elif not ours.is_active:
        cluster.finish_network({"name": name, "type": kind})
    else:
        known = ours.known["config"]
        kept = {key: value for key, value in known.items() if key.startswith(_OWN)}
        kept |= spread.kept(known)
        if known != config | kept:
            api.call("PUT", api.path_of("networks", name), {**wanted, "config": config | kept})
    ours = held(mark.ref, copy, item.name)
    if ours is None:
        raise api.RefusedError(f"incus {item.name}", "it went while it was made", 404)
    return ours


def remove(copy: Copy, name: str) -> None:
    """Delete the network called *name*, which nothing is plugged into. Gone is success."""
    if api.get(api.path_of("networks", bridge(copy, name))) is not None:
        cluster.remove_network(bridge(copy, name))


def behind(copy: Copy, machine: Machine) -> None:
    """Have the networks there that NICs of *machine* are alone in.

    Raises:
        ForeignError: one of that name is not labiac's.
        BackendError: Incus refused.
    """
    for nic in _natted(machine):
        make(copy, network.behind(machine, nic))


def tidy_behind(copy: Copy, was: Machine, now: Machine | None) -> None:
    """Delete those networks of NICs that a machine has no use for as it is *now*."""
    used = {network.behind(now, nic).name for nic in _natted(now)} if now else set()
    for nic in _natted(was):
        name = network.behind(was, nic).name
        if name not in used:
            remove(copy, name)


def sweep_behind(copy: Copy, machine: str) -> None:
    """Delete the networks of NICs of *machine*, of which there is nothing else any more."""
    for ours in list(networks_held()):
        name = ours.mark.network.name
        if project(ours.mark.copy) == project(copy) and network.is_behind(name, machine):
            remove(copy, name)


def forwards(copy: Copy, machine: Machine) -> tuple[Forward, ...]:
    """Return the ports of the host that lead to *machine*: of its LANs, and of its own NICs."""
    own = {address.partition("/")[0] for address in machine.addresses()}
    lans = dict.fromkeys(nic.network for nic in machine.nics if nic.attach == "lan")
    found = (held(ref_of(copy, "network", name), copy, name) for name in lans)
    told = [port for lan in found if lan for port in lan.mark.network.forwards]
    told += [port for nic in machine.nics for port in nic.forwards]
    return tuple(port for port in told if port.guest in own)


def _natted(machine: Machine) -> Iterator[Nic]:
    return (nic for nic in machine.nics if nic.attach == "nat")
