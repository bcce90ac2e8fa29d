"""Where a lab meets the host: addresses in a LAN, NAT, and the host's own physical links.

Everything here happens in the network namespace that labiac runs in.

A physical interface stays the host's: a NIC in a ``bridged`` LAN is a macvlan on it, with a MAC
of its own on the wire. The host and such a node don't see each other, which is macvlan's limit.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from ipaddress import ip_interface
from socket import AF_INET, AF_INET6, if_nametoindex
from typing import TYPE_CHECKING, Final

from labiac.backends import run, subnets
from labiac.backends.base import Copy
from labiac.backends.netns import dump, kernel, nat, netlink, wiring
from labiac.backends.netns.places import bridge, host_end, switch_end
from labiac.errors import BackendError, ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labiac.backends.netns.ground import Ground
    from labiac.errors import Problem
    from labiac.plan.model import Forward, Machine, Network, Nic, Plan

_ALIAS: Final = 20
_MACVLAN_BRIDGE: Final = netlink.number(1, 4)
_NFT_S: Final = 10.0
_EVERYWHERE: Final = 0  # RT_SCOPE_UNIVERSE: not of one link or of this host alone
_OURS: Final = re.compile("labiac (?P<lab>[^/ ]+)/(?P<student>[^/ ]+) (?P<item>.+)")
"""What `_alias` says of an interface."""
_HOST_IPV6: Final = "net/ipv6/conf/all/forwarding"


def join(ground: Ground, network: Network) -> None:
    """Give the host what *network* says it has in that LAN; repeat to change it."""
    name, alias = host_end(network.host_name), _alias(ground, network.name)
    _refuse_foreign(ground, network.name, name, alias)
    home = os.open(kernel.HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with ground.switch() as sock:
            master = if_nametoindex(bridge(network.name))
            ends = wiring.End(switch_end(network.name)), wiring.End(name, home)
            cable = wiring.veth(*ends, master=master, up=True)
            ground.insist(network.name, sock.send([cable._replace(forgiven=(errno.EEXIST,))]))
    finally:
        os.close(home)
    natted = network.type == "nat"
    _settle(name, network.host_addresses, forwards=network.host_routes or natted, natted=natted)
    with netlink.Socket() as sock:
        index = if_nametoindex(name)
        messages = _configure(sock, index, alias, network)
        ground.insist(network.name, sock.send(messages))
    if natted:
        hidden = [subnet for subnet in (network.ipv4, network.ipv6) if subnet]
        _hide(ground, network.host_name, name, hidden, network.forwards)


def leave(ground: Ground, network: Network) -> None:
    """Take back what `join` gave."""
    _drop(ground, network.name, network.host_name, natted=network.type == "nat")


def present(network: Network) -> Network | None:
    """Return *network* with the addresses that the host has in it, or None when it has no link."""
    with netlink.Socket() as sock:
        link = dump.links(sock).get(host_end(network.host_name))
        found = {line.cidr for line in dump.addresses(sock) if link and line.number == link.number}
    if link is None or not link.up:
        return None
    held = tuple(address for address in network.host_addresses if address in found)
    more = {address for address in found if not address.startswith("fe80:")} - set(held)
    return replace(network, host_addresses=held + tuple(sorted(more)))


def plug(ground: Ground, machine: Machine, nics: Sequence[Nic], space: int) -> None:
    """Lay the cables of *nics* that lead to the host: to a NAT of their own, or a physical link."""
    for nic in nics:
        if nic.attach == "nat":
            _nat_nic(ground, machine, nic, space)
        else:
            _physical(ground, machine, nic, space)


def unplug(ground: Ground, machine: Machine, nics: Iterable[Nic]) -> None:
    """Take back what `plug` made on the host."""
    for nic in nics:
        if nic.attach == "nat":
            _drop(ground, machine.name, _nic_name(machine, nic), natted=True)


def interface_of(ground: Ground, network: str) -> str:
    """Return the physical interface of a ``bridged`` LAN, empty when it is none."""
    mark = ground.folder.read("network", network)
    return str(getattr(mark.item, "interface", "")) if mark else ""


def clashes(plan: Plan) -> Iterator[Problem]:
    """Yield where the host is to have an address in a subnet that it has one in already."""
    wanted = [*subnets.of_lans(plan), *subnets.of_nics(plan)]
    return subnets.clashes("netns", wanted, _held(plan) if wanted else ())


def _held(plan: Plan) -> Iterator[subnets.Held]:
    """Yield the host's addresses but for those that labiac gave it for the copy of *plan*."""
    with netlink.Socket() as sock:
        links = {link.number: link for link in dump.links(sock).values()}
        lines = [line for line in dump.addresses(sock) if line.scope == _EVERYWHERE]
    for line in lines:
        link = links.get(line.number)
        if link is None:  # it went while we looked
            continue
        ours = _OURS.fullmatch(link.alias)
        if ours is None:
            remedy = f"ip address del {line.cidr} dev {link.name}"
            yield subnets.Held(line.cidr, f"on {link.name}", remedy)
        elif (ours["lab"], ours["student"]) != (plan.lab, plan.student):
            yield subnets.of_copy(line.cidr, ours["item"], Copy(ours["lab"], ours["student"]))


def _nat_nic(ground: Ground, machine: Machine, nic: Nic, space: int) -> None:
    owner = _nic_name(machine, nic)
    name, alias = host_end(owner), _alias(ground, machine.name)
    _refuse_foreign(ground, machine.name, name, alias)
    guest = wiring.End(nic.name, space, mac=wiring.mac_bytes(nic.mac))
    with netlink.Socket() as sock:
        cable = wiring.veth(wiring.End(name), guest, up=False)
        ground.insist(machine.name, sock.send([netlink.delete_link(name, errno.ENODEV), cable]))
        gateways = [subnets.gateway(address) for address in nic.addresses]
        _settle(name, gateways, forwards=True, natted=True)
        index = if_nametoindex(name)
        ground.insist(
            machine.name,
            sock.send(
                [
                    netlink.change_link(name, index, netlink.text(_ALIAS, alias), up=nic.connected),
                    *(netlink.address(index, gateway, errno.EEXIST) for gateway in gateways),
                ]
            ),
        )
    hidden = [str(ip_interface(address).network) for address in nic.addresses]
    _hide(ground, owner, name, hidden, nic.forwards)


def _physical(ground: Ground, machine: Machine, nic: Nic, space: int) -> None:
    interface = interface_of(ground, nic.network)
    try:
        lower = if_nametoindex(interface)
    except OSError:
        raise BackendError(
            ground.where(f"{machine.name} {nic.name}"),
            f"this host has no interface {interface!r} to bridge {nic.network} to",
            fix="name one that `ip link` lists",
        ) from None
    there = (netlink.number(5, lower), netlink.number(28, space))
    mac = netlink.attribute(1, wiring.mac_bytes(nic.mac))
    link = netlink.new_link(nic.name, "macvlan", *there, mac, data=_MACVLAN_BRIDGE, up=False)
    with netlink.Socket() as sock:
        ground.insist(machine.name, sock.send([link]))


def _configure(
    sock: netlink.Socket, index: int, alias: str, network: Network
) -> list[netlink.Message]:
    """Return the requests that make the host's end of a LAN what *network* says."""
    held = [line for line in dump.addresses(sock) if line.number == index]
    stray = [
        line.cidr
        for line in held
        if line.cidr not in network.host_addresses and not line.cidr.startswith("fe80:")
    ]
    lines = [line for family in (AF_INET, AF_INET6) for line in dump.routes(sock, family)]
    wanted = {(line.to, line.via) for line in network.routes}
    old = [line for line in lines if line.number == index and (line.to, line.via) not in wanted]
    return [
        netlink.change_link(network.name, index, netlink.text(_ALIAS, alias), up=True),
        *(netlink.route(line.to, errno.ESRCH, via=line.via, delete=True) for line in old),
        *(netlink.address(index, cidr, errno.EADDRNOTAVAIL, delete=True) for cidr in stray),
        *(netlink.address(index, cidr, errno.EEXIST) for cidr in network.host_addresses),
        *(netlink.route(line.to, errno.EEXIST, via=line.via) for line in network.routes),
    ]


def _settle(name: str, addresses: Sequence[str], *, forwards: bool, natted: bool) -> None:
    """Set what the host's end of a cable may do, before it has an address."""
    forward = str(int(forwards))
    kernel.sysctl(f"net/ipv4/conf/{name}/forwarding", forward)
    kernel.sysctl(f"net/ipv4/conf/{name}/route_localnet", str(int(natted)))
    ipv6 = any(":" in address for address in addresses)
    if kernel.read_sysctl(f"net/ipv6/conf/{name}/disable_ipv6"):
        kernel.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", str(int(not ipv6)))
        for key in ("accept_ra", "autoconf", "accept_dad"):
            kernel.sysctl(f"net/ipv6/conf/{name}/{key}", "0")
        kernel.sysctl(f"net/ipv6/conf/{name}/forwarding", forward)
        if ipv6:
            _forward_ipv6(name, forward)


def _forward_ipv6(name: str, forward: str) -> None:
    """Let IPv6 packets through that come in by *name*, or not.

    Unlike IPv4's, ``forwarding`` of one interface opens no way. Linux 6.17 has a switch that does;
    before, there is only the host's own, which stays as it is when a LAN needs no forwarding.
    """
    own = f"net/ipv6/conf/{name}/force_forwarding"
    if kernel.read_sysctl(own):
        kernel.sysctl(own, forward)
    elif forward == "1" and kernel.read_sysctl(_HOST_IPV6) == "0":
        kernel.sysctl(_HOST_IPV6, forward)


def _hide(
    ground: Ground,
    owner: str,
    interface: str,
    subnets: Sequence[str],
    forwards: Sequence[Forward],
) -> None:
    """Hide *subnets* behind the host, which forwards from now on if it did not yet."""
    for version, key in ((".", "net/ipv4/ip_forward"), (":", _HOST_IPV6)):
        if any(version in subnet for subnet in subnets) and kernel.read_sysctl(key) == "0":
            kernel.sysctl(key, "1")
    rules = nat.rules(nat.table(owner), interface, subnets, forwards)
    run.insist(nat.LOAD, where=ground.where(owner), timeout_s=_NFT_S, stdin=rules)


def _drop(ground: Ground, item: str, owner: str, *, natted: bool) -> None:
    with netlink.Socket() as sock:
        link = dump.links(sock).get(host_end(owner))
        if link and link.alias in {_alias(ground, item), ""}:
            ground.insist(item, sock.send([netlink.delete_link(link.name, errno.ENODEV)]))
    if natted:
        rules = nat.no_rules(nat.table(owner))
        run.insist(nat.LOAD, where=ground.where(owner), timeout_s=_NFT_S, stdin=rules)


def _refuse_foreign(ground: Ground, item: str, name: str, alias: str) -> None:
    """Refuse an interface *name* of the host that is somebody else's.

    One without an alias is ours from before a crash: nobody else gives such names.
    """
    with netlink.Socket() as sock:
        link = dump.links(sock).get(name)
    if link and link.alias not in {alias, ""}:
        raise ForeignError(
            ground.where(item),
            f"the host has an interface {name} that labiac did not make",
            fix=f"delete it (ip link del {name}), or rename the lab",
        )


def _alias(ground: Ground, item: str) -> str:
    return f"labiac {ground.copy.lab}/{ground.copy.student} {item}"


def _nic_name(machine: Machine, nic: Nic) -> str:
    return f"{machine.host_name}.{nic.name}"
