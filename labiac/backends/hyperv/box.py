"""A virtual machine as Hyper-V has it, and what brings it to what a plan wants. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.hyperv import adapters
from labiac.backends.hyperv.shell import Size, Statement, command, select
from labiac.backends.hyperv.switches import ADMIN
from labiac.plan.management import NAME
from labiac.plan.names import digest, host_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labiac.backends.base import Copy
    from labiac.backends.hyperv.adapters import Adapter
    from labiac.backends.hyperv.shell import Row
    from labiac.plan.model import Machine, Network, SeedFile

KEYS: Final = ("Id", "Name", "State", "MemoryStartup", "ProcessorCount", "Notes", "Path")
_DRIVE_KEYS: Final = ("VMId", "Path", "ControllerNumber", "ControllerLocation")
_DISK_KEYS: Final = ("VMId", "Path", "ControllerType")
_SEED_DIGITS: Final = 16
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
DISK: Final = "disk.vhdx"
"""A machine's disk, in its folder; Hyper-V gives checkpoints another extension."""
FIRMWARES: Final = {"secure": 2, "uefi": 2, "bios": 1}
"""What a machine boots with, and the generation that it then is of."""
_SIGNERS: Final = "MicrosoftUEFICertificateAuthority"
"""The template of Secure Boot that knows who signs what boots Linux."""


@dataclass(frozen=True, slots=True)
class Box:
    """A virtual machine that is there.

    Args:
        id: What Hyper-V knows it by; names are for people.
        state: Hyper-V's word: ``Off``, ``Running``, ``Saved``, ...
        memory_mib: The memory that it starts with, MiB.
        cpus: Its CPUs.
        path: Its folder.
        row: What was read of it, with its mark.
        disk: Path of its disk, or empty.
        seed: Path of the medium in its drive, or empty.
        drive: Number and location of its drive, or None.
        cards: Its adapters, by name.
        twice: Names that several adapters have.
    """

    id: UUID
    state: str
    memory_mib: int
    cpus: int
    path: str
    row: Row
    disk: str
    seed: str
    drive: tuple[int, int] | None
    cards: Mapping[str, Adapter]
    twice: frozenset[str]

    @property
    def is_merged(self) -> bool:
        """Whether its disk is the one that it was made with, and no checkpoint stands between."""
        return self.disk.endswith(DISK)


def brief(name: str) -> Statement:
    """Return what reads the marks of all machines of that name."""
    return command("Get-VM", Name=[name]) | select(*KEYS)


def reads(name: str) -> list[Statement]:
    """Return what reads all machines of that name."""
    machine = Statement((command("Get-VM", Name=[name]),))
    return [
        brief(name),
        *adapters.reads(machine),
        machine | command("Get-VMDvdDrive") | select(*_DRIVE_KEYS),
        machine | command("Get-VMHardDiskDrive") | select(*_DISK_KEYS),
    ]


def boxes(rows: Sequence[Row]) -> list[Box]:
    """Return the machines that *rows*, which those statements select, tell of."""
    vlans, rates = (
        {str(row["Adapter"]): row for row in _only(rows, keys)}
        for keys in (adapters.VLAN_KEYS, adapters.RATE_KEYS)
    )
    return [_box(row, rows, vlans, rates) for row in _only(rows, KEYS)]


def _box(row: Row, rows: Sequence[Row], vlans: Mapping[str, Row], rates: Mapping[str, Row]) -> Box:
    cards, drives, disks = (
        [each for each in _only(rows, keys) if each["VMId"] == row["Id"]]
        for keys in (adapters.KEYS, _DRIVE_KEYS, _DISK_KEYS)
    )
    names = [str(each["Name"]) for each in cards]
    places = [(_int(each["ControllerNumber"]), _int(each["ControllerLocation"])) for each in drives]
    return Box(
        id=UUID(str(row["Id"])),
        state=str(row["State"]),
        memory_mib=_int(row["MemoryStartup"]) // _MIB,
        cpus=_int(row["ProcessorCount"]),
        path=str(row["Path"]),
        row=row,
        disk=str(disks[0]["Path"] or "") if disks else "",
        seed=str(drives[0]["Path"] or "") if drives else "",
        drive=places[0] if places else None,
        cards={str(each["Name"]): adapters.read(each, vlans, rates) for each in cards},
        twice=frozenset(name for name in names if names.count(name) > 1),
    )


def _only(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.keys() == set(keys)]


def _int(value: object) -> int:
    return int(str(value))


def by_id(box_id: UUID) -> Statement:
    """Return the statement that returns the machine of that Id."""
    return Statement((command("Get-VM", Id=box_id),))


def switched_on(box_id: UUID, state: str, **options: object) -> Iterator[Statement]:
    """Yield what makes a machine run that is in this *state*; one that was saved goes on."""
    if state != "Running":
        yield by_id(box_id) | command("Resume-VM" if state == "Paused" else "Start-VM", **options)


def added(
    machine: Machine, notes: str, folder: PureWindowsPath, image: PureWindowsPath, firmware: str
) -> list[Statement]:
    """Return what makes *machine*, off and without adapters' plugs, with its mark in *notes*."""
    disk = str(folder / DISK)
    size = Size(machine.disk_gib * _GIB)
    made = command(
        "New-VM",
        Name=machine.host_name,
        Generation=FIRMWARES[firmware],
        MemoryStartupBytes=Size(machine.memory_mib * _MIB),
        VHDPath=disk,
        Path=str(folder.parent),
    )
    settled = command(
        "Set-VM",
        Notes=notes,
        ProcessorCount=machine.cpus,
        StaticMemory=True,
        AutomaticCheckpointsEnabled=False,
        CheckpointType="Standard",
        AutomaticStartAction="Nothing",
        AutomaticStopAction="TurnOff",
        Passthru=True,
    )
    differing = command(
        "New-VHD", Path=[disk], ParentPath=str(image), Differencing=True, SizeBytes=size
    )
    return [differing | command("Out-Null"), made | settled | select("Id")]


def furnished(machine: Machine, box: Statement, firmware: str, seed: str) -> Iterator[Statement]:
    """Yield what a new *machine* gets once: firmware, console, a drive; no adapter is left."""
    yield box | command("Remove-VMNetworkAdapter", Confirm=False)
    if firmware == "secure":
        yield box | command("Set-VMFirmware", EnableSecureBoot="On", SecureBootTemplate=_SIGNERS)
    elif firmware == "uefi":
        yield box | command("Set-VMFirmware", EnableSecureBoot="Off")
    yield box | command("Set-VMComPort", Number=1, Path=rf"\\.\pipe\{machine.host_name}")
    yield box | command("Add-VMDvdDrive", Path=seed)


def unfurnished(was: Box) -> Iterator[Statement]:
    """Yield what takes the drive from a machine that is half made."""
    if was.drive is not None:
        box = by_id(was.id)
        yield box | command("Get-VMDvdDrive") | command("Remove-VMDvdDrive")


def changes(was: Box, machine: Machine, now: Mapping[str, Adapter]) -> Iterator[Statement]:
    """Yield what brings a machine, which is off, from what it *was* to what it is to be."""
    box = by_id(was.id)
    said: dict[str, object] = {}
    if was.memory_mib != machine.memory_mib:
        said["MemoryStartupBytes"] = Size(machine.memory_mib * _MIB)
    if was.cpus != machine.cpus:
        said["ProcessorCount"] = machine.cpus
    if said:
        yield box | command("Set-VM", **said)
    for name in was.twice:
        yield (
            box
            | command("Get-VMNetworkAdapter", Name=name)
            | command("Remove-VMNetworkAdapter", Confirm=False)
        )
    were = {name: card for name, card in was.cards.items() if name not in was.twice}
    yield from adapters.changes(box, were, now)


def inserted(was: Box, seed: str) -> Statement:
    """Return what puts the medium *seed* into the drive of a machine, which is off."""
    box = by_id(was.id)
    if was.drive is None:
        return box | command("Add-VMDvdDrive", Path=seed)
    return box | command("Get-VMDvdDrive") | command("Set-VMDvdDrive", Path=seed)


def seed_name(seed: Sequence[SeedFile]) -> str:
    """Return the name of the file with *seed*: another seed has another."""
    files = (part for file in seed for part in (file.name, file.text))
    return f"seed-{digest(*files):064x}"[: len("seed-") + _SEED_DIGITS] + ".iso"


def wanted(copy: Copy, machine: Machine, lans: Mapping[str, Network]) -> dict[str, Adapter]:
    """Return what the adapters of *machine* are to be, by name: the lab's, and labiac's own."""
    cards = {nic.name: adapters.wanted(nic, lans) for nic in machine.nics}
    if machine.management:
        switch = host_name(copy.lab, copy.student, ADMIN)
        cards[NAME] = adapters.admin(machine.management, switch)
    return cards


def observed(
    copy: Copy, planned: Machine, there: Box, lans: Mapping[str, Network], seed: Sequence[SeedFile]
) -> Machine:
    """Return the *planned* machine as it is *there*; what stands on its disk alone is as planned.

    Args:
        copy: Whose copy of which lab it belongs to.
        planned: As it is planned.
        there: As it is.
        lans: The LANs that are there, by name.
        seed: What its guest is to read, keys too.
    """
    want = wanted(copy, planned, lans)
    prefix = host_name(copy.lab, copy.student, "")
    nics = [
        adapters.observed(nic, there.cards[nic.name], lans, prefix)
        for nic in planned.nics
        if nic.name in there.cards
    ]
    extra = sorted(name for name in there.cards if name not in want)
    nics += [adapters.unplanned(name, there.cards[name], prefix) for name in extra]
    nics += [adapters.unplanned(name, there.cards[name], prefix) for name in sorted(there.twice)]
    is_read = PureWindowsPath(there.seed).name == seed_name(seed)
    is_entered = is_read and there.cards.get(NAME) == want.get(NAME)
    return replace(
        planned,
        memory_mib=there.memory_mib,
        cpus=there.cpus,
        nics=tuple(nics),
        seed=planned.seed if is_read else (),
        management=planned.management if is_entered else None,
    )
