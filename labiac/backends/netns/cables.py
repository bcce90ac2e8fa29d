"""Cables: between a copy's switch and its machines, laid, moved and pulled."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from labiac.backends.netns import dump, mirror, netlink, shape, wiring
from labiac.backends.netns.places import bridge, bridge_index, port, port_index, tap
from labiac.errors import BackendError
from labiac.plan.model import Network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.netlink import Message, Socket
    from labiac.plan.model import Machine, Nic


def plug(ground: Ground, machine: Machine, nics: Sequence[Nic], sock: Socket) -> None:
    """Lay the cables of *nics* into the namespace of *machine*, where *sock* is."""
    inward = [nic for nic in nics if nic.attach != "nat"]
    if inward:
        with ground.opened_switch() as switch:
            refused = sock.send([_cable(machine, nic, switch) for nic in inward])
            if refused:
                masters = _clear(ground, machine, inward)
                inward = [nic for nic in inward if nic.name in masters]
                refused = sock.send(
                    [wiring.cable(machine.name, nic, switch, masters[nic.name]) for nic in inward]
                )
        ground.insist(machine.name, refused)
    tagged = [nic for nic in inward if nic.vlan or nic.native or nic.trunk]
    if tagged:
        with ground.switch() as lans:
            _tag(ground, machine, tagged, lans, known=False)
    watched = [nic for nic in inward if _is_watched(ground, nic)]
    if watched:
        with ground.switch() as lans:
            _mirror(ground, machine, watched, lans, known=False)
    outward = [nic for nic in nics if nic not in inward]
    if outward:
        with ground.spaces.opened(machine.host_name) as space:
            _outside().plug(ground, machine, outward, space)


def _cable(machine: Machine, nic: Nic, switch: int) -> Message:
    """Return the request for the cable of *nic* as it mostly is: to a LAN that is there."""
    master = bridge_index(_switch(nic)) if nic.attach == "lan" else 0
    return wiring.cable(machine.name, nic, switch, master, port_index(machine.name, nic.name))


def _switch(nic: Nic) -> str:
    """Return what the bridge that *nic* is plugged into is called by."""
    return tap(nic.network) if nic.listens else nic.network


def _clear(ground: Ground, machine: Machine, nics: Sequence[Nic]) -> dict[str, int]:
    """Clear the way for the cables of *nics*; return the bridge of each that belongs in here.

    What stands in the way is ours: its other end is in a namespace still dying.
    """
    with ground.switch() as sock:
        found = {nic.name: _master(ground, sock, machine, nic) for nic in nics}
        names = [port(machine.name, nic.name) for nic in nics]
        sock.send([netlink.delete_link(name, errno.ENODEV) for name in names])
    return {name: master for name, master in found.items() if master is not None}


def move(ground: Ground, machine: Machine, nics: Sequence[Nic]) -> None:
    """Put the cables of *nics* into the LANs they name, or pull them out, with no NIC replaced."""
    if not nics:
        return
    with ground.switch() as sock:
        messages = []
        for nic in nics:
            name, master = port(machine.name, nic.name), _master(ground, sock, machine, nic) or 0
            up = bool(master) and nic.connected
            into = netlink.number(10, master)
            messages.append(netlink.change_link(name, dump.index(sock, name), into, up=up))
        ground.insist(machine.name, sock.send(messages))
        _tag(ground, machine, nics, sock, known=True)
        _mirror(ground, machine, nics, sock, known=True)


def leave(ground: Ground, machine: Machine) -> None:
    """Take back what the cables of a *machine* that is about to go have outside its copy.

    Its cables to the copy's own switch die with its namespace, in the kernel's own time: to cut
    them now would wait for whatever else is dying on this host.
    """
    unplug(ground, machine, machine.nics)
    physical = [nic for nic in machine.nics if nic.network and _bridged(ground, nic.network)]
    if physical and ground.spaces.inode(machine.host_name):
        with ground.spaces.inside(machine.host_name) as sock:
            sock.send([netlink.delete_link(nic.name, errno.ENODEV) for nic in physical])


def unplug(ground: Ground, machine: Machine, nics: Sequence[Nic]) -> None:
    """Take back what the cables of *nics* have on the host; the rest goes with the machine."""
    if any(nic.attach == "nat" for nic in nics):
        _outside().unplug(ground, machine, nics)


def outwards(ground: Ground, nic: Nic) -> bool:
    """Return whether the cable of *nic* leads to the host, not to the copy's own switch."""
    return nic.attach == "nat" or (nic.attach == "lan" and _bridged(ground, nic.network))


def _master(ground: Ground, sock: Socket, machine: Machine, nic: Nic) -> int | None:
    """Return the number of the bridge that *nic* is plugged into: 0 is none, None the host."""
    if nic.attach in {"none", "nat"}:
        return 0 if nic.attach == "none" else None
    found = dump.index(sock, bridge(_switch(nic)))
    if found:
        return found
    if _bridged(ground, nic.network):
        return None
    raise BackendError(
        ground.where(f"{machine.name} {nic.name}"),
        f"its LAN {nic.network} is not there",
        fix="create the network first; after a crash or a reboot, refresh and bring it up",
    )


def _bridged(ground: Ground, network: str) -> bool:
    lan = _lan(ground, network)
    return lan is not None and lan.type == "bridged"


def _outside() -> ModuleType:
    from labiac.backends.netns import outside  # most labs keep to themselves

    return outside


def _tag(
    ground: Ground, machine: Machine, nics: Sequence[Nic], sock: Socket, *, known: bool
) -> None:
    """Give the ports of *nics* their VLANs."""
    messages = []
    for nic in nics:
        vlans = _vlans(ground, nic.network)
        if vlans:
            own = dump.index(sock, port(machine.name, nic.name))
            messages += shape.port_vlans(own, nic, vlans, vlans.values() if known else None)
    ground.insist(machine.name, sock.send(messages))


def _vlans(ground: Ground, network: str) -> Mapping[str, int]:
    lan = _lan(ground, network)
    return {vlan.name: vlan.id for vlan in lan.vlans} if lan else {}


def _mirror(
    ground: Ground, machine: Machine, nics: Sequence[Nic], sock: Socket, *, known: bool
) -> None:
    """Make the ports of *nics* copy what comes in by them where somebody listens, or listen."""
    messages = []
    for nic in nics:
        own = dump.index(sock, port(machine.name, nic.name))
        if nic.listens:
            messages.append(mirror.hushed(own))
        if nic.listens or not _is_watched(ground, nic):
            messages += [mirror.unmirrored(own)] if known else []
        else:
            messages += mirror.mirrored(own, bridge_index(tap(nic.network)), new=not known)
    ground.insist(machine.name, sock.send(messages))


def _is_watched(ground: Ground, nic: Nic) -> bool:
    lan = _lan(ground, nic.network) if nic.attach == "lan" else None
    return lan is not None and lan.watched


def _lan(ground: Ground, network: str) -> Network | None:
    mark = ground.folder.read("network", network)
    return mark.item if mark and isinstance(mark.item, Network) else None
