"""LANs: a bridge each, in the switch namespace of the copy. The caller has the lock."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from labiac.backends.base import Observed
from labiac.backends.netns import dump, marks, netlink, wiring
from labiac.backends.netns.places import Ref, bridge
from labiac.backends.refusals import gone
from labiac.plan.model import Network

if TYPE_CHECKING:
    from types import ModuleType
    from typing import TypeGuard

    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark
    from labiac.plan.model import Item


def create(ground: Ground, network: Network, owner: str) -> Observed:
    """Make *network*; complete or change what is there of it already."""
    old = ground.folder.read("network", network.name)
    if old and _with_host(old.item) and old.item.type != network.type:
        _outside().leave(ground, item(old))
    mark = marks.begin(network, owner)
    (ground.folder.replace if old else ground.folder.begin)(mark)
    try:
        _make(ground, network)
    except BaseException:
        if old is None:
            delete(ground, mark)
        raise
    ground.folder.complete(replace(mark, state="made"))
    return _observed(ground, network)


def _make(ground: Ground, network: Network) -> None:
    if network.type != "bridged":  # there, the physical link is the switch
        with ground.opened_switch() as switch, netlink.Socket() as sock:
            request = wiring.lan(network.name, switch, vlans=bool(network.vlans))
            refused = sock.send([request])
        if not (refused and _there(ground, network)):
            ground.insist(network.name, refused)
    if _with_host(network):
        _outside().join(ground, network)


def _there(ground: Ground, network: Network) -> bool:
    """Return whether the LAN has its bridge already. What is in its way is another LAN's else."""
    with ground.switch() as sock:
        return dump.index(sock, bridge(network.name)) != 0


def read(ground: Ground, mark: Mark) -> Observed | None:
    """Return the LAN as it is, or None when its bridge is gone."""
    planned = item(mark)
    if planned.type == "bridged":
        with netlink.Socket() as sock:
            link = dump.links(sock).get(planned.interface)
        return _observed(ground, planned, running=bool(mark.whole and link and link.up))
    if not ground.has_switch():
        return None
    with ground.switch() as sock:
        link = dump.links(sock).get(bridge(planned.name))
    if link is None:
        return None
    live = _outside().present(planned) if _with_host(planned) else planned
    running = mark.whole and link.up and live is not None
    return _observed(ground, live or planned, running=running)


def update(ground: Ground, mark: Mark, now: Network) -> Observed:
    """Make the LAN what *now* says; its bridge stays, and so do the cables in it.

    Raises:
        BackendError: it is gone, or the host refused.
    """
    if read(ground, mark) is None:
        raise gone(ground.where(now.name))
    return create(ground, now, mark.owner)


def delete(ground: Ground, mark: Mark) -> None:
    """Delete a LAN. With no machine left its bridge goes with the switch, which is faster."""
    network = item(mark)
    if _with_host(network):
        _outside().leave(ground, network)
    if ground.folder.names("machine") and ground.has_switch():
        with ground.switch() as sock:
            request = netlink.delete_link(bridge(network.name), errno.ENODEV)
            ground.insist(network.name, sock.send([request]))
    ground.folder.remove("network", network.name)


def _with_host(network: Item) -> TypeGuard[Network]:
    """Return whether the host has an end in *network*."""
    return isinstance(network, Network) and network.type in {"host", "nat"}


def _outside() -> ModuleType:
    from labiac.backends.netns import outside  # most labs keep to themselves

    return outside


def item(mark: Mark) -> Network:
    """Return the network that *mark* is about.

    Raises:
        TypeError: it is about a machine.
    """
    if not isinstance(mark.item, Network):
        raise TypeError(mark.item)
    return mark.item


def _observed(ground: Ground, network: Network, *, running: bool = True) -> Observed:
    return Observed(str(Ref(ground.copy, "network", network.name)), network, running)
