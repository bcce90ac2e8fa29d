"""LANs: a bridge each, in the switch namespace of the copy. The caller has the lock."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from labiac.backends.base import Observed
from labiac.backends.netns import dump, marks, netlink, wiring
from labiac.backends.netns.places import Ref, bridge
from labiac.errors import BackendError
from labiac.plan.model import Network

if TYPE_CHECKING:
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark


def create(ground: Ground, network: Network, owner: str) -> Observed:
    """Make *network*; complete or change what is there of it already."""
    mark = marks.begin(network, owner)
    ground.folder.begin(mark)
    with ground.switch() as sock:
        request = wiring.bridge(bridge(network.name), vlans=bool(network.vlans))
        ground.insist(network.name, sock.send([request]))
    return _finish(ground, mark, network)


def read(ground: Ground, mark: Mark) -> Observed | None:
    """Return the LAN as it is, or None when its bridge is gone."""
    planned = item(mark)
    with ground.switch() as sock:
        link = dump.links(sock).get(bridge(planned.name))
    if link is None:
        return None
    return _observed(ground, planned, running=mark.whole and link.up)


def update(ground: Ground, mark: Mark, now: Network) -> Observed:
    """Make the LAN what *now* says; its bridge stays, and so do the cables in it."""
    if read(ground, mark) is None:
        raise BackendError(ground.where(now.name), "it is gone", fix="refresh, then bring it up")
    return create(ground, now, mark.owner)


def delete(ground: Ground, mark: Mark) -> None:
    """Delete a LAN. With no machine left its bridge stays, to go with the switch: that is faster."""
    network = item(mark)
    if ground.folder.names("machine"):
        with ground.switch() as sock:
            request = netlink.delete_link(bridge(network.name), errno.ENODEV)
            ground.insist(network.name, sock.send([request]))
    ground.folder.remove("network", network.name)


def item(mark: Mark) -> Network:
    """Return the network that *mark* is about."""
    if not isinstance(mark.item, Network):
        raise TypeError(mark.item)
    return mark.item


def _finish(ground: Ground, mark: Mark, network: Network) -> Observed:
    ground.folder.complete(replace(mark, state="made"))
    return _observed(ground, network)


def _observed(ground: Ground, network: Network, *, running: bool = True) -> Observed:
    return Observed(str(Ref(ground.copy, "network", network.name)), network, running)
