"""A NIC of the plan as VirtualBox has it, a network adapter in one of its slots; and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

from labiac.plan.model import Forward, Impairments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from labiac.plan.management import Management
    from labiac.plan.model import Attachment, Network, Nic, Protocol

MODELS: Final = {
    "virtio": "virtio",
    "e1000": "82540EM",
    **{name: name for name in ("82540EM", "82543GC", "82545EM", "Am79C970A", "Am79C973")},
}
"""NIC models of lab files, and what VirtualBox calls them; its own names do too."""

_NAMED_BY: Final = {
    "intnet": ("intnet", "intnet"),
    "natnetwork": ("nat-network", "nat-network"),
    "bridged": ("bridge-adapter", "bridgeadapter"),
    "hostonly": ("host-only-adapter", "hostonlyadapter"),
    "generic": ("nic-generic-drv", "generic"),
}
"""By mode: the option of modifyvm that names what a card is attached to, and the key read back."""
_ATTACH: Final[dict[str, Attachment]] = {"nat": "nat", "null": "none", "generic": "generic"}
"""Modes that are no LAN's."""
EMPTY: Final = "none"
"""The mode of a slot without a card."""
_PROTOCOLS: Final = {"0": "udp", "1": "tcp"}
_BITS: Final = 8
_DOOR: Final = "labiac"
"""The name of the rule by which labiac reaches a guest."""
_SSH: Final = 22
LOOPBACK: Final = "127.0.0.1"
"""Where that port is: nobody but this host's own users gets as far as the guest's SSH server."""


@dataclass(frozen=True, slots=True)
class Wire:
    """What a card is attached to.

    Args:
        mode: VirtualBox's word: ``intnet``, ``natnetwork``, ``bridged``, ``hostonly``, ``nat``,
            ``generic``, or ``null`` for nothing.
        name: Of the network, the host's interface or the driver; empty where there is none.
    """

    mode: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A network adapter that is there.

    Args:
        wire: What it is attached to.
        mac: Twelve hexadecimal digits, upper case.
        model: VirtualBox's name of it.
        cable: Whether the cable is in.
        promiscuous: Whether it gets frames for other MACs.
        rate_kbit: What its bandwidth group lets it send, kbit/s; 0 is without limit.
        forwards: Rules of a NAT of its own, as modifyvm takes them, sorted.
        properties: Of a generic driver, sorted.
        subnet: Of a NAT of its own; empty is VirtualBox's choice.
    """

    wire: Wire
    mac: str
    model: str
    cable: bool
    promiscuous: bool
    rate_kbit: int
    forwards: tuple[str, ...]
    properties: tuple[tuple[str, str], ...]
    subnet: str = ""


def wire_of(lan: Network, adapter: str = "") -> Wire:
    """Return what the cards in *lan* are attached to.

    Args:
        lan: The LAN.
        adapter: The host's interface in it, of a LAN of type ``host``.
    """
    match lan.type:
        case "internal":
            return Wire("intnet", lan.host_name)
        case "nat":
            return Wire("natnetwork", lan.host_name)
        case "bridged":
            return Wire("bridged", lan.interface)
        case "host":
            return Wire("hostonly", adapter)


def card_of(nic: Nic, wires: Mapping[str, Wire]) -> Card:
    """Return the card that *nic* is to be; *wires* has what its LAN is, by the LAN's name."""
    own = {"nat": Wire("nat"), "none": Wire("null"), "generic": Wire("generic", nic.driver)}
    return Card(
        wire=wires[nic.network] if nic.attach == "lan" else own[nic.attach],
        mac=nic.mac.replace(":", "").upper(),
        model=MODELS.get(nic.model, nic.model),
        cable=nic.connected and nic.attach != "none",
        promiscuous=nic.promiscuous,
        rate_kbit=nic.impair.rate_kbit,
        forwards=tuple(sorted(map(_rule, nic.forwards))),
        properties=nic.properties,
    )


def door(management: Management, port: int) -> Card:
    """Return the card by which labiac reaches a guest: *port* of this host leads there."""
    own = ip_interface(management.address)
    return Card(
        wire=Wire("nat"),
        mac=management.mac.replace(":", "").upper(),
        model=MODELS["virtio"],
        cable=True,
        promiscuous=False,
        rate_kbit=0,
        forwards=(f"{_DOOR},tcp,{LOOPBACK},{port},{own.ip},{_SSH}",),
        properties=(),
        subnet=str(own.network),
    )


def door_port(card: Card) -> int:
    """Return the port of this host by which labiac reaches a guest; 0 when *card* has none."""
    rules = (rule.split(",") for rule in card.forwards)
    return next((int(words[3]) for words in rules if words[0] == _DOOR), 0)


def group(slot: int) -> str:
    """Return the name of the bandwidth group of the card in *slot*."""
    return f"nic{slot}"


def options(slot: int, was: Card | None, now: Card | None) -> list[str]:
    """Return the options of modifyvm that make what is in *slot* from *was* to *now*."""
    if was == now:
        return []
    if now is None:
        return [f"--nic{slot}={EMPTY}"]
    named = _NAMED_BY.get(now.wire.mode)
    # fmt: off
    return [
        f"--nic{slot}={now.wire.mode}",
        *([f"--{named[0]}{slot}={now.wire.name}"] if named else []),
        f"--nic-type{slot}={now.model}",
        f"--mac-address{slot}={now.mac}",
        f"--cable-connected{slot}={'on' if now.cable else 'off'}",
        f"--nic-promisc{slot}={_policy(now)}",
        f"--nic-speed{slot}={now.rate_kbit}",
        f"--nic-bandwidth-group{slot}={group(slot) if now.rate_kbit else 'none'}",
        *_nat(slot, was.forwards if was else (), now),
        *_driver(slot, was.properties if was else (), now),
    ]
    # fmt: on


def live(slot: int, was: Card, now: Card) -> list[list[str]] | None:
    """Return what controlvm makes of the card in *slot* while its machine runs: *was* to *now*.

    None where the machine must be off for it.
    """
    if replace(was, wire=now.wire, cable=now.cable, promiscuous=now.promiscuous) != now:
        return None
    said = []
    if was.wire != now.wire:
        said.append([f"nic{slot}", now.wire.mode, *([now.wire.name] if now.wire.name else [])])
    if was.cable != now.cable:
        said.append([f"setlinkstate{slot}", "on" if now.cable else "off"])
    if was.promiscuous != now.promiscuous:
        said.append([f"nicpromisc{slot}", _policy(now)])
    return said


def _policy(card: Card) -> str:
    return "allow-all" if card.promiscuous else "deny"


def _nat(slot: int, were: tuple[str, ...], now: Card) -> list[str]:
    rules = [(f"--nat-pf{slot}", "delete", rule.partition(",")[0]) for rule in were]
    said = [word for rule in rules for word in rule]
    if now.wire.mode == "nat":
        # The host's own loopback is no part of any lab.
        said.append(f"--nat-localhostreachable{slot}=off")
        said.append(f"--nat-net{slot}={now.subnet or 'default'}")
    return [*said, *(word for rule in now.forwards for word in (f"--nat-pf{slot}", rule))]


def _driver(slot: int, were: tuple[tuple[str, str], ...], now: Card) -> list[str]:
    gone = dict(were).keys() - dict(now.properties).keys()
    said = [*((name, "") for name in sorted(gone)), *now.properties]
    return [f"--nic-property{slot}={name}={value}" for name, value in said]


def _rule(forward: Forward) -> str:
    """Return *forward* as modifyvm takes it; the guest is whoever got its address from the NAT."""
    name = f"{forward.protocol}-{forward.host_port}"
    ends = f"{forward.host_address},{forward.host_port},,{forward.guest_port}"
    return f"{name},{forward.protocol},{ends}"


def read(slot: int, info: Mapping[str, str], adapter: Element, rate_kbit: int) -> Card:
    """Return the card in *slot*; that of an empty one has the rules and properties left there.

    Args:
        slot: From 1.
        info: What ``showvminfo --machinereadable`` says.
        adapter: The element of the settings file: what is not told in *info* stands there.
        rate_kbit: What its bandwidth group lets through.
    """
    mode = info.get(f"nic{slot}", EMPTY).lower()
    named = _NAMED_BY.get(mode)
    said = _all(adapter, "Property")
    return Card(
        wire=Wire(mode, info.get(f"{named[1]}{slot}", "") if named else ""),
        mac=info.get(f"macaddress{slot}", ""),
        model=info.get(f"nictype{slot}", ""),
        cable=info.get(f"cableconnected{slot}") == "on",
        promiscuous=adapter.get("promiscuousModePolicy", "Deny") != "Deny",
        rate_kbit=rate_kbit,
        forwards=tuple(sorted(map(_rule_text, _all(adapter, "Forwarding")))),
        properties=tuple(sorted((each.get("name", ""), each.get("value", "")) for each in said)),
        subnet=info.get(f"natnet{slot}", "").removeprefix("nat"),
    )


def _all(adapter: Element, tag: str) -> list[Element]:
    """Return the elements of *tag*, those of modes that are not in use too: they come back."""
    return [element for element in adapter.iter() if element.tag.endswith(f"}}{tag}")]


def _rule_text(rule: Element) -> str:
    protocol = _PROTOCOLS.get(rule.get("proto", ""), "")
    words = (rule.get(key, "") for key in ("hostip", "hostport", "guestip", "guestport"))
    return ",".join((rule.get("name", ""), protocol, *words))


def observed(nic: Nic, card: Card, wires: Mapping[str, Wire], prefix: str) -> Nic:
    """Return *nic* as *card* has it.

    Args:
        nic: As planned.
        card: What is in its slot.
        wires: What the machine's LANs are.
        prefix: How the names of all this copy's networks begin.
    """
    wanted = card_of(nic, wires)
    if card.wire != wanted.wire:
        attach = _ATTACH.get(card.wire.mode, "lan")
        lan = card.wire.name.removeprefix(prefix) if attach == "lan" else ""
        driver = card.wire.name if attach == "generic" else ""
        nic = replace(nic, attach=attach, network=lan, driver=driver)
    return replace(
        nic,
        mac=nic.mac if card.mac == wanted.mac else _colons(card.mac),
        model=nic.model if card.model == wanted.model else card.model,
        connected=nic.connected if card.cable == wanted.cable else card.cable,
        promiscuous=card.promiscuous,
        impair=replace(nic.impair, rate_kbit=card.rate_kbit),
        forwards=tuple(each for each in nic.forwards if _rule(each) in card.forwards)
        if set(wanted.forwards) >= set(card.forwards)
        else tuple(map(_forward, card.forwards)),
        properties=card.properties,
    )


def unplanned(name: str, card: Card, prefix: str) -> Nic:
    """Return the NIC *name* that a *card* is of which the plan knows nothing."""
    from labiac.plan.model import Nic

    nothing = Nic(
        name, "none", "", _colons(card.mac), addresses=(), vlan=None, native=None, trunk=(),
        connected=card.cable, model=card.model, promiscuous=False, listens=False, forwards=(),
        driver="", properties=(), impair=Impairments(0.0, 0.0, 0.0, 0),
    )  # fmt: skip
    return observed(nothing, card, {}, prefix)


def rates(settings: Element) -> dict[str, int]:
    """Return the limit of each bandwidth group of networks in a machine's settings, kbit/s."""
    groups = (each for each in _all(settings, "BandwidthGroup") if each.get("type") == "Network")
    return {
        each.get("name", ""): int(each.get("maxBytesPerSec", "0")) * _BITS // 1000
        for each in groups
    }


def _forward(rule: str) -> Forward:
    _, protocol, host_address, host_port, guest, guest_port = rule.split(",")
    kind: Protocol = "udp" if protocol == "udp" else "tcp"
    return Forward(kind, int(host_port), guest, int(guest_port), host_address)


def _colons(mac: str) -> str:
    return ":".join(mac[at : at + 2] for at in range(0, len(mac), 2)).lower()
