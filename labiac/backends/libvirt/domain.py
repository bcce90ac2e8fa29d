"""A machine as libvirt's domain XML, and back. Pure: the driver adds nothing to what stands here.

Source:
    https://libvirt.org/formatdomain.html, for libvirt 9 and QEMU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from xml.etree.ElementTree import Element, fromstring, tostring

from labiac.backends.libvirt import cards
from labiac.backends.libvirt.elements import add, text_of
from labiac.backends.libvirt.marks import metadata

if TYPE_CHECKING:
    from labiac.backends.base import Copy
    from labiac.backends.libvirt.chosen import Screen
    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine

Accelerator = Literal["kvm", "tcg"]

AGENT: Final = "org.qemu.guest_agent.0"
"""The channel on which the guest agent listens, by its usual name."""
NOT_EMULATED: Final = ("cx16", "erms", "fsrm")
"""What an emulated processor had better not have.

TCG of QEMU 7.2 leaves wrong flags after CMPXCHG16B: now and then a kernel panics on them. And fast
strings are slow there: a kernel that believes in them copies byte by byte, and boots a seventh
longer.
"""
TRANSLATED_MIB: Final = 128
"""How much translated code QEMU keeps without KVM; by itself it is 1 GiB, and boots no sooner."""
_SPARE_SLOTS: Final = 4
"""So many cards can be plugged in while a guest runs, beside those that it booted with."""
_OTHER_SLOTS: Final = 3
"""Its disk, its serial channels and its source of randomness take a slot of PCI Express each."""
_TO_MIB: Final = {"b": 2**-20, "bytes": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}


@dataclass(frozen=True, slots=True)
class Host:
    """What the host brings to a domain.

    Args:
        accelerator: ``kvm``, or ``tcg`` where the host's processor can't help.
        disk: Path of the machine's qcow2 overlay.
        seed: Path of its seed, an ISO image.
        console: Path of the file that keeps what its serial console says.
        screen: Whether it has a screen, which VNC shows on the host alone.
        user: Number of the user whose own libvirt it is; None where it is the host's.
        agent: Path of the socket to its agent; of none, libvirt chooses one.
    """

    accelerator: Accelerator
    disk: str
    seed: str
    console: str
    screen: Screen
    user: int | None = None
    agent: str = ""


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
    if host.accelerator == "tcg":
        add(add(features, "tcg"), "tb-cache", str(TRANSLATED_MIB), unit="MiB")
    _processor(root, host.accelerator)
    add(root, "clock", offset="utc")
    add(root, "on_crash", "destroy")
    devices = add(root, "devices")
    _storage(devices, host)
    add(devices, "controller", type="pci", index="0", model="pcie-root")
    for _ in range(_OTHER_SLOTS + len(machine.nics) + _SPARE_SLOTS):
        add(devices, "controller", type="pci", model="pcie-root-port")
    for nic in machine.nics:
        devices.append(cards.interface(nic, mark.copy, host.user))
    serial = add(devices, "serial", type="pty")
    add(serial, "log", file=host.console, append="off")
    add(serial, "target", type="isa-serial", port="0")
    channel = add(devices, "channel", type="unix")
    if host.agent:
        add(channel, "source", mode="bind", path=host.agent)
    add(channel, "target", type="virtio", name=AGENT)
    _screen(devices, host.screen)
    add(add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    add(devices, "memballoon", model="none")
    return text_of(root)


def _screen(devices: Element, kind: Screen) -> None:
    if kind == "vnc":
        graphics = add(devices, "graphics", type="vnc", autoport="yes")
        add(graphics, "listen", type="address", address="127.0.0.1")
    add(add(devices, "video"), "model", type="vga" if kind == "vnc" else "none")


def _processor(root: Element, accelerator: Accelerator) -> None:
    if accelerator == "kvm":
        add(root, "cpu", mode="host-passthrough")
        return
    processor = add(root, "cpu", mode="maximum")
    for name in NOT_EMULATED:
        add(processor, "feature", policy="disable", name=name)


def _storage(devices: Element, host: Host) -> None:
    disk = add(devices, "disk", type="file", device="disk")
    add(disk, "driver", name="qemu", type="qcow2", discard="unmap")
    add(disk, "source", file=host.disk)
    add(disk, "target", dev="vda", bus="virtio")
    # The guest finds its seed by the label of the medium: any drive will do.
    devices.append(_drive(host.seed))
    add(devices, "controller", type="usb", model="none")


def _drive(seed: str) -> Element:
    root = Element("disk", type="file", device="cdrom")
    add(root, "driver", name="qemu", type="raw")
    if seed:
        add(root, "source", file=seed)
    add(root, "target", dev="sda", bus="sata")
    add(root, "readonly")
    return root


def drive(seed: str) -> str:
    """Return the drive of a guest with the seed at the path *seed* in it, or with none in it."""
    return tostring(_drive(seed), encoding="unicode")


def observed(planned: Machine, copy: Copy, description: str, user: int | None = None) -> Machine:
    """Return *planned* as the XML *description* of its domain has it; *user* is as for `Host`.

    What stands in no XML (its seed, what it has in it) is as planned.
    """
    root = fromstring(description)  # noqa: S314  # libvirt's own
    there = cards.cards(description)
    memory, cpus = root.find("memory"), root.findtext("vcpu")
    return replace(
        planned,
        memory_mib=planned.memory_mib if memory is None else _mib(memory),
        cpus=int(cpus or planned.cpus),
        nics=tuple(
            cards.observed(nic, copy, there[nic.mac], user)
            for nic in planned.nics
            if nic.mac in there
        ),
    )


def _mib(memory: Element) -> int:
    return round(int(memory.text or 0) * _TO_MIB[memory.get("unit", "KiB")])
