"""LANs: a bridge each, in the switch namespace of the copy. The caller has the lock."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from labiac.backends.base import Observed
from labiac.backends.netns import dump, marks, mirror, netlink, wiring
from labiac.backends.netns.places import Ref, bridge, tap
from labiac.backends.refusals import gone
from labiac.plan.model import Network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import TypeGuard

    from labiac.backends.netns.dump import Link
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark
    from labiac.backends.netns.netlink import Socket
    from labiac.plan.model import Item


def create(ground: Ground, network: Network, owner: str) -> Observed:
    """Make *network*; complete or change what is there of it already."""
    old = ground.folder.read("network", network.name)
    if old and _with_host(old.item) and old.item.type != network.type:
        _outside().leave(ground, item(old))
    if old and item(old).watched and not network.watched and ground.has_switch():
        _unwatch(ground, network)
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
    if network.watched:
        _watch(ground, network)


def _watch(ground: Ground, network: Network) -> None:
    """Give *network* its tap, and have each of its ports copy to it; those who do so go on."""
    name = tap(network.name)
    with ground.opened_switch() as switch, netlink.Socket() as sock:
        request = wiring.lan(name, switch, vlans=False)
        refused = sock.send([request._replace(forgiven=(errno.EEXIST,))])
        ground.insist(network.name, refused)
    with ground.switch() as sock:
        links = dump.links(sock)
        own = links[bridge(name)].number
        messages = [netlink.change_link(bridge(name), own, up=True)]
        for port in _ports(links, network.name):
            if not mirror.copies(sock, port, own):
                messages += mirror.mirrored(port, own)
        ground.insist(network.name, sock.send(messages))


def _unwatch(ground: Ground, network: Network) -> None:
    """Take the tap of *network* away, and the copying of its ports."""
    with ground.switch() as sock:
        ports = _ports(dump.links(sock), network.name)
        gone = netlink.delete_link(bridge(tap(network.name)), errno.ENODEV)
        messages = [*(mirror.unmirrored(port) for port in ports), gone]
        ground.insist(network.name, sock.send(messages))


def _watched(sock: Socket, links: Mapping[str, Link], network: str) -> bool:
    """Return whether *network* has its tap, and all its ports copy to it."""
    own = links.get(bridge(tap(network)))
    if own is None or not own.up:
        return False
    return all(mirror.copies(sock, each, own.number) for each in _ports(links, network))


def _ports(links: Mapping[str, Link], network: str) -> list[int]:
    own = links.get(bridge(network))
    return [link.number for link in links.values() if own and link.master == own.number]


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
        links = dump.links(sock)
        link = links.get(bridge(planned.name))
        planned = replace(planned, watched=planned.watched and _watched(sock, links, planned.name))
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
            names = (bridge(network.name), bridge(tap(network.name)))
            requests = [netlink.delete_link(name, errno.ENODEV) for name in names]
            ground.insist(network.name, sock.send(requests))
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
