"""What FRR is told: its daemons, and the configuration of each. Pure.

Each daemon gets the lines that are its own, so that it can be run by itself; all together they
are the one file ``frr.conf`` of a guest. The timers are quick: a lab shall not wait for a minute
until its routers agree. Where a student's router is in the LAN they are the protocol's own,
because those of two neighbours must be the same.

Every value is parsed and written anew, so that none can become text that it is not.

Source:
    https://docs.frrouting.org/en/stable-8.4/ (FRR 10 takes the same lines).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import TYPE_CHECKING, Final

from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine
    from labiac.plan.speaker import Speaker

QUICK: Final = {
    "ospf": ("hello-interval 1", "dead-interval 4"),
    "ospfd": (
        "timers throttle spf 10 100 1000",
        "timers throttle lsa all 0",
        "timers lsa min-arrival 0",
    ),
    "ospf6d": ("timers throttle spf 10 100 1000", "timers lsa min-arrival 0"),
    "rip": ("timers basic 5 15 10",),
    "bgp": ("timers bgp 1 4",),
}
"""Lines for quick timers, in seconds. OSPF's own: hello 10, dead 40. RIP's own: updates each 30, a
route lasts 180 without, and is forgotten 120 later. BGP neighbours agree on the shorter ones."""

_CONNECT_S: Final = 2
"""How soon BGP calls again a neighbour that did not answer."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def configuration(machine: Machine) -> dict[str, str]:
    """Return the lines of each daemon that *machine* needs beside zebra, by the daemon's name.

    Returns:
        Empty where it runs no routing protocol.

    Raises:
        LabError: a value is none of its kind: an address, a name.
    """
    speaker = machine.speaker
    if speaker is None:
        return {}
    try:
        held = _held(machine, speaker)
        return {
            daemon: "".join(f"{line}\n" for line in (*_head(machine), *write(speaker, held)))
            for daemon, version, write in _DAEMONS[machine.routing]
            if any(own.version in version for _, own in held)
        }
    except (KeyError, TypeError, ValueError) as error:
        problem = f"its routing has a value of no such kind: {error}"
        raise LabError(machine.name, problem, fix="write what the lab file's page says") from error


def integrated(machine: Machine) -> str:
    """Return ``frr.conf`` of *machine*: the lines of all its daemons, the first ones once.

    Empty where it runs no routing protocol.
    """
    texts = configuration(machine).values()
    head = "".join(f"{line}\n" for line in _head(machine)) if texts else ""
    return head + "".join(text.removeprefix(head) for text in texts)


Held = list[tuple[str, IPv4Interface | IPv6Interface]]
"""Each address with the interface that it is on."""


def _held(machine: Machine, speaker: Speaker) -> Held:
    addresses = dict(machine.interfaces())
    return [
        (_name(name), ip_interface(address))
        for name in speaker.interfaces
        for address in addresses[name]
    ]


def _head(machine: Machine) -> tuple[str, ...]:
    return "frr defaults datacenter", f"hostname {_name(machine.name)}"


def _ospf(speaker: Speaker, held: Held) -> Iterator[str]:
    for name in _interfaces(held, 4):
        yield from _ospf_link(speaker, name, "ip ospf")
    yield "router ospf"
    yield f" ospf router-id {ip_address(speaker.router_id)}"
    if not speaker.patient:
        yield from (f" {timers}" for timers in QUICK["ospfd"])
    yield "exit"


def _ospf6(speaker: Speaker, held: Held) -> Iterator[str]:
    for name in _interfaces(held, 6):
        yield from _ospf_link(speaker, name, "ipv6 ospf6")
    yield "router ospf6"
    yield f" ospf6 router-id {ip_address(speaker.router_id)}"
    if not speaker.patient:
        yield from (f" {timers}" for timers in QUICK["ospf6d"])
    yield "exit"


def _ospf_link(speaker: Speaker, name: str, words: str) -> Iterator[str]:
    yield f"interface {name}"
    yield f" {words} area 0"
    if name not in speaker.patient:
        yield from (f" {words} {timer}" for timer in QUICK["ospf"])
    yield "exit"


def _rip(speaker: Speaker, held: Held) -> Iterator[str]:
    yield "router rip"
    yield from _rip_links(speaker, _interfaces(held, 4))


def _ripng(speaker: Speaker, held: Held) -> Iterator[str]:
    yield "router ripng"
    yield from _rip_links(speaker, _interfaces(held, 6))


def _rip_links(speaker: Speaker, names: list[str]) -> Iterator[str]:
    yield from (f" network {name}" for name in names)
    if not speaker.patient:
        yield from (f" {timers}" for timers in QUICK["rip"])
    yield "exit"


def _bgp(speaker: Speaker, held: Held) -> Iterator[str]:
    peers = [(ip_address(peer.address), int(peer.asn)) for peer in speaker.peers]
    yield f"router bgp {int(speaker.asn)}"
    yield f" bgp router-id {ip_address(speaker.router_id)}"
    yield " no bgp default ipv4-unicast"
    yield " no bgp ebgp-requires-policy"
    yield from (f" {timers}" for timers in QUICK["bgp"])
    for address, asn in peers:
        yield f" neighbor {address} remote-as {asn}"
        yield f" neighbor {address} timers connect {_CONNECT_S}"
    for version in (4, 6):
        own = dict.fromkeys(str(each.network) for _, each in held if each.version == version)
        if own:
            yield f" address-family ipv{version} unicast"
            yield from (f"  network {network}" for network in own)
            yield from (
                f"  neighbor {each} activate" for each, _ in peers if each.version == version
            )
            yield " exit-address-family"
    yield "exit"


def _interfaces(held: Held, version: int) -> list[str]:
    return list(dict.fromkeys(name for name, own in held if own.version == version))


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(repr(text))
    return text


_DAEMONS: Final = {
    "ospf": (("ospfd", (4,), _ospf), ("ospf6d", (6,), _ospf6)),
    "rip": (("ripd", (4,), _rip), ("ripngd", (6,), _ripng)),
    "bgp": (("bgpd", (4, 6), _bgp),),
}
"""The daemons of each protocol, the IP versions that each is for, and what writes its lines."""
