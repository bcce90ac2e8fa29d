"""What each cmdlet does to a simulated host: a function each, of the world and its arguments."""

from __future__ import annotations

import copy
import re
import uuid
from ipaddress import ip_interface, ip_network
from pathlib import Path, PureWindowsPath

from tests.backends.hyperv.binder import matches
from tests.backends.hyperv.world import (
    DISKS,
    Adapter,
    Drive,
    File,
    Machine,
    RefusedError,
    Snapshot,
    Switch,
    Thing,
)

CMDLETS = {}
HYPERV = "Microsoft.HyperV.PowerShell.Commands"


def cmdlet(function):
    """Register *function*, ``new_vm_switch``, as what New-VMSwitch does."""
    verb, _, noun = function.__name__.partition("_")
    CMDLETS[f"{verb}-{noun}".lower().replace("_", "")] = function
    return function


def run(world, name, arguments):
    """Return what the cmdlet returns."""
    return list(CMDLETS[name.lower()](world, **arguments) or [])


def invalid(name, message, word="InvalidParameter"):
    return RefusedError(f"{word},{HYPERV}.{name.replace('-', '')}", "InvalidArgument", message)


def state(name, message):
    identifier = f"InvalidState,{HYPERV}.{name.replace('-', '')}"
    return RefusedError(identifier, "InvalidOperation", message)


def cim(word, name, message, category="ObjectNotFound"):
    return RefusedError(f"{word},{name}", category, message)


def insist_off(machine, name):
    if machine.State != "Off":
        raise state(name, f"{machine.Name} is {machine.State}: it must be off for that")


# Switches, and what the host has around them


@cmdlet
def new_vmswitch(world, Name, Notes="", SwitchType=None, NetAdapterName=None, **_):
    if NetAdapterName:
        (interface,) = NetAdapterName
        if interface not in world.interfaces:
            raise invalid("New-VMSwitch", f"there is no {interface}", "ObjectNotFound")
        if any(each.interface == interface for each in world.switches):
            identifier = f"ObjectInUse,{HYPERV}.NewVMSwitch"
            raise RefusedError(identifier, "ResourceBusy", f"{interface} is bound already")
        switch = Switch(Name, "External", Notes, interface)
    else:
        switch = Switch(Name, SwitchType, Notes)
    world.switches.append(switch)
    _host_adapter(world, switch)
    return [switch]


def _host_adapter(world, switch):
    alias = f"vEthernet ({switch.Name})"
    if switch.SwitchType == "Internal":
        world.slow.setdefault(alias, world.how_slow)
    else:
        world.slow.pop(alias, None)
        world.addresses = [each for each in world.addresses if each.InterfaceAlias != alias]


@cmdlet
def get_vmswitch(world, Name=None, Id=None, **_):
    wanted = Id or []
    found = [
        each
        for each in world.switches
        if (Name is None or matches(Name, each.Name)) and (not wanted or each.Id in wanted)
    ]
    if not found and (wanted or (Name and "*" not in Name)):
        raise invalid("Get-VMSwitch", f"there is no virtual switch {Name or wanted}")
    return found


@cmdlet
def set_vmswitch(world, VMSwitch, Notes=None, SwitchType=None, NetAdapterName=None, **_):
    for switch in VMSwitch:
        if Notes is not None:
            switch.Notes = Notes
        if SwitchType or NetAdapterName:
            switch.SwitchType = SwitchType or "External"
            switch.interface = NetAdapterName or ""
            _host_adapter(world, switch)


@cmdlet
def remove_vmswitch(world, VMSwitch, **_):
    for switch in VMSwitch:
        plugged = [vm for vm in world.machines for card in vm.adapters if card.switch == switch.Id]
        if any(vm.State != "Off" for vm in plugged):
            raise state("Remove-VMSwitch", f"{switch.Name} is in use by machines that run")
        for card in (card for vm in plugged for card in vm.adapters):
            card.switch = None if card.switch == switch.Id else card.switch
        world.switches.remove(switch)
        switch.SwitchType = ""
        _host_adapter(world, switch)


@cmdlet
def get_netadapter(world, Name=None, Physical=False, **_):
    if Physical:
        return [Thing({"Name": each, "InterfaceDescription": each}) for each in world.interfaces]
    (alias,) = Name
    if world.slow.get(alias, 1) > 0:
        if alias in world.slow:
            world.slow[alias] -= 1
        said = "No MSFT_NetAdapter objects found"
        raise cim("CmdletizationQuery_NotFound_Name", "Get-NetAdapter", said)
    return [Thing({"Name": alias, "Status": "Up", "InterfaceIndex": world.index})]


@cmdlet
def new_netipaddress(world, InterfaceAlias, IPAddress, PrefixLength, **_):
    if world.slow.get(InterfaceAlias, 1) > 0:
        said = f"there is no interface {InterfaceAlias}"
        raise cim("Windows System Error 1168", "New-NetIPAddress", said)
    if any(each.IPAddress == IPAddress for each in world.addresses):
        said = "Instance MSFT_NetIPAddress already exists"
        raise cim("Windows System Error 5010", "New-NetIPAddress", said, "ResourceExists")
    ip_interface(f"{IPAddress}/{PrefixLength}")
    values = {"IPAddress": IPAddress, "PrefixLength": PrefixLength}
    world.addresses.append(Thing({**values, "InterfaceAlias": InterfaceAlias}))
    return [world.addresses[-1]]


@cmdlet
def get_netipaddress(world, InterfaceAlias=None, PrefixOrigin=None, **_):
    if InterfaceAlias is None:
        return world.addresses
    assert PrefixOrigin == ["Manual"]
    found = [each for each in world.addresses if each.InterfaceAlias in InterfaceAlias]
    if not found:
        said = "No MSFT_NetIPAddress objects found"
        raise cim("CmdletizationQuery_NotFound_InterfaceAlias", "Get-NetIPAddress", said)
    return found


@cmdlet
def remove_netipaddress(world, IPAddress, InterfaceAlias, **_):
    gone = get_netipaddress(world, InterfaceAlias, ["Manual"])
    world.addresses = [x for x in world.addresses if x not in gone or x.IPAddress not in IPAddress]


@cmdlet
def new_netnat(world, Name, InternalIPInterfaceAddressPrefix, **_):
    prefix = ip_network(InternalIPInterfaceAddressPrefix)
    for each in world.nats:
        other = ip_network(each.InternalIPInterfaceAddressPrefix)
        if each.Name == Name or other.overlaps(prefix):
            said = "The parameter is incorrect."
            raise cim("Windows System Error 87", "New-NetNat", said, "InvalidArgument")
    values = {"Name": Name, "InternalIPInterfaceAddressPrefix": str(prefix), "Active": True}
    world.nats.append(Thing(values))
    return [world.nats[-1]]


@cmdlet
def get_netnat(world, Name=None, **_):
    found = [each for each in world.nats if Name is None or each.Name in Name]
    if Name and not found:
        said = "No MSFT_NetNat objects found"
        raise cim("CmdletizationQuery_NotFound_Name", "Get-NetNat", said)
    return found


@cmdlet
def remove_netnat(world, Name, **_):
    gone = get_netnat(world, Name)
    world.nats = [each for each in world.nats if each not in gone]
    world.rules = [each for each in world.rules if each.NatName not in Name]


@cmdlet
def add_netnatstaticmapping(world, NatName, Protocol, **ends):
    get_netnat(world, [NatName])
    port = (Protocol, ends["ExternalIPAddress"], ends["ExternalPort"])
    if any((x.Protocol, x.ExternalIPAddress, x.ExternalPort) == port for x in world.rules):
        said = "The process cannot access the file because it is being used by another process."
        raise cim("Windows System Error 32", "Add-NetNatStaticMapping", said, "NotSpecified")
    number = max((each.StaticMappingID for each in world.rules), default=-1) + 1
    values = {"NatName": NatName, "Protocol": Protocol, "StaticMappingID": number, **ends}
    world.rules.append(Thing(values))
    return [world.rules[-1]]


@cmdlet
def get_netnatstaticmapping(world, NatName, **_):
    found = [each for each in world.rules if each.NatName in NatName]
    if not found:
        said = "No MSFT_NetNatStaticMapping objects found"
        raise cim("CmdletizationQuery_NotFound_NatName", "Get-NetNatStaticMapping", said)
    return found


@cmdlet
def remove_netnatstaticmapping(world, StaticMappingID, **_):
    world.rules = [each for each in world.rules if each.StaticMappingID not in StaticMappingID]


# Machines


@cmdlet
def new_vm(world, *, Name, Generation, MemoryStartupBytes, VHDPath, Path, **_):
    if world.file(VHDPath) is None:
        raise invalid("New-VM", f"there is no disk {VHDPath}", "ObjectNotFound")
    place = str(PureWindowsPath(Path) / Name)
    machine = Machine(Name, Generation, MemoryStartupBytes, place)
    kind = "SCSI" if Generation == 2 else "IDE"
    machine.disks.append(Drive(machine.Id, VHDPath, kind))
    machine.adapters.append(Adapter(machine.Id, "Network Adapter"))
    machine.policy = {"AutomaticCheckpointsEnabled": True, "CheckpointType": "Production"}
    world.put(File(place, folder=True))
    world.put(File(str(PureWindowsPath(place) / f"{machine.Id}.vmcx")))
    world.machines.append(machine)
    return [machine]


@cmdlet
def get_vm(world, Name=None, Id=None):
    found = [
        each
        for each in world.machines
        if (Name is None or any(matches(one, each.Name) for one in Name))
        and (Id is None or each.Id == Id)
    ]
    if not found and (Id or any("*" not in each for each in Name or ())):
        raise invalid("Get-VM", f"Hyper-V was unable to find a virtual machine with {Name or Id}.")
    return found


@cmdlet
def set_vm(world, VM, Notes=None, ProcessorCount=None, MemoryStartupBytes=None, **said):
    for machine in VM:
        if ProcessorCount or MemoryStartupBytes or said.get("StaticMemory"):
            insist_off(machine, "Set-VM")
        machine.Notes = machine.Notes if Notes is None else Notes
        machine.ProcessorCount = ProcessorCount or machine.ProcessorCount
        machine.MemoryStartup = MemoryStartupBytes or machine.MemoryStartup
        passed = said.pop("Passthru", False)
        machine.policy |= said
        if passed:
            yield machine


@cmdlet
def remove_vm(world, VM, **_):
    for machine in VM:
        insist_off(machine, "Remove-VM")
        world.machines.remove(machine)
        for file in world.under(machine.Path):
            if file.FullName.endswith(".vmcx"):
                del world.files[file.FullName.lower()]
            if file.FullName.endswith(".avhdx"):
                file.merging = 2  # looks until it is merged


@cmdlet
def start_vm(world, VM, **_):
    for machine in VM:
        if machine.State == "Paused":
            raise state("Start-VM", f"{machine.Name} is paused")
        for drive in (*machine.disks, *machine.dvds):
            if drive.Path and world.file(drive.Path) is None:
                raise invalid("Start-VM", f"{drive.Path} is not there", "ObjectNotFound")
        wanted = "MicrosoftUEFICertificateAuthority"
        signed = machine.secure_boot == "Off" or machine.secure_boot_template == wanted
        if machine.Generation == 2 and not signed:
            raise state("Start-VM", "the signature of what shall boot is not known")
        machine.State = "Running"


@cmdlet
def stop_vm(world, VM, TurnOff=False, AsJob=False, Save=False, **_):
    for machine in VM:
        if not (machine.stubborn and not TurnOff):
            machine.State = "Saved" if Save else "Off"
        if AsJob:
            yield Thing({"Id": 1, "State": "Running"})


def _moved(name, before, after):
    """Return the cmdlet that brings a machine from one of the states *before* to *after*."""

    def move(world, VM, **_):
        for machine in VM:
            if machine.State not in before:
                raise state(name, f"{machine.Name} is {machine.State}")
            machine.State = after

    return move


CMDLETS["suspend-vm"] = _moved("Suspend-VM", {"Running"}, "Paused")
CMDLETS["resume-vm"] = _moved("Resume-VM", {"Paused"}, "Running")
CMDLETS["save-vm"] = _moved("Save-VM", {"Running", "Paused"}, "Saved")


@cmdlet
def set_vmfirmware(world, VM, EnableSecureBoot=None, SecureBootTemplate=None, **_):
    for machine in VM:
        if machine.Generation == 1:
            raise invalid("Set-VMFirmware", f"{machine.Name} is of generation 1")
        insist_off(machine, "Set-VMFirmware")
        machine.secure_boot = EnableSecureBoot or machine.secure_boot
        machine.secure_boot_template = SecureBootTemplate or machine.secure_boot_template


@cmdlet
def set_vmcomport(world, VM, Number, Path, **_):
    for machine in VM:
        insist_off(machine, "Set-VMComPort")
        if Number not in (1, 2) or not Path.startswith("\\\\.\\pipe\\"):
            raise invalid("Set-VMComPort", f"port {Number} can't lead to {Path}")
        machine.com[Number] = Path


@cmdlet
def export_vm(world, VM, Path, **_):
    """Write a machine with all its disks, those below them too, to a folder of its name."""
    for machine in VM:
        folder = PureWindowsPath(Path) / machine.Name
        if world.file(folder):
            raise invalid("Export-VM", f"{folder} is there already", "OperationFailed")
        new_item(world, [str(folder / "Virtual Machines")], "Directory")
        new_item(world, [str(folder / "Virtual Hard Disks")], "Directory")
        world.put(File(str(folder / "Virtual Machines" / f"{machine.Id}.vmcx"), 1000))
        for drive in machine.disks:
            disk = world.file(drive.Path)
            while disk:
                name = PureWindowsPath(disk.FullName).name
                world.put(File(str(folder / "Virtual Hard Disks" / name), disk.Length))
                disk = world.file(disk.parent) if disk.parent else None


# Drives and adapters


@cmdlet
def add_vmdvddrive(world, VM, Path=None, **_):
    for machine in VM:
        if machine.Generation == 1:
            insist_off(machine, "Add-VMDvdDrive")
        location = len(machine.disks) + len(machine.dvds)
        kind = machine.disks[0].ControllerType if machine.disks else "SCSI"
        machine.dvds.append(Drive(machine.Id, _medium(world, Path), kind, 0, location))


@cmdlet
def set_vmdvddrive(world, VMDvdDrive, Path, **_):
    for drive in VMDvdDrive:
        drive.Path = _medium(world, Path)


def _medium(world, path):
    if path and world.file(path) is None:
        raise invalid("Set-VMDvdDrive", f"{path} is not there", "ObjectNotFound")
    return path


@cmdlet
def remove_vmdvddrive(world, VMDvdDrive, **_):
    for drive in VMDvdDrive:
        world.machine(drive.VMId).dvds.remove(drive)


@cmdlet
def get_vmdvddrive(world, VM, **_):
    return [drive for machine in VM for drive in machine.dvds]


@cmdlet
def get_vmharddiskdrive(world, VM, **_):
    return [drive for machine in VM for drive in machine.disks]


@cmdlet
def add_vmnetworkadapter(
    world, VM, *, Name, StaticMacAddress, SwitchName=None, Passthru=False, **_
):
    for machine in VM:
        if machine.Generation == 1:
            insist_off(machine, "Add-VMNetworkAdapter")
        card = Adapter(machine.Id, Name, MacAddress=_mac(StaticMacAddress))
        machine.adapters.append(card)
        if SwitchName:
            connect_vmnetworkadapter(world, [card], SwitchName)
        if Passthru:
            yield card


def _mac(said):
    mac = re.sub("[:-]", "", said).upper()
    if not re.fullmatch("[0-9A-F]{12}", mac) or int(mac[:2], 16) & 1:
        raise invalid("Set-VMNetworkAdapter", f"{said} is no MAC")
    return mac


@cmdlet
def connect_vmnetworkadapter(world, VMNetworkAdapter, SwitchName, Passthru=False, **_):
    named = get_vmswitch(world, Name=SwitchName)
    if len(named) > 1:
        raise invalid("Connect-VMNetworkAdapter", f"there are several switches {SwitchName}")
    for card in VMNetworkAdapter:
        card.switch = named[0].Id
    return VMNetworkAdapter if Passthru else []


@cmdlet
def disconnect_vmnetworkadapter(world, VMNetworkAdapter, Passthru=False, **_):
    for card in VMNetworkAdapter:
        card.switch = None
    return VMNetworkAdapter if Passthru else []


@cmdlet
def get_vmnetworkadapter(world, VM, Name=None, **_):
    cards = [card for machine in VM for card in machine.adapters]
    found = [card for card in cards if Name is None or matches(Name, card.Name)]
    if Name and not found:
        raise invalid("Get-VMNetworkAdapter", f"there is no adapter {Name}")
    return found


@cmdlet
def remove_vmnetworkadapter(world, VM=(), VMNetworkAdapter=(), **_):
    for card in [*VMNetworkAdapter, *(card for machine in VM for card in machine.adapters)]:
        machine = world.machine(card.VMId)
        if machine.Generation == 1:
            insist_off(machine, "Remove-VMNetworkAdapter")
        machine.adapters.remove(card)


@cmdlet
def set_vmnetworkadapter(world, VMNetworkAdapter, Passthru=False, **said):
    card = VMNetworkAdapter[0]
    if "StaticMacAddress" in said:
        insist_off(world.machine(card.VMId), "Set-VMNetworkAdapter")
        card.MacAddress = _mac(said["StaticMacAddress"])
    card.MacAddressSpoofing = said.get("MacAddressSpoofing", card.MacAddressSpoofing)
    card.PortMirroringMode = said.get("PortMirroring", card.PortMirroringMode)
    card.rate = said.get("MaximumBandwidth", card.rate)
    return [card] if Passthru else []


VLANS = {
    "Access": {"VlanId"},
    "Trunk": {"AllowedVlanIdList", "NativeVlanId"},
    "Untagged": set(),
    "Isolated": {"PrimaryVlanId", "SecondaryVlanId"},
    "Promiscuous": {"PrimaryVlanId", "SecondaryVlanIdList"},
}
"""What a port may be, and what goes with each."""


@cmdlet
def set_vmnetworkadaptervlan(
    world, VMNetworkAdapter=(), VMNetworkAdapterName="", ManagementOS=False, Passthru=False, **said
):
    modes = [mode for mode in VLANS if said.pop(mode, False)]
    said.pop("Confirm", None)
    if len(modes) != 1 or VLANS[modes[0]] != said.keys():
        raise invalid("Set-VMNetworkAdapterVlan", f"{modes} and {sorted(said)} do not go together")
    native = said.get("NativeVlanId", 0)
    ids = [int(each) for value in said.values() for each in re.findall(r"\d+", str(value))]
    if not all(1 <= vlan <= 4094 for vlan in ids if vlan != native) or not 0 <= native <= 4094:
        raise invalid("Set-VMNetworkAdapterVlan", f"VLANs are 1-4094, and not {ids}")
    private = modes[0] in ("Isolated", "Promiscuous")
    vlan = {
        "OperationMode": "Private" if private else modes[0],
        "AccessVlanId": said.get("VlanId", 0),
        "NativeVlanId": native,
        "AllowedVlanIdListString": said.get("AllowedVlanIdList", ""),
    }
    if private:
        vlan |= {"PrivateVlanMode": modes[0], **said}
    if ManagementOS:
        _switch_of_the_hosts(world, VMNetworkAdapterName).vlan = vlan
    for card in VMNetworkAdapter:
        card.vlan = vlan
    return VMNetworkAdapter if Passthru else []


def _switch_of_the_hosts(world, name):
    """Return the switch in which the host's own adapter is called *name*: as the switch is."""
    for switch in world.switches:
        if switch.Name == name and switch.SwitchType == "Internal":
            return switch
    raise invalid("Set-VMNetworkAdapterVlan", f"the host has no adapter {name}")


# Checkpoints


@cmdlet
def checkpoint_vm(world, VM, SnapshotName, **_):
    for machine in VM:
        if machine.State not in ("Running", "Saved", "Off"):
            raise state("Checkpoint-VM", f"{machine.Name} is {machine.State}")
        was = copy.deepcopy({k: v for k, v in vars(machine).items() if k != "snapshots"})
        machine.snapshots.append(Snapshot(machine.Id, SnapshotName, was))
        for disk in machine.disks:
            _stand_on(world, disk, disk.Path)


def _stand_on(world, drive, parent):
    """Give a drive a new disk that stands on *parent*, in the same folder."""
    stem = re.sub(r"(_[0-9A-F-]{36})?\.a?vhdx$", "", parent)
    drive.Path = f"{stem}_{str(uuid.uuid4()).upper()}.avhdx"
    world.put(File(drive.Path, parent=parent))


@cmdlet
def get_vmsnapshot(world, VM=None, Id=None, **_):
    machines = world.machines if VM is None else VM
    made = [each for machine in machines for each in machine.snapshots]
    found = [each for each in made if Id in (None, each.Id)]
    if Id and not found:
        raise invalid("Get-VMSnapshot", f"there is no checkpoint {Id}")
    return found


@cmdlet
def restore_vmsnapshot(world, VMSnapshot, **_):
    (snapshot,) = VMSnapshot if isinstance(VMSnapshot, list) else [VMSnapshot]
    machine = world.machine(snapshot.VMId)
    for disk in machine.disks:
        del world.files[disk.Path.lower()]
    vars(machine).update(copy.deepcopy(snapshot.was))
    for disk in machine.disks:
        _stand_on(world, disk, disk.Path)
    machine.State = "Off" if snapshot.State == "Off" else "Saved"


@cmdlet
def remove_vmsnapshot(world, VMSnapshot, **_):
    for snapshot in VMSnapshot:
        machine = world.machine(snapshot.VMId)
        machine.snapshots.remove(snapshot)
        for disk in snapshot.was["disks"]:
            _merge(world, machine, disk.Path)


def _merge(world, machine, path):
    """Merge what stands on the disk *path* into it; where several do, it stays."""
    above = [file for file in world.files.values() if file.parent == path]
    if len(above) != 1:
        return
    (child,) = above
    child.merging, child.parent = 2, ""
    for file in world.files.values():
        file.parent = path if file.parent == child.FullName else file.parent
    used = [*machine.disks, *(disk for each in machine.snapshots for disk in each.was["disks"])]
    for disk in used:
        disk.Path = path if disk.Path == child.FullName else disk.Path


# Disks and files


@cmdlet
def new_vhd(world, Path, ParentPath, SizeBytes, **_):
    (path,) = Path
    if world.file(path):
        raise invalid("New-VHD", f"{path} is there already", "OperationFailed")
    if world.file(ParentPath) is None:
        raise invalid("New-VHD", f"{ParentPath} is not there", "ObjectNotFound")
    _insist_on_folder(world, path)
    return [world.put(File(path, SizeBytes, parent=ParentPath))]


def _insist_on_folder(world, path):
    if world.file(PureWindowsPath(path).parent) is None:
        raise RefusedError("GetContentWriterDirectoryNotFoundError", "ObjectNotFound", path)


@cmdlet
def new_item(world, Path, ItemType, **_):
    for path in map(PureWindowsPath, Path):
        for each in (path, *path.parents):
            if world.file(each) is None:
                world.put(File(str(each), folder=ItemType == "Directory"))
    return [world.file(Path[0])]


@cmdlet
def remove_item(world, LiteralPath, Recurse=False, **_):
    for path in LiteralPath:
        file = world.file(path)
        if file is None:
            raise RefusedError("PathNotFound,RemoveItemCommand", "ObjectNotFound", path)
        for each in [file, *(world.under(path) if Recurse else [])]:
            used = [vm for vm in world.machines for disk in vm.disks if disk.Path == each.FullName]
            if used or each.merging:
                raise RefusedError("RemoveFileSystemItemIOError", "WriteError", each.FullName)
            if any(other.parent == each.FullName for other in world.files.values()):
                inside = each.FullName.lower().startswith(path.lower())
                assert inside or each.FullName.endswith(".vhdx"), f"{each} is under other disks"
            del world.files[each.FullName.lower()]


@cmdlet
def set_content(world, LiteralPath, Value, Encoding=None, AsByteStream=False):
    """Write bytes; how that is said depends on the edition, of which this is Windows PowerShell."""
    if Encoding != "Byte" or AsByteStream:
        raise RefusedError("NamedParameterNotFound,Set-Content", "InvalidArgument", "AsByteStream")
    (path,), (data,) = LiteralPath, Value
    _insist_on_folder(world, path)
    world.put(File(path, len(bytes(data))))


@cmdlet
def add_content(world, LiteralPath, Value, Encoding=None, **_):
    (path,), (data,) = LiteralPath, Value
    world.file(path).Length += len(bytes(data))


@cmdlet
def copy_item(world, LiteralPath, Destination, **_):
    (path,) = LiteralPath
    _insist_on_folder(world, Destination)
    known = world.file(path)  # else it is of the machine that labiac runs on, which is the host
    world.put(File(Destination, known.Length if known else Path(path).stat().st_size))


@cmdlet
def move_item(world, LiteralPath, Destination, **_):
    (path,) = LiteralPath
    for file in [world.file(path), *world.under(path)]:
        del world.files[file.FullName.lower()]
        file.FullName = Destination + file.FullName[len(path) :]
        world.put(file)


@cmdlet
def set_itemproperty(world, LiteralPath, Name, Value):
    setattr(world.file(LiteralPath[0]), Name, Value)


@cmdlet
def get_childitem(world, LiteralPath, Filter="*", Recurse=False, File=False, **_):
    (path,) = LiteralPath
    if world.file(path) is None:
        said = f"Cannot find path '{path}' because it does not exist."
        identifier = "PathNotFound,Microsoft.PowerShell.Commands.GetChildItemCommand"
        raise RefusedError(identifier, "ObjectNotFound", said)
    found = []
    for file in world.under(path):
        name = PureWindowsPath(file.FullName)
        near = Recurse or str(name.parent).lower() == path.lower()
        if near and matches(Filter, name.name) and not (File and file.folder):
            found.append(file)
            if file.merging == 1:
                del world.files[file.FullName.lower()]
            file.merging -= bool(file.merging)
    return found


# The host itself


@cmdlet
def get_vmhost(world):
    return [Thing({"VirtualHardDiskPath": str(DISKS), "LogicalProcessorCount": 8})]


@cmdlet
def get_ciminstance(world, ClassName):
    if ClassName == "Win32_LogicalDisk":
        return [Thing({"DeviceID": "C:", "FreeSpace": world.free_bytes})]
    assert ClassName == "Win32_OperatingSystem"
    system = {"Caption": "Microsoft Windows Server 2025 Standard", "Version": "10.0.26100"}
    return [Thing({**system, "FreePhysicalMemory": 16 << 20})]
