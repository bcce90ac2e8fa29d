"""Cables: between a copy's switch and its machines, laid, moved and pulled."""

from __future__ import annotations

import errno
from socket import if_nametoindex
from typing import TYPE_CHECKING

from labiac.backends.netns import netlink, shape, wiring
from labiac.backends.netns.places import bridge, port
from labiac.errors import BackendError
from labiac.plan.model import Network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.netlink import Socket
    from labiac.plan.model import Machine, Nic


def plug(ground: Ground, machine: Machine, nics: Sequence[Nic]) -> None:
    """Lay the cables of *nics* into the namespace of *machine*."""
    if not nics:
        return
    with ground.spaces.opened(machine.host_name) as space, ground.switch() as sock:
        messages = [
            wiring.cable(machine.name, nic, _bridge(ground, machine, nic), space) for nic in nics
        ]
        refused = sock.send(messages)
        if any(refusal.errno == errno.EEXIST for refusal in refused):
            # What stands in the way is ours: its other end is in a namespace that is still dying.
            names = [port(machine.name, nic.name) for nic in nics]
            refused = sock.send([netlink.delete_link(name, errno.ENODEV) for name in names])
            refused += sock.send(messages)
        ground.insist(machine.name, refused)
        _tag(ground, machine, nics, sock, known=False)


def move(ground: Ground, machine: Machine, nics: Sequence[Nic]) -> None:
    """Put the cables of *nics* into the LANs they name, or pull them out, with no NIC replaced."""
    if not nics:
        return
    with ground.switch() as sock:
        messages = []
        for nic in nics:
            name, master = port(machine.name, nic.name), _bridge(ground, machine, nic)
            up = bool(master) and nic.connected
            own = if_nametoindex(name)
            messages.append(netlink.change_link(name, own, netlink.number(10, master), up=up))
        ground.insist(machine.name, sock.send(messages))
        _tag(ground, machine, nics, sock, known=True)


def _bridge(ground: Ground, machine: Machine, nic: Nic) -> int:
    """Return the number of the bridge that *nic* is plugged into, 0 for none."""
    if nic.attach != "lan":
        return 0
    try:
        return if_nametoindex(bridge(nic.network))
    except OSError:
        raise BackendError(
            ground.where(f"{machine.name} {nic.name}"),
            f"its LAN {nic.network} is not there",
            fix="create the network first; after a crash or a reboot, refresh and bring it up again",
        ) from None


def _tag(
    ground: Ground, machine: Machine, nics: Sequence[Nic], sock: Socket, *, known: bool
) -> None:
    """Give the ports of *nics* their VLANs."""
    messages = []
    for nic in nics:
        if nic.vlan or nic.native or nic.trunk or (known and nic.network):
            own = if_nametoindex(port(machine.name, nic.name))
            messages += shape.port_vlans(own, nic, _vlans(ground, nic.network), known=known)
    ground.insist(machine.name, sock.send(messages))


def _vlans(ground: Ground, network: str) -> Mapping[str, int]:
    mark = ground.folder.read("network", network)
    if mark is None or not isinstance(mark.item, Network):
        return {}
    return {vlan.name: vlan.id for vlan in mark.item.vlans}
