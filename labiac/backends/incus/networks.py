"""LANs on Incus: a bridge each, of the host or of each member of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labiac.backends.base import Observed
from labiac.backends.incus import api, cluster, machines, projects
from labiac.backends.incus.held import Held, all_held, held, held_or_free
from labiac.backends.incus.names import MARK, bridge
from labiac.backends.mark import Mark

if TYPE_CHECKING:
    from labiac.backends.base import Copy
    from labiac.plan.model import Network


def create(copy: Copy, item: Network) -> Observed:
    """Make *item*, or what is missing of it.

    Raises:
        ForeignError: a network of that name is not labiac's.
    """
    mark = Mark(copy, item, whole=True)
    ours, name = held_or_free(mark), bridge(copy, item.name)
    wanted: dict[str, Any] = {"description": item.host_name, "config": _config(mark)}
    if ours is None:
        cluster.add_network({"name": name, "type": "bridge", **wanted})
    elif not ours.is_active:
        cluster.finish_network({"name": name, "type": "bridge"})
    elif ours.mark != mark:
        api.call("PUT", api.path_of("networks", name), wanted)
    ours = held(mark.ref, copy, item.name)
    if ours is None:
        raise api.RefusedError(f"incus {item.name}", "it went while it was made", 404)
    return observed(ours)


def delete(ours: Held) -> None:
    """Delete a LAN, and first the machines that are still plugged into it."""
    name = bridge(ours.mark.copy, ours.mark.item.name)
    for guest in list(all_held()):
        devices = guest.known.get("devices", {}).values()
        if any(device.get("network") == name for device in devices):
            machines.delete(guest)
    cluster.remove_network(name)
    projects.tidy(ours.mark.copy)  # the machines may have gone by themselves, with their host


def observed(ours: Held) -> Observed:
    """Return a LAN as it is now."""
    return Observed(ours.mark.ref, ours.mark.item, running=ours.is_active)


def _config(mark: Mark) -> dict[str, str]:
    return {"ipv4.address": "none", "ipv6.address": "none", MARK: mark.to_json()}
