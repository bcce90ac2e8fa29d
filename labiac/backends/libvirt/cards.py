"""Network cards in libvirt's domain XML, and back. Pure.

Source:
    https://libvirt.org/formatdomain.html#network-interfaces, for libvirt 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, fromstring, tostring

from labiac.backends.libvirt.elements import add
from labiac.backends.libvirt.features import EXPRESS
from labiac.backends.libvirt.loopback import Socket, port_of, switch_of
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.backends.base import Copy
    from labiac.plan.model import Nic

TUNNEL: Final = "UDPTunnel"
"""The generic driver, and its properties, as VirtualBox calls them: Ethernet frames in UDP."""
DEST, DPORT, SPORT = PROPERTIES = ("dest", "dport", "sport")

ANYWHERE: Final = "0.0.0.0"  # noqa: S104  # all addresses of a host, as a lab file says them
_ALIAS: Final = "ua-"
"""How libvirt wants the names begin that users give to devices."""
_UDP: Final = "udp"
_TYPES: Final = {"lan": "network", "nat": "user", "none": "user", "generic": _UDP}
"""What libvirt calls each way to attach a NIC. To nothing is a NAT with the cable out: libvirt has
a type for it (``null``), on which version 9.0 crashes."""
_PLUGGED_LIVE: Final = frozenset({"network", "user"})
"""Types of cards that libvirt plugs into a guest that runs."""
_NAT_PREFIX: Final = 24
"""Of a NAT of a NIC's own: QEMU's has its addresses at the 2nd, 3rd and 15th of its subnet."""
_CABLE: Final = {True: "up", False: "down"}
"""The state of the link of a card whose cable is in, or out."""
_KIBIT_A_KIBIBYTE: Final = 8


@dataclass(frozen=True, slots=True)
class Card:
    """A network card of a domain.

    Args:
        xml: Its element, as libvirt takes and gives it.
        lan: Name of the network that it leads to, on the host; empty where it leads to none.
        port: The port there; empty while the guest does not run.
        model: What the guest sees.
        wiring: What else takes another card to change.
        tunnel: Where its frames go in UDP, as properties of the generic driver; else empty.
        plugged: Whether its cable is in.
    """

    xml: str
    lan: str
    port: str
    model: str
    wiring: tuple[str, ...]
    tunnel: tuple[tuple[str, str], ...]
    plugged: bool

    @property
    def type(self) -> str:
        """Return what libvirt calls the way it is attached."""
        return self.wiring[0]

    def is_like(self, other: Card) -> bool:
        """Return whether this card becomes *other* by its cable alone."""
        mine, others = ((card.lan, card.model, card.wiring, card.tunnel) for card in (self, other))
        return mine == others

    def leads_to(self, network: str, user: int | None) -> bool:
        """Return whether it leads to the *network* of that name, of *user*'s own libvirt or not."""
        if user is None:
            return self.lan == network
        switch = switch_of(network, user)
        there = dict(self.tunnel)
        return (there.get(DEST), there.get(DPORT)) == (switch.address, str(switch.port))

    def cabled(self, *, plugged: bool) -> str:
        """Return its element with its cable in or out."""
        element = fromstring(self.xml)  # noqa: S314  # libvirt's own
        link = element.find("link")
        link = add(element, "link") if link is None else link
        link.set("state", _CABLE[plugged])
        return tostring(element, encoding="unicode")


def interface(nic: Nic, copy: Copy, user: int | None = None) -> Element:
    """Return the element of the card of *nic*, and of what its cable leads to.

    Args:
        nic: What to make.
        copy: Whose it is.
        user: Whose own libvirt it is for, where LANs are switches of labiac's; None where they
            are libvirt's networks.
    """
    is_switched = nic.attach == "lan" and user is not None
    element = Element("interface", type=_UDP if is_switched else _TYPES[nic.attach])
    add(element, "mac", address=nic.mac)
    if nic.attach == "lan":
        network = host_name(copy.lab, copy.student, nic.network)
        if user is None:
            add(element, "source", network=network)
        else:
            _wire(element, switch_of(network, user), port_of(network, user, nic.mac))
    elif nic.attach == "generic":
        _tunnel(element, dict(nic.properties))
    elif nic.attach == "nat":
        _nat(element, nic.addresses)
    add(element, "model", type=nic.model)
    if nic.impair.rate_kbit:
        rate = str(max(1, nic.impair.rate_kbit // _KIBIT_A_KIBIBYTE))
        add(add(element, "bandwidth"), "outbound", average=rate)  # the guest's view: into the LAN
    add(element, "link", state=_CABLE[nic.connected and nic.attach != "none"])
    add(element, "alias", name=alias(nic))
    return element


def alias(nic: Nic) -> str:
    """Return what libvirt and QEMU know the card of *nic* by."""
    return f"{_ALIAS}{nic.name}"


def card(nic: Nic, copy: Copy, user: int | None = None) -> Card:
    """Return the card that *nic* shall be; on *user*'s own libvirt, if it is for that."""
    return _card(interface(nic, copy, user))


def cards(description: str) -> dict[str, Card]:
    """Return each card in a domain's XML by its MAC."""
    elements = fromstring(description).findall("devices/interface")  # noqa: S314  # libvirt's own
    return {_value(each, "mac", "address"): _card(each) for each in elements}


def observed(nic: Nic, copy: Copy, there: Card, user: int | None = None) -> Nic:
    """Return *nic* as its card has it; on *user*'s own libvirt, if it is there."""
    ours = host_name(copy.lab, copy.student, "")
    as_planned = nic.attach != "lan" or there.leads_to(f"{ours}{nic.network}", user)
    return replace(
        nic,
        attach="nat" if nic.attach == "none" and there.plugged else nic.attach,
        network=nic.network if as_planned else there.lan.removeprefix(ours),
        connected=there.plugged if nic.attach != "none" else nic.connected,
        model=there.model or nic.model,
        properties=there.tunnel if nic.attach == "generic" else nic.properties,
    )


def have_slots(description: str, old: Iterable[Card], new: Iterable[Card]) -> bool:
    """Return whether cards can be changed in a guest while it runs.

    Args:
        description: The XML of its domain as it runs.
        old: What is unplugged first.
        new: What is plugged in then.
    """
    root = fromstring(description)  # noqa: S314  # libvirt's own
    slots = root.findall("devices/controller[@model='pcie-root-port']")
    taken = root.findall("devices/*/address[@type='pci']")
    indexes = {int(slot.get("index", "0")) for slot in slots}
    free = len(indexes - {int(address.get("bus", "0"), 0) for address in taken})
    models = [card.model for card in new]
    if not _PLUGGED_LIVE.issuperset(card.type for card in new):
        return False
    freed = sum(card.model in EXPRESS for card in old)
    return EXPRESS.issuperset(models) and len(models) <= free + freed


def _tunnel(element: Element, properties: dict[str, str]) -> None:
    """Say where a tunnel's frames go, and where its own are taken: a near one's from here alone."""
    to = Socket(properties[DEST], int(properties[DPORT]))
    own = "127.0.0.1" if IPv4Address(to.address).is_loopback else ANYWHERE
    _wire(element, to, Socket(own, int(properties[SPORT])))


def _wire(element: Element, to: Socket, own: Socket) -> None:
    """Say where a card's frames go in UDP, and where its own are taken."""
    source = add(element, "source", address=to.address, port=str(to.port))
    add(source, "local", address=own.address, port=str(own.port))


def _nat(element: Element, addresses: Iterable[str]) -> None:
    """Put a NAT of a NIC's own around its planned address; QEMU's usual subnet may be a LAN's."""
    for address in addresses:
        if ":" not in address:
            net = IPv4Network((IPv4Interface(address).ip, _NAT_PREFIX), strict=False)
            where = {"address": str(net.network_address), "prefix": str(_NAT_PREFIX)}
            add(element, "ip", family="ipv4", **where)
            return


def _card(element: Element) -> Card:
    return Card(
        tostring(element, encoding="unicode"),
        lan=_value(element, "source", "network"),
        port=_value(element, "source", "portid"),
        model=_value(element, "model", "type"),
        wiring=(
            element.get("type", ""),
            _value(element, "bandwidth/outbound", "average"),
            _value(element, "alias", "name"),
            _value(element, "ip", "address"),
        ),
        tunnel=_properties(element) if element.get("type") == _UDP else (),
        plugged=_value(element, "link", "state") != _CABLE[False],
    )


def _properties(element: Element) -> tuple[tuple[str, str], ...]:
    return (
        (DEST, _value(element, "source", "address")),
        (DPORT, _value(element, "source", "port")),
        (SPORT, _value(element, "source/local", "port")),
    )


def _value(element: Element, path: str, name: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(name, "")
