"""A machine as libvirt's domain XML, and back. Pure: the driver adds nothing to what stands here.

Source:
    https://libvirt.org/formatdomain.html, for libvirt 9 and QEMU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from xml.etree.ElementTree import Element, fromstring, tostring

from labiac.backends.libvirt.elements import add, text_of
from labiac.backends.libvirt.marks import metadata
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from labiac.backends.base import Copy
    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine, Nic

Accelerator = Literal["kvm", "tcg"]

AGENT: Final = "org.qemu.guest_agent.0"
"""The channel on which the guest agent listens, by its usual name."""
_ALIAS: Final = "ua-"
"""How libvirt wants the names begin that users give to devices."""
_KIBIT_A_KIBIBYTE: Final = 8
_TO_MIB: Final = {"b": 2**-20, "bytes": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}


@dataclass(frozen=True, slots=True)
class Host:
    """What the host brings to a domain.

    Args:
        accelerator: ``kvm``, or ``tcg`` where the host's processor can't help.
        disk: Path of the machine's qcow2 overlay.
        seed: Path of its seed, an ISO image.
        console: Path of the file that keeps what its serial console says.
    """

    accelerator: Accelerator
    disk: str
    seed: str
    console: str


def domain(machine: Machine, mark: Mark, host: Host) -> str:
    """Return the XML that defines *machine*, with labiac's *mark* in it."""
    root = Element("domain", type="kvm" if host.accelerator == "kvm" else "qemu")
    add(root, "name", machine.host_name)
    add(root, "uuid", str(mark.uuid))
    root.append(metadata(mark))
    add(root, "memory", str(machine.memory_mib), unit="MiB")
    add(root, "vcpu", str(machine.cpus))
    system = add(root, "os")
    add(system, "type", "hvm", arch="x86_64", machine="q35")
    add(system, "boot", dev="hd")
    features = add(root, "features")
    add(features, "acpi")
    add(features, "apic")
    _processor(root, host.accelerator)
    add(root, "clock", offset="utc")
    add(root, "on_crash", "destroy")
    devices = add(root, "devices")
    _storage(devices, host)
    for nic in machine.nics:
        devices.append(_interface(nic, mark.copy))
    serial = add(devices, "serial", type="pty")
    add(serial, "log", file=host.console, append="off")
    add(serial, "target", type="isa-serial", port="0")
    add(add(devices, "channel", type="unix"), "target", type="virtio", name=AGENT)
    add(add(devices, "video"), "model", type="none")
    add(add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    add(devices, "memballoon", model="none")
    return text_of(root)


def _processor(root: Element, accelerator: Accelerator) -> None:
    if accelerator == "kvm":
        add(root, "cpu", mode="host-passthrough")
        return
    # TCG of QEMU 7.2 leaves wrong flags after CMPXCHG16B: now and then a kernel panics on them.
    add(add(root, "cpu", mode="maximum"), "feature", policy="disable", name="cx16")


def _storage(devices: Element, host: Host) -> None:
    disk = add(devices, "disk", type="file", device="disk")
    add(disk, "driver", name="qemu", type="qcow2", discard="unmap")
    add(disk, "source", file=host.disk)
    add(disk, "target", dev="vda", bus="virtio")
    # The guest finds its seed by the label of the medium: any drive will do.
    drive = add(devices, "disk", type="file", device="cdrom")
    add(drive, "driver", name="qemu", type="raw")
    add(drive, "source", file=host.seed)
    add(drive, "target", dev="sda", bus="sata")
    add(drive, "readonly")
    add(devices, "controller", type="usb", model="none")


def _interface(nic: Nic, copy: Copy) -> Element:
    """Return the card of *nic*, and what its cable leads to."""
    kind = {"lan": "network", "nat": "user"}.get(nic.attach, "null")
    card = Element("interface", type=kind)
    add(card, "mac", address=nic.mac)
    if nic.attach == "lan":
        add(card, "source", network=host_name(copy.lab, copy.student, nic.network))
    add(card, "model", type=nic.model)
    if nic.impair.rate_kbit:
        rate = str(max(1, nic.impair.rate_kbit // _KIBIT_A_KIBIBYTE))
        add(add(card, "bandwidth"), "outbound", average=rate)  # the guest's view: into the LAN
    add(card, "link", state="up" if plugged(nic) else "down")
    add(card, "alias", name=f"{_ALIAS}{nic.name}")
    return card


def plugged(nic: Nic) -> bool:
    """Return whether the cable of *nic* is in."""
    return nic.connected and nic.attach != "none"


def hardware(machine: Machine) -> tuple[object, ...]:
    """Return what of *machine* its guest finds when it boots; a cable is no part of it."""
    cards = (
        (nic.mac, nic.attach, nic.network, nic.model, nic.impair.rate_kbit) for nic in machine.nics
    )
    return machine.memory_mib, machine.cpus, *cards


def card_of(description: str, nic: Nic) -> str:
    """Return the card of *nic* out of a domain's XML, with its cable in or out as in *nic*.

    Raises:
        KeyError: it is not there.
    """
    for card in fromstring(description).findall("devices/interface"):  # noqa: S314  # libvirt's own
        if _mac(card) == nic.mac:
            link = card.find("link")
            link = add(card, "link") if link is None else link
            link.set("state", "up" if plugged(nic) else "down")
            return tostring(card, encoding="unicode")
    raise KeyError(nic.mac)


def observed(planned: Machine, copy: Copy, description: str) -> Machine:
    """Return *planned* as the XML *description* of its domain has it.

    What stands in no XML (its seed, what it has in it) is as planned.
    """
    root = fromstring(description)  # noqa: S314  # libvirt's own
    cards = {_mac(card): card for card in root.findall("devices/interface")}
    memory, cpus = root.find("memory"), root.findtext("vcpu")
    return replace(
        planned,
        memory_mib=planned.memory_mib if memory is None else _mib(memory),
        cpus=int(cpus or planned.cpus),
        nics=tuple(_nic(nic, copy, cards[nic.mac]) for nic in planned.nics if nic.mac in cards),
    )


def _nic(nic: Nic, copy: Copy, card: Element) -> Nic:
    link, source, model = card.find("link"), card.find("source"), card.find("model")
    lan = source.get("network", "") if source is not None else ""
    prefix = host_name(copy.lab, copy.student, "")
    up = link is None or link.get("state") == "up"
    return replace(
        nic,
        network=lan.removeprefix(prefix) if nic.attach == "lan" else nic.network,
        connected=up if nic.attach != "none" else nic.connected,
        model=nic.model if model is None else model.get("type", nic.model),
    )


def cables(description: str) -> dict[str, bool]:
    """Return whether the cable of each card in a domain's XML is in, by its MAC."""
    found = {}
    for card in fromstring(description).findall("devices/interface"):  # noqa: S314  # libvirt's own
        link = card.find("link")
        found[_mac(card)] = link is None or link.get("state") == "up"
    return found


def ports(description: str) -> list[tuple[str, str]]:
    """Return the network, by its name on the host, and the port in it, of each card plugged in.

    A domain that does not run has no ports: they are empty.
    """
    sources = fromstring(description).findall("devices/interface/source[@network]")  # noqa: S314
    return [(source.get("network", ""), source.get("portid", "")) for source in sources]


def _mac(card: Element) -> str:
    mac = card.find("mac")
    return "" if mac is None else mac.get("address", "")


def _mib(memory: Element) -> int:
    return round(int(memory.text or 0) * _TO_MIB[memory.get("unit", "KiB")])
