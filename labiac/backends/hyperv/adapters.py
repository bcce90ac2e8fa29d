"""A NIC of the plan as Hyper-V has it, an adapter plugged into a switch; and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from labiac.backends.hyperv import switches
from labiac.backends.hyperv.shell import Size, command, select, unfold
from labiac.backends.ports import NOTHING, Takes, as_taking, takes
from labiac.plan.model import Impairments, Nic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.backends.hyperv.shell import Command, Row, Statement
    from labiac.plan.management import Management
    from labiac.plan.model import Network

KEYS: Final = (
    "Id",
    "VMId",
    "Name",
    "SwitchName",
    "MacAddress",
    "MacAddressSpoofing",
    "PortMirroringMode",
)
VLAN_KEYS: Final = (
    "Adapter",
    "OperationMode",
    "AccessVlanId",
    "NativeVlanId",
    "AllowedVlanIdListString",
)
RATE_KEYS: Final = ("Adapter", "MaximumBandwidth")
_BITS: Final = 1000
Mirroring = Literal["None", "Source", "Destination"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter of a machine.

    Args:
        switch: Name of the switch that it is plugged into, or empty.
        mac: Twelve hexadecimal digits, upper case.
        spoofs: Whether it may send from other MACs than its own, and gets frames for them.
        takes: The VLANs that its port takes.
        rate_kbit: The most that it may send, or 0.
        mirroring: Whether its frames are copied to those who listen, or it gets the copies.
        alone: Whether it meets the host alone in that switch, and no other machine.
    """

    switch: str
    mac: str
    spoofs: bool
    takes: Takes
    rate_kbit: int
    mirroring: Mirroring
    alone: bool = False


def mirroring_of(nic: Nic, lan: Network) -> Mirroring:
    """Return what *nic* is on its *lan* in the mirroring of ports."""
    if nic.listens:
        return "Destination"
    return "Source" if lan.watched else "None"


def admin(management: Management, switch: str) -> Adapter:
    """Return what the adapter is to be by which labiac reaches a guest, in *switch*."""
    return Adapter(
        switch,
        _digits(management.mac),
        spoofs=False,
        takes=NOTHING,
        rate_kbit=0,
        mirroring="None",
        alone=True,
    )


def wanted(nic: Nic, lans: Mapping[str, Network]) -> Adapter:
    """Return what *nic* is to be; a LAN that is not among *lans* is gone."""
    lan = lans.get(nic.network)
    return Adapter(
        lan.host_name if lan and nic.connected else "",
        _digits(nic.mac),
        nic.promiscuous and not nic.listens,
        takes(_port(nic, lan), _ids(lan)) if lan else NOTHING,
        nic.impair.rate_kbit,
        mirroring_of(nic, lan) if lan else "None",
    )


def _digits(mac: str) -> str:
    return mac.replace(":", "").upper()


def _port(nic: Nic, lan: Network) -> Nic:
    """Return *nic* with the VLANs that its port in Hyper-V's own switch has to do with.

    The cable of a switch that is a machine knows of none: what is tagged there passes tagged.
    """
    return nic if lan.vlans else replace(nic, vlan=None, native=None)


def _ids(lan: Network) -> dict[str, int]:
    return {vlan.name: vlan.id for vlan in lan.vlans}


def reads(machine: Statement) -> Iterator[Statement]:
    """Yield what reads the adapters of the *machine* that this statement returns."""
    all_ = machine | command("Get-VMNetworkAdapter")
    yield all_ | select(*KEYS)
    yield all_ | unfold("VlanSetting", Adapter="Id") | select(*VLAN_KEYS)
    limited = command("Where-Object", Property="BandwidthSetting")  # those that have any
    yield all_ | limited | unfold("BandwidthSetting", Adapter="Id") | select(*RATE_KEYS)


def read(row: Row, vlans: Mapping[str, Row], rates: Mapping[str, Row]) -> Adapter:
    """Return the adapter of *row*, with what else was read of it, by its Id."""
    vlan = vlans.get(str(row["Id"]), {})
    rate = rates.get(str(row["Id"]), {}).get("MaximumBandwidth", 0)
    return Adapter(
        str(row["SwitchName"] or ""),
        str(row["MacAddress"]),
        row["MacAddressSpoofing"] == "On",
        _taken(vlan),
        int(str(rate or 0)) // _BITS,
        cast("Mirroring", str(row["PortMirroringMode"])),
        alone=vlan.get("OperationMode") == "Private",
    )


def _taken(row: Row) -> Takes:
    mode = row.get("OperationMode", "Untagged")
    if mode == "Access":
        return Takes(int(str(row["AccessVlanId"])), frozenset())
    if mode == "Trunk":
        native = int(str(row["NativeVlanId"]))
        return Takes(native, _listed(str(row["AllowedVlanIdListString"])) - {native})
    return NOTHING


def _listed(said: str) -> frozenset[int]:
    """Return the IDs of a list like ``10,20-30``."""
    ranges = (part.partition("-") for part in said.split(",") if part.strip())
    return frozenset(
        vlan for first, _, last in ranges for vlan in range(int(first), int(last or first) + 1)
    )


def changes(
    machine: Statement, were: Mapping[str, Adapter], now: Mapping[str, Adapter]
) -> Iterator[Statement]:
    """Yield what brings the adapters of *machine* from what they *were* to what they are *now*."""
    for name in were.keys() - now.keys():
        yield (
            machine
            | command("Get-VMNetworkAdapter", Name=name)
            | command("Remove-VMNetworkAdapter", Confirm=False)
        )
    for name, adapter in now.items():
        was = were.get(name)
        if was is None:
            yield _added(machine, name, adapter)
        elif was != adapter:
            for each in _settings(was, adapter):
                yield machine | command("Get-VMNetworkAdapter", Name=name) | each


def _added(machine: Statement, name: str, adapter: Adapter) -> Statement:
    bare = Adapter(
        adapter.switch, adapter.mac, spoofs=False, takes=NOTHING, rate_kbit=0, mirroring="None"
    )
    statement = machine | command(
        "Add-VMNetworkAdapter",
        Name=name,
        SwitchName=adapter.switch or None,
        StaticMacAddress=adapter.mac,
        Passthru=True,
    )
    for each in _settings(bare, adapter, Passthru=True):
        statement |= each
    return statement | command("Out-Null")


def _settings(was: Adapter, now: Adapter, **options: bool) -> Iterator[Command]:
    """Yield what brings an adapter that is there from what it *was* to what it is *now*."""
    if was.switch != now.switch:
        yield (
            command("Connect-VMNetworkAdapter", SwitchName=now.switch, **options)
            if now.switch
            else command("Disconnect-VMNetworkAdapter", **options)
        )
    said: dict[str, object] = {}
    if was.mac != now.mac:
        said["StaticMacAddress"] = now.mac
    if was.spoofs != now.spoofs:
        said["MacAddressSpoofing"] = "On" if now.spoofs else "Off"
    if was.mirroring != now.mirroring:
        said["PortMirroring"] = now.mirroring
    if was.rate_kbit != now.rate_kbit:
        said["MaximumBandwidth"] = Size(now.rate_kbit * _BITS)
    if said:
        yield command("Set-VMNetworkAdapter", **said, **options)
    if (was.takes, was.alone) != (now.takes, now.alone):
        yield command("Set-VMNetworkAdapterVlan", **_vlan(now), **options)


def _vlan(now: Adapter) -> dict[str, object]:
    taken = now.takes
    if now.alone:
        ids = {"PrimaryVlanId": switches.PRIMARY, "SecondaryVlanId": switches.SECONDARY}
        return {"Isolated": True, **ids}
    if taken.tagged:
        listed = ",".join(map(str, sorted(taken.ids())))
        return {"Trunk": True, "AllowedVlanIdList": listed, "NativeVlanId": taken.untagged}
    if taken.untagged:
        return {"Access": True, "VlanId": taken.untagged}
    return {"Untagged": True}


def observed(nic: Nic, there: Adapter, lans: Mapping[str, Network], prefix: str) -> Nic:
    """Return *nic* as it is *there*.

    Args:
        nic: As it is planned.
        there: As it is.
        lans: The LANs that are there, by name.
        prefix: What the names of the copy's objects begin with.
    """
    want = wanted(nic, lans)
    listens = there.mirroring == "Destination"
    seen = replace(
        nic,
        mac=":".join(there.mac[at : at + 2] for at in range(0, len(there.mac), 2)).lower(),
        promiscuous=there.spoofs or listens,
        listens=listens,
        impair=replace(nic.impair, rate_kbit=there.rate_kbit),
    )
    if there.switch != want.switch:
        seen = _replugged(seen, there.switch.removeprefix(prefix))
    lan = lans.get(nic.network)
    if lan is None or there.takes == want.takes:
        return seen
    return as_taking(seen, _port(nic, lan), there.takes, _ids(lan))


def _replugged(nic: Nic, lan: str) -> Nic:
    return (
        replace(nic, attach="lan", network=lan, connected=True)
        if lan
        else replace(nic, connected=False)
    )


def unplanned(name: str, there: Adapter, prefix: str) -> Nic:
    """Return an adapter that no plan has."""
    nothing = Impairments(0.0, 0.0, 0.0, 0)
    nic = Nic(
        name=name, attach="none", network="", mac="", addresses=(), vlan=None, native=None,
        trunk=(), connected=True, model="virtio", promiscuous=False, listens=False, forwards=(),
        driver="", properties=(), impair=nothing,
    )  # fmt: skip
    return observed(nic, there, {}, prefix)
