"""Tell the neighbours of a machine that joins or changes whose the addresses are that it has now.

They may know another node by them, a renamed one by its old MAC, and would go on for half a minute.
Where nobody has talked yet nobody knows anybody: a lab that comes up pays nothing.
"""

from __future__ import annotations

from socket import if_nameindex
from typing import TYPE_CHECKING

from labiac.backends.netns import kernel, netlink
from labiac.backends.netns.carrier import wait_for_carriers
from labiac.backends.netns.places import switch_space
from labiac.backends.netns.wiring import mac_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.netns.ground import Ground
    from labiac.plan.model import Machine, Nic


def announce(ground: Ground, was: Machine | None, now: Machine) -> None:
    """Let *now* tell its neighbours the addresses that are its own since it was *was*."""
    if not ground.folder.talked():
        return
    news = _news(was.nics if was else (), now.nics)
    if not news or not ground.has_switch():
        return
    with ground.spaces.opened(switch_space(ground.copy)) as switch:
        wait_for_carriers([switch])
    with ground.spaces.inside(now.host_name) as sock:
        ground.insist(now.name, sock.send(_announcements(news)))


def _news(was: Sequence[Nic], now: Sequence[Nic]) -> list[Nic]:
    """Return the NICs of *now* with an address that neighbours do not know by their MACs.

    Of two NICs in a LAN either answers for the other: where one left, the rest are news.
    """
    known = {each for nic in was for each in _known_by(nic)}
    plugged, still = (
        {(nic.mac, nic.network) for nic in each if nic.connected} for each in (was, now)
    )
    left = {network for _, network in plugged - still}
    return [nic for nic in now if nic.connected and (_known_by(nic) - known or nic.network in left)]


def _known_by(nic: Nic) -> set[tuple[str, ...]]:
    """Return what neighbours know of *nic*: each address, whose it is, and in which LAN."""
    own = [address for _, addresses in nic.interfaces() for address in addresses]
    return {(address, nic.mac, nic.network) for address in own}


def _announcements(nics: Sequence[Nic]) -> list[netlink.Message]:
    """Return the requests that make *nics*, in the thread's namespace, announce their addresses.

    A kernel that is told to does so whenever it is given a MAC, be it the one that it has.
    """
    index = {name: number for number, name in if_nameindex()}
    requests = []
    for nic in nics:
        mac = netlink.attribute(1, mac_bytes(nic.mac))
        for name, addresses in nic.interfaces():
            for address in addresses:
                family, notify = ("ipv6", "ndisc") if ":" in address else ("ipv4", "arp")
                kernel.sysctl(f"net/{family}/conf/{name}/{notify}_notify", "1")
            if addresses:
                requests.append(netlink.change_link(f"announce {name}", index[name], mac))
    return requests
