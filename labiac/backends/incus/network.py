"""A LAN as Incus is told of it: a network's type and configuration, and back. Pure.

Source:
    https://linuxcontainers.org/incus/docs/main/reference/network_bridge/, for Incus 6.0.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.incus.names import MARK
from labiac.backends.inside import in_order
from labiac.backends.subnets import gateway
from labiac.plan.model import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine, NetworkType, Nic

_FAMILIES: Final = ("ipv4", "ipv6")
_KINDS: Final = {"bridged": "macvlan"}
"""What Incus calls a LAN whose switch is a physical link: its NICs are macvlans on it."""
_OFF: Final = "none"
_OWN: Final = "."
"""Between a node and its NIC in the name of a LAN that only this NIC is in: others have none."""


def kind(lan: Network) -> str:
    """Return the type of network that *lan* is in Incus."""
    return _KINDS.get(lan.type, "bridge")


def configuration(mark: Mark) -> dict[str, str]:
    """Return the configuration of the LAN of *mark*. A node never asks for its address there."""
    lan, told = mark.network, {MARK: mark.to_json()}
    if lan.type == "bridged":
        return {**told, "parent": lan.interface}
    own = {_family(address): address for address in lan.host_addresses}
    for family in _FAMILIES:
        told[f"{family}.address"] = own.get(family, _OFF)
        if family in own:
            told[f"{family}.dhcp"] = _word(_OWN in lan.name)  # else nodes know their address
            told[f"{family}.nat"] = _word(lan.type == "nat")
            told[f"{family}.routing"] = _word(lan.host_routes)
    return told


def observed(planned: Network, found: Mapping[str, Any]) -> Network:
    """Return *planned* as Incus has it by what it says of the network that it *found*."""
    told = found["config"]
    if found["type"] == _KINDS["bridged"]:
        return replace(planned, type="bridged", interface=told.get("parent", ""))
    families = [each for each in _FAMILIES if told.get(f"{each}.address", _OFF) != _OFF]
    routed = any(told.get(f"{family}.routing") != _word(value=False) for family in families)
    return replace(
        planned,
        type=_type(planned, told),
        interface="",
        host_addresses=in_order(
            planned.host_addresses, {told[f"{family}.address"] for family in families}
        ),
        host_routes=routed if families else planned.host_routes,
    )


def host_addresses(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the host's addresses, with prefix, in the network that Incus has *found*."""
    told = found["config"]
    for family in _FAMILIES:
        address = told.get(f"{family}.address", _OFF)
        if address != _OFF:
            yield address


def behind(machine: Machine, nic: Nic) -> Network:
    """Return the LAN that a *nic* of *machine* with a NAT of its own is alone in."""
    own = [address for address in nic.addresses if ":" not in address]
    return Network(
        name=f"{machine.name}{_OWN}{nic.name}",
        host_name=f"{machine.host_name}.{nic.name}",
        type="nat",
        ipv4=str(ip_interface(own[0]).network) if own else None,
        ipv6=None,
        vlans=(),
        host_addresses=tuple(map(gateway, own)),
        host_routes=True,
        routes=(),
        interface="",
        forwards=(),
        watched=False,
    )


def is_behind(name: str, machine: str) -> bool:
    """Return whether *name* is that of a LAN that a NIC of *machine* is alone in."""
    return name.startswith(f"{machine}{_OWN}")


def _family(address: str) -> str:
    return f"ipv{ip_interface(address).version}"


def _type(planned: Network, told: Mapping[str, str]) -> NetworkType:
    if any(told.get(f"{family}.nat") == _word(value=True) for family in _FAMILIES):
        return "nat"
    return planned.type if planned.type in ("internal", "host") else "internal"


def _word(value: bool) -> str:  # noqa: FBT001  # what Incus calls it
    return str(value).lower()
