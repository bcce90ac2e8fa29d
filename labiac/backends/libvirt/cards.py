"""Network cards in libvirt's domain XML, and back. Pure.

Source:
    https://libvirt.org/formatdomain.html#network-interfaces, for libvirt 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, fromstring, tostring

from labiac.backends.libvirt.elements import add
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.backends.base import Copy
    from labiac.plan.model import Nic

_ALIAS: Final = "ua-"
"""How libvirt wants the names begin that users give to devices."""
_CABLE: Final = {True: "up", False: "down"}
"""The state of the link of a card whose cable is in, or out."""
_KIBIT_A_KIBIBYTE: Final = 8
_EXPRESS: Final = frozenset({"e1000e", "igb", "virtio", "vmxnet3"})
"""Models that a slot of PCI Express takes; others go where nothing can be plugged in later."""


@dataclass(frozen=True, slots=True)
class Card:
    """A network card of a domain.

    Args:
        xml: Its element, as libvirt takes and gives it.
        lan: Name of the network that it leads to, on the host; empty where it leads to none.
        port: The port there; empty while the guest does not run.
        model: What the guest sees.
        wiring: What else takes another card to change.
        plugged: Whether its cable is in.
    """

    xml: str
    lan: str
    port: str
    model: str
    wiring: tuple[str, ...]
    plugged: bool

    def is_like(self, other: Card) -> bool:
        """Return whether this card becomes *other* by its cable alone."""
        return (self.lan, self.model, self.wiring) == (other.lan, other.model, other.wiring)

    def cabled(self, *, plugged: bool) -> str:
        """Return its element with its cable in or out."""
        element = fromstring(self.xml)  # noqa: S314  # libvirt's own
        link = element.find("link")
        link = add(element, "link") if link is None else link
        link.set("state", _CABLE[plugged])
        return tostring(element, encoding="unicode")


def interface(nic: Nic, copy: Copy) -> Element:
    """Return the element of the card of *nic*, and of what its cable leads to."""
    kind = {"lan": "network", "nat": "user"}.get(nic.attach, "null")
    element = Element("interface", type=kind)
    add(element, "mac", address=nic.mac)
    if nic.attach == "lan":
        add(element, "source", network=host_name(copy.lab, copy.student, nic.network))
    add(element, "model", type=nic.model)
    if nic.impair.rate_kbit:
        rate = str(max(1, nic.impair.rate_kbit // _KIBIT_A_KIBIBYTE))
        add(add(element, "bandwidth"), "outbound", average=rate)  # the guest's view: into the LAN
    add(element, "link", state=_CABLE[nic.connected and nic.attach != "none"])
    add(element, "alias", name=f"{_ALIAS}{nic.name}")
    return element


def card(nic: Nic, copy: Copy) -> Card:
    """Return the card that *nic* shall be."""
    return _card(interface(nic, copy))


def cards(description: str) -> dict[str, Card]:
    """Return each card in a domain's XML by its MAC."""
    elements = fromstring(description).findall("devices/interface")  # noqa: S314  # libvirt's own
    return {_value(each, "mac", "address"): _card(each) for each in elements}


def observed(nic: Nic, copy: Copy, there: Card) -> Nic:
    """Return *nic* as its card has it."""
    ours = host_name(copy.lab, copy.student, "")
    return replace(
        nic,
        network=there.lan.removeprefix(ours) if nic.attach == "lan" else nic.network,
        connected=there.plugged if nic.attach != "none" else nic.connected,
        model=there.model or nic.model,
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
    freed = sum(card.model in _EXPRESS for card in old)
    return _EXPRESS.issuperset(models) and len(models) <= free + freed


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
        ),
        plugged=_value(element, "link", "state") != _CABLE[False],
    )


def _value(element: Element, path: str, name: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(name, "")
