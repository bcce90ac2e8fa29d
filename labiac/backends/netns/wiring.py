"""A machine as netlink messages: what to send so that one plan becomes the other. Pure."""

from __future__ import annotations

import errno
import struct
from dataclasses import replace
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Final, NamedTuple

from labiac.backends.netns import netlink, places, shape
from labiac.backends.netns.netlink import Message
from labiac.backends.netns.places import port
from labiac.backends.ports import takes
from labiac.plan.model import SWITCHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.plan.model import Machine, Nic, SubInterface

LOOPBACK: Final = 1
BRIDGE: Final = "br0"
"""The bridge in the namespace of a machine that is one, or a switch."""
_BRIDGE_NUMBER: Final = 1 << 30
"""Of our own choice, so that its ports can go into the same batch."""
_SETNEIGHTBL: Final = 67
_LOOKUP_MS: Final = 100
"""A neighbour's look-up lost while a lab comes up costs this, not the kernel's second."""
_NO_DELAY: Final = netlink.number(1, 0)  # IFLA_BR_FORWARD_DELAY: a port forwards at once
_NO_STP: Final = netlink.number(5, 0)
_NO_SNOOPING: Final = netlink.attribute(23, b"\0")
_ONE_QUEUE: Final = netlink.number(31, 1) + netlink.number(32, 1)
_VLAN_FILTERING: Final = netlink.attribute(7, b"\1")
_NO_VLAN: Final = netlink.attribute(39, bytes(2))
"""IFLA_BR_VLAN_DEFAULT_PVID: a new port takes no frame before it is told which."""


class End(NamedTuple):
    """One end of a cable: the interface, and the open namespace it is in, None being the socket's.

    Without `number` and `mac` the kernel chooses.
    """

    name: str
    namespace: int | None = None
    number: int = 0
    mac: bytes = b""


def veth(end: End, peer: End, *, up: bool, master: int = 0) -> Message:
    """Return the request for a cable from *end* to *peer*.

    *end* is plugged into bridge *master*, unless that is 0. *peer* is down: it can't be up in the
    message that creates it, because a veth opens only when its other end exists.
    """
    there = netlink.link_header(peer.number) + netlink.text(3, peer.name) + _end(peer)
    plug = netlink.number(10, master) if master else b""
    data = netlink.attribute(1, there)
    return netlink.new_link(end.name, "veth", plug, _end(end), data=data, up=up, index=end.number)


def _end(end: End) -> bytes:
    place = b"" if end.namespace is None else netlink.number(28, end.namespace)
    return place + _ONE_QUEUE + (netlink.attribute(1, end.mac) if end.mac else b"")


def lan(network: str, switch: int, *, vlans: bool) -> Message:
    """Return the request for the bridge of LAN *network* in the open namespace *switch*."""
    there = netlink.number(28, switch)
    filtering = _VLAN_FILTERING if vlans else b""
    index = places.bridge_index(network)
    return _bridge(places.bridge(network), there, vlans=filtering, index=index)


def _bridge(name: str, *more: bytes, vlans: bytes, index: int) -> Message:
    data = _NO_DELAY + _NO_STP + _NO_SNOOPING + vlans
    return netlink.new_link(name, "bridge", *more, data=data, index=index)


def cable(machine: str, nic: Nic, switch: int, master: int, index: int = 0) -> Message:
    """Return the request, in the machine's namespace, for the cable of *nic*.

    It leads to port number *index* (0 lets the kernel choose) of bridge *master* (0 leaves it
    out) in the open namespace *switch*.
    """
    return veth(
        End(port(machine, nic.name), switch, index),
        End(nic.name, mac=mac_bytes(nic.mac)),
        master=master,
        up=bool(master) and nic.connected,
    )


def mac_bytes(mac: str) -> bytes:
    """Return *mac* as it stands in a frame."""
    return bytes.fromhex(mac.replace(":", ""))


def uses_ipv6(machine: Machine) -> bool:
    """Return whether any interface of *machine* has an IPv6 address."""
    return any(":" in address for address in machine.addresses())


def configure(was: Machine | None, now: Machine, index: Mapping[str, int]) -> list[Message]:
    """Return the requests, in the machine's namespace, that lead from *was* to *now*.

    NICs that only *was* has are the caller's; those that only *now* has are there, and down.

    Args:
        was: What is there; None for a new namespace.
        now: What shall be.
        index: Number of each interface by name: NICs, and the sub-interfaces that exist.
    """
    before = {nic.name: nic for nic in was.nics} if was else {}
    messages = [] if was else [netlink.change_link("lo", LOOPBACK, up=True)]
    if was and was.role in SWITCHING and was.role != now.role:
        messages.append(netlink.delete_link(BRIDGE, errno.ENODEV))
    messages += [
        route(line.to, line.via, index, errno.ESRCH, delete=True)
        for line in (was.routes if was else ())
        if line not in now.routes
    ]
    for nic in now.nics:
        own = replace(nic, trunk=()) if now.switch else nic  # a port has tags, and no interfaces
        messages += _nic(before.get(nic.name), own, index)
    if now.role in SWITCHING:
        messages += _ports(now, index)
    if now.switch:
        messages += _vlans(before, now, now.switch.ids, index)
    # All, not only the new ones: an address or NIC that goes takes the routes over it along.
    messages += [route(line.to, line.via, index, errno.EEXIST) for line in now.routes]
    return messages


def route(
    to: str, via: str, index: Mapping[str, int], forgiven: int, *, delete: bool = False
) -> Message:
    """Return the request that adds or deletes a route; *via* is a next hop or an interface."""
    if via in index:
        return netlink.route(to, forgiven, index=index[via], delete=delete)
    return netlink.route(to, forgiven, via=via, delete=delete)


def _nic(was: Nic | None, now: Nic, index: Mapping[str, int]) -> list[Message]:
    if was == now:
        return []
    own = index[now.name]
    messages = []
    if was is None:
        messages.append(_retry_lookups(own, AF_INET))
    if _ipv6(now) and not (was and _ipv6(was)):
        messages.append(_retry_lookups(own, AF_INET6))
    if was is None or was.connected != now.connected:
        messages.append(netlink.change_link(now.name, own, up=True))
    if was is not None and was.mac != now.mac:
        new_mac = netlink.attribute(1, mac_bytes(now.mac))
        messages.append(netlink.change_link(f"{now.name} {now.mac}", own, new_mac))
    messages += _addresses(was.addresses if was else (), now.addresses, own)
    messages += _trunk(was.trunk if was else (), now, index)
    if now.impair != (was.impair if was else shape.NOTHING):
        messages += shape.impair(own, now.impair, now.name)
    return messages


def _ports(machine: Machine, index: Mapping[str, int]) -> list[Message]:
    """Return the requests that make the NICs of *machine*, which are up, the ports of its bridge.

    A port that is up with its bridge forwards at once.
    """
    own = index.get(BRIDGE, _BRIDGE_NUMBER)
    master = netlink.number(10, own)
    made = _bridge(BRIDGE, vlans=_VLAN_FILTERING + _NO_VLAN if machine.switch else b"", index=own)
    return [
        made._replace(forgiven=(errno.EEXIST,)),
        netlink.change_link(BRIDGE, own, up=True),
        *(netlink.change_link(nic.name, index[nic.name], master) for nic in machine.nics),
    ]


def _vlans(
    before: Mapping[str, Nic], switch: Machine, ids: Mapping[str, int], index: Mapping[str, int]
) -> list[Message]:
    """Return the requests that give the ports of *switch* their VLANs, and take others."""
    messages = []
    for nic in switch.nics:
        was = before.get(nic.name)
        known = takes(was, ids).ids() if was else None
        messages += shape.port_vlans(index[nic.name], nic, ids, known)
    return messages


def _retry_lookups(index: int, family: int) -> Message:
    """Return the request that shortens the wait for a neighbour's answer on link *index*."""
    table = "arp_cache" if family == AF_INET else "ndisc_cache"
    timers = netlink.number(1, index) + netlink.attribute(5, struct.pack("=Q", _LOOKUP_MS))
    body = struct.pack("=Bxxx", family) + netlink.text(1, table) + netlink.nest(6, timers)
    return Message(f"neighbour timers of link {index}", _SETNEIGHTBL, 0, body)


def _ipv6(nic: Nic) -> bool:
    return any(":" in address for address in nic.addresses)


def _addresses(was: tuple[str, ...], now: tuple[str, ...], index: int) -> list[Message]:
    if was == now:
        return []
    gone = [address for address in was if address not in now]
    return [
        netlink.address(index, address, errno.EADDRNOTAVAIL, delete=True) for address in gone
    ] + [netlink.address(index, address, errno.EEXIST) for address in now]


def _trunk(was: tuple[SubInterface, ...], now: Nic, index: Mapping[str, int]) -> list[Message]:
    before = {(sub.name, sub.id): sub for sub in was}
    kept = {(sub.name, sub.id) for sub in now.trunk}
    messages = [
        netlink.delete_link(sub.name, errno.ENODEV)
        for key, sub in before.items()
        if key not in kept
    ]
    for sub in now.trunk:
        old = before.get((sub.name, sub.id))
        # A number of our own choice, so that its addresses can go into the same batch.
        own = index[sub.name] if old else (index[now.name] << 12) + sub.id
        if old is None:
            messages.append(shape.sub_interface(sub, index[now.name], own))
        messages += _addresses(old.addresses if old else (), sub.addresses, own)
    return messages
