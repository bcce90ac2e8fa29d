"""A LAN as Hyper-V's switch, with the host's addresses and NAT around it; and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final, TypeVar

from labiac.backends.hyperv.shell import command, select
from labiac.plan.model import Forward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labiac.backends.hyperv.shell import Row, Statement
    from labiac.plan.model import Network, NetworkType, Protocol

T = TypeVar("T")

ADMIN: Final = "labiac_admin"
"""The network between the host and the guests of a copy: no lab file can name one so."""
PRIMARY: Final = 2
SECONDARY: Final = 3
"""The IDs of the private VLAN there, which keeps guests from each other; any two will do."""

KEYS: Final = ("Id", "Name", "SwitchType", "Notes")
_ADDRESS_KEYS: Final = ("IPAddress", "PrefixLength")
_NAT_KEYS: Final = ("Name", "InternalIPInterfaceAddressPrefix")
_RULE_KEYS: Final = (
    "StaticMappingID",
    "Protocol",
    "ExternalIPAddress",
    "ExternalPort",
    "InternalIPAddress",
    "InternalPort",
)
_TYPES: Final = {"internal": "Private", "host": "Internal", "nat": "Internal"}
_BACK: Final[dict[str, NetworkType]] = {
    "Private": "internal",
    "Internal": "host",
    "External": "bridged",
}
_PROTOCOLS: Final = {"6": "TCP", "17": "UDP"}
"""What the host says may be the name of a protocol or its number."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the host has around a switch that it has an adapter in.

    Args:
        addresses: The host's own, with prefix.
        nat: Prefix of its NAT, or empty.
        rules: Port forwards of the NAT, by their numbers on the host.
    """

    addresses: tuple[str, ...] = ()
    nat: str = ""
    rules: tuple[tuple[int, Forward], ...] = ()


def alias(lan: Network) -> str:
    """Return what the host calls its own adapter in *lan*."""
    return f"vEthernet ({lan.host_name})"


def owner(alias_: str) -> str:
    """Return the name of the switch whose adapter of the host is called *alias_*, or nothing."""
    begin, _, rest = alias_.partition("vEthernet (")
    return "" if begin else rest.removesuffix(")")


def reads_around(lan: Network) -> list[Statement]:
    """Return what reads what is around the switch of *lan*."""
    address = command("Get-NetIPAddress", InterfaceAlias=alias(lan), PrefixOrigin="Manual")
    return [
        address | select(*_ADDRESS_KEYS),
        command("Get-NetNat", Name=lan.host_name) | select(*_NAT_KEYS),
        command("Get-NetNatStaticMapping", NatName=lan.host_name) | select(*_RULE_KEYS),
    ]


def around(rows: Sequence[Row]) -> Around:
    """Return what *rows*, which those statements select, tell of."""
    addresses, nats, rules = (
        [row for row in rows if row.keys() == set(keys)]
        for keys in (_ADDRESS_KEYS, _NAT_KEYS, _RULE_KEYS)
    )
    return Around(
        tuple(f"{row['IPAddress']}/{row['PrefixLength']}" for row in addresses),
        str(nats[0]["InternalIPInterfaceAddressPrefix"]) if nats else "",
        tuple((int(str(row["StaticMappingID"])), _forward(row)) for row in rules),
    )


def _forward(row: Row) -> Forward:
    said = str(row["Protocol"])
    protocol: Protocol = "udp" if _PROTOCOLS.get(said, said).upper() == "UDP" else "tcp"
    return Forward(
        protocol,
        int(str(row["ExternalPort"])),
        str(row["InternalIPAddress"]),
        int(str(row["InternalPort"])),
        str(row["ExternalIPAddress"]),
    )


def added(lan: Network, notes: str) -> Statement:
    """Return what makes the switch of *lan*, with its mark in *notes*."""
    kind: Mapping[str, object] = (
        {"NetAdapterName": [lan.interface], "AllowManagementOS": True}
        if lan.type == "bridged"
        else {"SwitchType": _TYPES[lan.type]}
    )
    return command("New-VMSwitch", Name=lan.host_name, Notes=notes, **kind) | select("Id")


def retyped(switch: Statement, was: str, lan: Network) -> Iterator[Statement]:
    """Yield what makes *switch* of the type of *lan*, unless it *was*."""
    wanted = _TYPES.get(lan.type, "External")
    if was == wanted:
        return
    if wanted == "External":
        yield switch | command("Set-VMSwitch", NetAdapterName=lan.interface, AllowManagementOS=True)
    else:
        yield switch | command("Set-VMSwitch", SwitchType=wanted)


def changes(was: Around, lan: Network) -> Iterator[Statement]:
    """Yield what brings what *was* around a switch to what *lan* wants."""
    prefix = _nat(lan)
    if was.nat and was.nat != prefix:
        yield _bare("Remove-NetNat", Name=[lan.host_name], Confirm=False)
    for address in was.addresses:
        if address not in lan.host_addresses:
            own = {"IPAddress": [str(ip_interface(address).ip)], "InterfaceAlias": [alias(lan)]}
            yield _bare("Remove-NetIPAddress", **own, Confirm=False)
    for address in lan.host_addresses:
        if address not in was.addresses:
            yield _addressed(lan, address)
    if prefix and was.nat != prefix:
        nat = {"Name": lan.host_name, "InternalIPInterfaceAddressPrefix": prefix}
        yield _bare("New-NetNat", **nat)
    yield from _rules(was, lan)


def _rules(was: Around, lan: Network) -> Iterator[Statement]:
    """Yield what changes the port forwards of a NAT; one that moved has lost all of them."""
    prefix = _nat(lan)
    there = {rule: number for number, rule in was.rules} if was.nat == prefix else {}
    wanted = lan.forwards if prefix else ()
    for rule, number in there.items():
        if rule not in wanted:
            yield _bare("Remove-NetNatStaticMapping", StaticMappingID=[number], Confirm=False)
    for forward in wanted:
        if forward not in there:
            yield _forwarded(lan, forward)


def parted(lan: Network) -> Iterator[Statement]:
    """Yield what lets the host alone meet all machines in *lan*, if it is labiac's own."""
    if lan.name == ADMIN:
        own = {"ManagementOS": True, "VMNetworkAdapterName": lan.host_name, "Promiscuous": True}
        ids = {"PrimaryVlanId": PRIMARY, "SecondaryVlanIdList": str(SECONDARY)}
        yield _bare("Set-VMNetworkAdapterVlan", **own, **ids)


def _nat(lan: Network) -> str:
    return lan.ipv4 if lan.type == "nat" and lan.ipv4 else ""


def _bare(name: str, **parameters: object) -> Statement:
    return command(name, **parameters) | command("Out-Null")


def _addressed(lan: Network, address: str) -> Statement:
    own = ip_interface(address)
    return _bare(
        "New-NetIPAddress",
        InterfaceAlias=alias(lan),
        IPAddress=str(own.ip),
        PrefixLength=own.network.prefixlen,
    )


def _forwarded(lan: Network, forward: Forward) -> Statement:
    return _bare(
        "Add-NetNatStaticMapping",
        NatName=lan.host_name,
        Protocol=forward.protocol.upper(),
        ExternalIPAddress=forward.host_address,
        ExternalPort=forward.host_port,
        InternalIPAddress=forward.guest,
        InternalPort=forward.guest_port,
    )


def observed(lan: Network, kind: str, there: Around) -> Network:
    """Return *lan* as it is: a switch of this *kind*, with what is *there* around it."""
    seen = "nat" if there.nat and kind == "Internal" else _BACK.get(kind, "internal")
    if seen in ("internal", "bridged"):
        return replace(lan, type=seen)
    rules = [rule for _, rule in there.rules]
    return replace(
        lan,
        type=seen,
        ipv4=there.nat or lan.ipv4,
        host_addresses=_ordered(lan.host_addresses, there.addresses),
        forwards=_ordered(lan.forwards, rules),
    )


def _ordered(planned: tuple[T, ...], there: Sequence[T]) -> tuple[T, ...]:
    """Return what is *there*: what was *planned* first, as it was written."""
    known = [each for each in planned if each in there]
    return (*known, *(each for each in there if each not in planned))
