"""What a simulated Hyper-V host has: switches, machines, adapters, disks, NAT. Plain data."""

from __future__ import annotations

import copy
import fcntl
import pickle
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

DISKS = PureWindowsPath(r"C:\ProgramData\Microsoft\Windows\Virtual Hard Disks")


class RefusedError(Exception):
    """An error record: FullyQualifiedErrorId, category, message."""

    def __init__(self, identifier, category, message):
        super().__init__(message)
        self.identifier, self.category, self.message = identifier, category, message


@dataclass
class Switch:
    Name: str
    SwitchType: str
    Notes: str
    interface: str = ""
    vlan: dict = field(default_factory=dict)  # of the host's own port in it
    Id: uuid.UUID = field(default_factory=uuid.uuid4)
    kinds = ("VMSwitch",)


@dataclass
class Setting:
    """A part of an adapter, which is an object of its own."""

    values: dict
    kinds = ("VMNetworkAdapterFeature",)


@dataclass
class Adapter:
    VMId: uuid.UUID
    Name: str
    switch: uuid.UUID | None = None
    MacAddress: str = "000000000000"
    MacAddressSpoofing: str = "Off"
    PortMirroringMode: str = "None"
    vlan: dict = field(default_factory=dict)
    rate: int = 0
    Id: str = field(default_factory=lambda: f"Microsoft:{uuid.uuid4()}")
    kinds = ("VMNetworkAdapter", "VMNetworkAdapterBase")

    @property
    def VlanSetting(self):  # its name in PowerShell
        usual = {
            "OperationMode": "Untagged",
            "AccessVlanId": 0,
            "NativeVlanId": 0,
            "AllowedVlanIdListString": "",
        }
        return Setting(usual | self.vlan)

    @property
    def BandwidthSetting(self):
        return Setting({"MaximumBandwidth": self.rate}) if self.rate else None


@dataclass
class Drive:
    VMId: uuid.UUID
    Path: str | None
    ControllerType: str = "SCSI"
    ControllerNumber: int = 0
    ControllerLocation: int = 0
    kinds = ("DvdDrive", "HardDiskDrive")


@dataclass
class Machine:
    Name: str
    Generation: int
    MemoryStartup: int
    Path: str
    Notes: str = ""
    State: str = "Off"
    ProcessorCount: int = 1
    secure_boot: str = "On"
    secure_boot_template: str = "MicrosoftWindows"
    com: dict = field(default_factory=dict)
    policy: dict = field(default_factory=dict)
    stubborn: bool = False
    adapters: list = field(default_factory=list)
    dvds: list = field(default_factory=list)
    disks: list = field(default_factory=list)
    snapshots: list = field(default_factory=list)
    Id: uuid.UUID = field(default_factory=uuid.uuid4)
    kinds = ("VirtualMachine", "VirtualMachineBase")


@dataclass
class Snapshot:
    VMId: uuid.UUID
    Name: str
    was: dict
    Id: uuid.UUID = field(default_factory=uuid.uuid4)
    kinds = ("VMSnapshot",)

    @property
    def Notes(self):  # its name in PowerShell
        return self.was["Notes"]

    @property
    def State(self):  # its name in PowerShell
        return self.was["State"]


@dataclass
class File:
    FullName: str
    Length: int = 0
    folder: bool = False
    parent: str = ""
    IsReadOnly: bool = False
    merging: int = 0
    kinds = ("FileInfo",)


@dataclass
class Thing:
    """An instance of a CIM class: it has just its properties."""

    values: dict
    kinds = ("CimInstance",)

    def __getattr__(self, name):
        values = self.__dict__.get("values", {})
        if name not in values:
            raise AttributeError(name)
        return values[name]


@dataclass
class Fault:
    """What goes wrong: calls of a cmdlet, the first ones left out."""

    cmdlet: str
    identifier: str
    category: str
    message: str
    after: int = 0
    times: int = 1 << 30


class World:
    def __init__(self):
        self.switches, self.machines = [], []
        self.nats, self.rules, self.addresses = [], [], []
        self.files = {}
        self.interfaces = ["Ethernet", "Wi-Fi"]
        self.slow = {}  # adapters of the host that have yet to appear: looks until then
        self.how_slow = 0
        self.index = 12  # of each of them
        self.free_bytes = 1 << 40
        self.faults = []
        self.dies_before = 0  # the command before which the host ends: 0 is never
        self.calls = []

    def step(self, name):
        """Note a command that is about to run; it may be that the host ends before that."""
        if self.dies_before:
            self.dies_before -= 1
            if self.dies_before == 0:
                return False
        self.calls.append(name)
        for fault in self.faults:
            if fault.cmdlet == name and fault.times > 0:
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                raise RefusedError(fault.identifier, fault.category, fault.message)
        return True

    def switch(self, switch_id):
        return next((each for each in self.switches if each.Id == switch_id), None)

    def machine(self, machine_id):
        return next((each for each in self.machines if each.Id == machine_id), None)

    def file(self, path):
        return self.files.get(str(path).lower())

    def put(self, file):
        self.files[file.FullName.lower()] = file
        return file

    def under(self, folder):
        start = folder.lower().rstrip("\\") + "\\"
        return [file for name, file in self.files.items() if name.startswith(start)]

    def left(self):
        """Return all that somebody has made: nothing is left when this is empty."""
        machines = r"labiac\machines" + "\\"
        files = [file.FullName for file in self.files.values() if machines in file.FullName]
        named = [each.Name for each in (*self.switches, *self.machines)]
        return named + [each.Name for each in self.nats] + self.addresses + self.rules + files


class Store:
    """A world in a file, for all who talk to the host: one at a time."""

    def __init__(self, path):
        self.path = Path(path)

    @contextmanager
    def open(self):
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            world = pickle.loads(self.path.read_bytes()) if self.path.exists() else World()
            try:
                yield world
            finally:
                self.path.write_bytes(pickle.dumps(world))

    def look(self):
        """Return a copy of the world as it is."""
        with self.open() as world:
            return copy.deepcopy(world)


if __name__ == "__main__":  # what is in a world, for people who try it by hand
    for name in Store(sys.argv[1]).look().left():
        sys.stdout.write(f"{name}\n")
