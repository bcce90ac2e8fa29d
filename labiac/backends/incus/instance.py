"""A node as Incus is told of it: an instance's configuration and devices. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from labiac.backends.incus.names import MARK, READY, SEED, bridge
from labiac.backends.incus.network import behind
from labiac.backends.inside import in_order
from labiac.plan.model import Forward

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.backends.base import Copy
    from labiac.backends.incus.held import Held
    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine, Nic, Protocol

Device = dict[str, str]

ROOT: Final = "root"
_KEPT: Final = ("volatile.", "image.", READY)
"""What the keys begin with that stay: those that Incus has for itself, and what was once so."""
JOINED: Final = frozenset({"lan", "nat"})
"""Attachments of NICs whose cable leads to a network of Incus."""
PROCESSES: Final = 1000
"""So many a node may have, threads too: what forks without end takes no other node along. A router
with all of FRR's daemons has some 60."""
_EGRESS: Final = "limits.egress"
_RATE: Final = re.compile(r"(?P<number>\d+)(?P<unit>[kMG]bit)")
_KBIT: Final = {"kbit": 1, "Mbit": 1_000, "Gbit": 1_000_000}
_END: Final = re.compile(r"(?P<protocol>tcp|udp):(?P<host>\[[^]]+\]|[^:]+):(?P<port>\d+)")


def configuration(mark: Mark, known: Mapping[str, str]) -> dict[str, str]:
    """Return the configuration of the machine of *mark*; what Incus itself has *known* stays."""
    machine = mark.machine
    return {
        **{key: value for key, value in known.items() if key.startswith(_KEPT)},
        MARK: mark.to_json(),
        "limits.cpu": str(machine.cpus),
        "limits.memory": f"{machine.memory_mib}MiB",
        "limits.processes": str(PROCESSES),
        **{f"{SEED}{file.name}": file.text for file in machine.seed},
    }


def devices(
    copy: Copy, machine: Machine, pool: str, forwards: Iterable[Forward] = ()
) -> dict[str, Device]:
    """Return the devices of *machine*: its disk in the storage *pool*, its NICs, and its ports.

    Args:
        copy: Whose copy it is of.
        machine: What it shall be.
        pool: The storage pool that its disk is in.
        forwards: Ports of the host that lead to it.
    """
    root = {"type": "disk", "path": "/", "pool": pool, "size": f"{machine.disk_gib}GiB"}
    cards = {nic.name: _card(copy, machine, nic) for nic in machine.nics}
    return {ROOT: root, **cards, **{_port(each): _proxy(each) for each in forwards}}


def observed(planned: Machine, copy: Copy, found: Mapping[str, Device]) -> Machine:
    """Return *planned* with the NICs that its instance has: of each its MAC, LAN and ports."""
    nics = (
        _nic(nic, bridge(copy, lan(planned, nic)), found)
        for nic in planned.nics
        if nic.name in found
    )
    return replace(planned, nics=tuple(nics))


def lacking(forwards: Iterable[Forward], guest: Held) -> Iterator[Forward]:
    """Yield those of *forwards* that should lead to the machine *guest*, and do not."""
    own = {address.partition("/")[0] for address in guest.mark.machine.addresses()}
    for port in forwards:
        if port.guest in own and guest.known["devices"].get(_port(port)) != _proxy(port):
            yield port


def _card(copy: Copy, machine: Machine, nic: Nic) -> Device:
    card = {"type": "nic", "name": nic.name, "hwaddr": nic.mac}
    if nic.impair.rate_kbit:
        card[_EGRESS] = f"{nic.impair.rate_kbit}kbit"
    if nic.attach not in JOINED or not nic.connected:
        return {**card, "nictype": "p2p"}
    card["network"] = bridge(copy, lan(machine, nic))
    own = [address.partition("/")[0] for address in nic.addresses if ":" not in address]
    if nic.attach == "nat" and own:
        card["ipv4.address"] = own[0]  # which DHCP gives it
    return card


def lan(machine: Machine, nic: Nic) -> str:
    """Return the LAN that *nic* leads to, which may be one that it is alone in."""
    return behind(machine, nic).name if nic.attach == "nat" else nic.network


def _nic(nic: Nic, wanted: str, found: Mapping[str, Device]) -> Nic:
    """Return *nic* as it was *found*; if it leads elsewhere than to *wanted*, it says so."""
    card = found[nic.name]
    impair = replace(nic.impair, rate_kbit=_rate_kbit(card))
    nic = replace(nic, mac=card.get("hwaddr", ""), impair=impair)
    leads = card.get("network", "")
    if nic.attach not in JOINED:
        return nic
    if nic.attach == "nat":
        nic = replace(nic, forwards=_forwards(nic, found))
    if not leads:
        return replace(nic, connected=False)
    return nic if leads == wanted else replace(nic, network=leads)


def _rate_kbit(card: Device) -> int:
    """Return what the node may send by *card*; 0: as much as it can."""
    told = _RATE.fullmatch(card.get(_EGRESS, ""))
    return int(told["number"]) * _KBIT[told["unit"]] if told else 0


def _port(forward: Forward) -> str:
    """Return what the device is called that listens: no two do so on the same port."""
    return f"{forward.protocol}:{forward.host_address}:{forward.host_port}"


def _proxy(forward: Forward) -> Device:
    """Return the device that listens on the host, and speaks to the guest from inside it."""
    listen = _end(forward.protocol, forward.host_address, forward.host_port)
    connect = _end(forward.protocol, forward.guest, forward.guest_port)
    return {"type": "proxy", "listen": listen, "connect": connect}


def _end(protocol: str, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{protocol}:{host}:{port}"


def _forwards(nic: Nic, found: Mapping[str, Device]) -> tuple[Forward, ...]:
    """Return the ports that lead to *nic*, with its NAT; strange ones of its addresses, too."""
    there = (_led(device) for device in found.values() if device["type"] == "proxy")
    own = {address.partition("/")[0] for address in nic.addresses}
    return in_order(nic.forwards, {port for port in there if port and port.guest in own})


def _led(device: Device) -> Forward | None:
    """Return the port that *device* is, or None where labiac has no words for it."""
    listen, connect = (_END.fullmatch(device.get(end, "")) for end in ("listen", "connect"))
    if not (listen and connect) or listen["protocol"] != connect["protocol"]:
        return None
    protocol: Protocol = "udp" if listen["protocol"] == "udp" else "tcp"
    guest, guest_port = connect["host"].strip("[]"), int(connect["port"])
    return Forward(protocol, int(listen["port"]), guest, guest_port, listen["host"].strip("[]"))
