"""VLANs and impairments as netlink messages: what only some kernels can. Pure."""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import netlink
from labiac.backends.netns.netlink import Message
from labiac.plan.model import Impairments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from labiac.plan.model import Nic, SubInterface

NOTHING: Final = Impairments(0.0, 0.0, 0.0, 0)

_NEWQDISC, _DELQDISC = 36, 37
_CREATE_OR_REPLACE: Final = 0x500
_QDISC: Final = struct.Struct("=BxxxiIII")
_ROOT: Final = 0xFFFFFFFF
_RATE: Final = struct.Struct("=BBHhHI")  # tc_ratespec
_ETHERNET: Final = 1
_NETEM: Final = struct.Struct("=6I")  # tc_netem_qopt
_TICKS_A_US: Final = 15.625  # PSCHED: a tick is 64 ns
_FRAME: Final = 1600  # bytes: a full Ethernet frame, and some

_VLAN_INFO: Final = struct.Struct("=HH")
_PVID_UNTAGGED: Final = 0x2 | 0x4
_FIRST_PVID: Final = 1


def sub_interface(sub: SubInterface, lower: int, index: int) -> Message:
    """Return the request for 802.1Q sub-interface *sub* with number *index* on link *lower*."""
    tag = netlink.attribute(1, struct.pack("=H", sub.id))
    return netlink.new_link(sub.name, "vlan", netlink.number(5, lower), data=tag, index=index)


def port_vlans(
    index: int, nic: Nic, ids: Mapping[str, int], known: Collection[int] | None
) -> list[Message]:
    """Return the requests that give bridge port *index* the VLANs of *nic*.

    Args:
        index: Number of the port in the switch namespace.
        nic: The NIC at the other end.
        ids: 802.1Q ID of each VLAN of the LAN, by name.
        known: IDs of the VLANs that the port may have already; the others of them go. None for a
            new port.
    """
    own = nic.vlan or nic.native
    untagged = ids[own] if own else None
    tagged = {sub.id for sub in nic.trunk} - {untagged}
    old = set(known or ())
    wanted = tagged | ({untagged} if untagged else set())
    messages = []
    if (own or nic.trunk) and _FIRST_PVID not in wanted:
        old.add(_FIRST_PVID)
    messages += [_port_vlan(index, vlan, 0, delete=True) for vlan in sorted(old - wanted)]
    messages += [_port_vlan(index, vlan, 0) for vlan in sorted(tagged)]
    if untagged:
        messages.append(_port_vlan(index, untagged, _PVID_UNTAGGED))
    elif not nic.trunk and known is not None:
        messages.append(_port_vlan(index, _FIRST_PVID, _PVID_UNTAGGED))
    return messages


def _port_vlan(index: int, vlan: int, flags: int, *, delete: bool = False) -> Message:
    info = netlink.attribute(2, _VLAN_INFO.pack(flags, vlan))
    body = netlink.link_header(index, family=socket.AF_BRIDGE) + netlink.nest(26, info)
    kind = netlink.DELLINK if delete else netlink.SETLINK
    return Message(f"VLAN {vlan} on a port", kind, 0, body)


def impair(index: int, wish: Impairments, name: str) -> list[Message]:
    """Return the requests that make link *index*, called *name*, treat what it sends as wished."""
    if wish == NOTHING:
        gone = _qdisc(index, b"")
        return [Message(f"{name} unimpaired", _DELQDISC, 0, gone, (errno.ENOENT, errno.EINVAL))]
    options = _netem(wish) if needs_netem(wish) else _token_bucket(wish.rate_kbit)
    return [
        Message(f"impairments of {name}", _NEWQDISC, _CREATE_OR_REPLACE, _qdisc(index, options))
    ]


def needs_netem(wish: Impairments) -> bool:
    """Return whether *wish* asks for more than a rate."""
    return bool(wish.delay_ms or wish.jitter_ms or wish.loss_percent)


def _qdisc(index: int, options: bytes) -> bytes:
    return _QDISC.pack(0, index, 0, _ROOT, 0) + options


def _token_bucket(rate_kbit: int) -> bytes:
    rate = rate_kbit * 125  # bytes a second
    burst = max(_FRAME, rate // 100)  # 10 ms worth
    ticks = int(burst / rate * 1e6 * _TICKS_A_US)
    parameters = (
        _RATE.pack(0, _ETHERNET, 0, 0, 0, rate)
        + _RATE.pack(0, 0, 0, 0, 0, 0)
        + struct.pack("=III", burst + max(_FRAME, rate // 20), ticks, 0)  # 50 ms in the queue
    )
    options = netlink.attribute(1, parameters) + netlink.number(6, burst)
    return netlink.text(1, "tbf") + netlink.attribute(2, options)


def _netem(wish: Impairments) -> bytes:
    loss = int(wish.loss_percent / 100 * 0xFFFFFFFF)
    delay_ns, jitter_ns = int(wish.delay_ms * 1e6), int(wish.jitter_ms * 1e6)
    options = _NETEM.pack(0, 1000, loss, 0, 0, 0)
    options += netlink.attribute(10, struct.pack("=q", delay_ns))  # TCA_NETEM_LATENCY64
    options += netlink.attribute(11, struct.pack("=q", jitter_ns))  # TCA_NETEM_JITTER64
    if wish.rate_kbit:
        rate = struct.pack("=IiIi", wish.rate_kbit * 125, 0, 0, 0)
        options += netlink.attribute(6, rate)  # TCA_NETEM_RATE
    return netlink.text(1, "netem") + netlink.attribute(2, options)
