"""A virtual machine as VirtualBox has it, and what brings it to what a plan wants. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, fromstring

from labiac.backends.base import ref_of
from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import cards
from labiac.plan.names import digest, host_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.backends.base import Copy
    from labiac.backends.virtualbox.cards import Card, Wire
    from labiac.plan.model import Machine, SeedFile

MOST_NICS: Final = 36
"""Slots of the larger chipset, ICH9."""
SMALL_NICS: Final = 8
"""Slots of the smaller one, PIIX3."""
DISKS: Final = "disk"
"""The name of the storage controller: the disk is on its first port, the seed on the second."""
LOST: Final = "inaccessible"
"""The state of a machine that VirtualBox has, and whose settings file it can't read."""
_OFF: Final = frozenset({"poweroff", "aborted"})
_KEPT: Final = frozenset({"saved", "aborted-saved"})
_SEED_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Box:
    """A virtual machine that is there.

    Args:
        state: VirtualBox's word: ``poweroff``, ``running``, ``saved``, ...; or `LOST`.
        memory_mib: Its memory, MiB.
        cpus: Its CPUs.
        chipset: ``piix3`` or ``ich9``.
        disk: Path of its disk, or empty.
        seed: Path of the medium in its drive, or empty.
        console: What its serial port does, in VirtualBox's word, and where.
        rates: Its bandwidth groups, kbit/s.
        cards: What is in its slots, from 1.
        left: What a card that was in an empty slot has left there.
    """

    state: str
    memory_mib: int
    cpus: int
    chipset: str
    disk: str
    seed: str
    console: tuple[str, str]
    rates: Mapping[str, int]
    cards: Mapping[int, Card]
    left: Mapping[int, Card]

    @property
    def is_off(self) -> bool:
        """Whether it can be changed: neither on nor with a state that is kept."""
        return self.state in _OFF

    @property
    def is_kept(self) -> bool:
        """Whether it is off, with a memory that it goes on from."""
        return self.state in _KEPT


@dataclass(frozen=True, slots=True)
class Wanted:
    """A machine of a plan, and what VirtualBox must know of its surroundings.

    Args:
        copy: Whose copy of which lab it belongs to.
        machine: The machine.
        wires: What its LANs are, by their names.
        console: What its serial port is to do, in VirtualBox's word, and where.
        seed: What its guest is to read.
        port: Which port of this host is to lead to its guest's SSH server, if labiac needs one.
    """

    copy: Copy
    machine: Machine
    wires: Mapping[str, Wire]
    console: tuple[str, str]
    seed: tuple[SeedFile, ...]
    port: int

    @property
    def uuid(self) -> str:
        """The UUID that it has in VirtualBox, whenever it is made."""
        return str(uuid_of(ref_of(self.copy, "machine", self.machine.name)))


def box(info: Mapping[str, str], settings: str) -> Box:
    """Return the machine that *info* and the text of its *settings* file tell of."""
    root = fromstring(settings)  # noqa: S314  # VirtualBox's own
    adapters = {int(each.get("slot", "0")) + 1: each for each in _adapters(root)}
    rates = cards.rates(root)
    found = {}
    for slot in range(1, MOST_NICS + 1):
        adapter = adapters.get(slot, Element("Adapter"))
        rate = rates.get(adapter.get("bandwidthGroup", ""), 0)
        found[slot] = cards.read(slot, info, adapter, rate)
    mode, _, place = info.get("uartmode1", "").partition(",")
    return Box(
        state=info.get("VMState", ""),
        memory_mib=int(info.get("memory", 0)),
        cpus=int(info.get("cpus", 0)),
        chipset=info.get("chipset", ""),
        disk=_medium(info, 0),
        seed=_medium(info, 1),
        console=(mode, place),
        rates=rates,
        cards={slot: card for slot, card in found.items() if card.wire.mode != cards.EMPTY},
        left={slot: card for slot, card in found.items() if card.wire.mode == cards.EMPTY},
    )


def _adapters(root: Element) -> Iterator[Element]:
    """Yield the adapters of the machine itself: its snapshots have theirs."""
    space = root.tag.partition("}")[0] + "}"
    yield from root.findall(f"{space}Machine/{space}Hardware/{space}Network/{space}Adapter")


def _medium(info: Mapping[str, str], port: int) -> str:
    medium = info.get(f"{DISKS}-{port}-0", "none")
    return "" if medium in {"none", "emptydrive"} else medium


def bare(state: str = "poweroff") -> Box:
    """Return a machine with nothing in it, as it is when it was just cloned."""
    return Box(state, 0, 0, "piix3", "", "", ("", ""), {}, {}, {})


def chipset(machine: Machine) -> str:
    """Return the chipset that has room for the NICs of *machine*."""
    return "piix3" if slots(machine) <= SMALL_NICS else "ich9"


def slots(machine: Machine) -> int:
    """Return how many slots *machine* takes: its NICs, and after them labiac's own, if any."""
    return len(machine.nics) + (machine.management is not None)


def port(machine: Machine, there: Box) -> int:
    """Return the port of this host that leads to *machine*, as it is *there*; 0 when none does."""
    card = there.cards.get(slots(machine)) if machine.management else None
    return cards.door_port(card) if card else 0


def _cards(want: Wanted) -> dict[int, Card]:
    """Return what is to be in each slot."""
    machine = want.machine
    found = {slot: cards.card_of(nic, want.wires) for slot, nic in enumerate(machine.nics, 1)}
    if machine.management:
        found[slots(machine)] = cards.door(machine.management, want.port)
    return found


def changes(was: Box, want: Wanted) -> list[list[str]]:
    """Return the calls that make a machine, which is off, from *was* to what we *want*."""
    uuid, machine, wanted = want.uuid, want.machine, _cards(want)
    board = [f"--chipset={chipset(machine)}"] if was.chipset != chipset(machine) else []
    there = {**was.left, **was.cards}
    plugs = [
        word
        for slot in sorted(was.cards.keys() | wanted.keys())
        for word in cards.options(slot, there.get(slot), wanted.get(slot))
    ]
    rest = [*_hardware(was, want), *plugs]
    groups = {cards.group(slot): card.rate_kbit for slot, card in wanted.items() if card.rate_kbit}
    return [
        *_groups(uuid, was.rates, groups),
        # A larger board first: the slots that only it has are no slots in the same call.
        *([["modifyvm", uuid, *board]] if board and board != ["--chipset=piix3"] else []),
        *([["modifyvm", uuid, *rest]] if rest else []),
        *([["modifyvm", uuid, *board]] if board == ["--chipset=piix3"] else []),
        *(["bandwidthctl", uuid, "remove", name] for name in sorted(was.rates.keys() - groups)),
    ]


def live(was: Box, want: Wanted) -> list[list[str]] | None:
    """Return the calls that make a machine, which runs, from *was* to what we *want*.

    None where it must be off for it.
    """
    wanted = _cards(want)
    if wanted.keys() != was.cards.keys() or changes(replace(was, cards=wanted), want):
        return None
    calls = []
    for slot, now in wanted.items():
        said = cards.live(slot, was.cards[slot], now)
        if said is None:
            return None
        calls += [["controlvm", want.uuid, *words] for words in said]
    return calls


def _groups(uuid: str, were: Mapping[str, int], now: Mapping[str, int]) -> Iterator[list[str]]:
    for name, rate in now.items():
        if name not in were:
            yield ["bandwidthctl", uuid, "add", name, "--type=network", f"--limit={rate}k"]
        elif were[name] != rate:
            yield ["bandwidthctl", uuid, "set", name, f"--limit={rate}k"]


def _hardware(was: Box, want: Wanted) -> list[str]:
    """Return the options that differ; the serial port, and with it all that never does."""
    said, machine = [], want.machine
    if was.memory_mib != machine.memory_mib:
        said.append(f"--memory={machine.memory_mib}")
    if was.cpus != machine.cpus:
        said.append(f"--cpus={machine.cpus}")
    if was.console != want.console:
        # fmt: off
        said += [
            f"--groups=/labiac/{want.copy.lab}/{want.copy.student}",
            "--ioapic=on", "--rtc-use-utc=on", "--audio-enabled=off",
            "--graphicscontroller=vmsvga", "--vram=16",
            "--boot1=disk", "--boot2=none", "--boot3=none", "--boot4=none",
            "--uart1", "0x3F8", "4", "--uart-mode1", *want.console,
        ]
        # fmt: on
    return said


def seed_name(seed: Iterable[SeedFile]) -> str:
    """Return the name of the file with *seed*: another seed has another."""
    files = (part for file in seed for part in (file.name, file.text))
    return f"seed-{digest(*files):064x}"[: len("seed-") + _SEED_DIGITS] + ".iso"


def observed(want: Wanted, there: Box) -> Machine:
    """Return what we *want* as it is *there*; what stands on its disk alone is as planned."""
    planned, prefix = want.machine, host_name(want.copy.lab, want.copy.student, "")
    nics = [
        cards.observed(nic, there.cards[slot], want.wires, prefix)
        for slot, nic in enumerate(planned.nics, 1)
        if slot in there.cards
    ]
    extra = sorted(slot for slot in there.cards if slot > slots(planned))
    own = there.cards.get(slots(planned)) == _cards(want).get(slots(planned))
    nics += [cards.unplanned(f"eth{slot - 1}", there.cards[slot], prefix) for slot in extra]
    return replace(
        planned,
        memory_mib=there.memory_mib,
        cpus=there.cpus,
        nics=tuple(nics),
        seed=planned.seed if PurePath(there.seed).name == seed_name(want.seed) else (),
        management=planned.management if own else None,
    )
