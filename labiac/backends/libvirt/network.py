"""A LAN as libvirt's network XML, and back. Pure.

Source:
    https://libvirt.org/formatnetwork.html, for libvirt 9.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, fromstring

from labiac.backends.libvirt.elements import add, text_of
from labiac.backends.libvirt.marks import metadata

if TYPE_CHECKING:
    from uuid import UUID

    from labiac.backends.mark import Mark
    from labiac.plan.model import Network, NetworkType

_BRIDGE: Final = "lab-"
"""How the names of labiac's bridges begin; an interface's name has 15 characters at most."""
_DIGITS: Final = 10
_FAMILY: Final = {4: "ipv4", 6: "ipv6"}


def network(lan: Network, mark: Mark) -> str:
    """Return the XML that defines *lan*, with labiac's *mark* in it.

    A guest never asks for its address: there is no DHCP, and no name server.
    """
    root = Element("network")
    add(root, "name", lan.host_name)
    add(root, "uuid", str(mark.uuid))
    root.append(metadata(mark))
    if lan.type == "bridged":
        forward = add(root, "forward", mode="bridge")
        add(forward, "interface", dev=lan.interface)
        return text_of(root)
    if lan.type == "nat":
        forward = add(root, "forward", mode="nat")
        if any(":" in address for address in lan.host_addresses):
            add(forward, "nat", ipv6="yes")
    elif lan.host_routes:
        add(root, "forward", mode="open")
    add(root, "bridge", name=bridge(mark.uuid), stp="off", delay="0")
    add(root, "dns", enable="no")
    for address in lan.host_addresses:
        own = ip_interface(address)
        family, prefix = _FAMILY[own.version], str(own.network.prefixlen)
        add(root, "ip", family=family, address=str(own.ip), prefix=prefix)
    for route in lan.routes:
        to = ip_network(route.to)
        where = {"address": str(to.network_address), "prefix": str(to.prefixlen)}
        add(root, "route", family=_FAMILY[to.version], **where, gateway=route.via)
    return text_of(root)


def bridge(uuid: UUID) -> str:
    """Return the name of the bridge of the network that libvirt knows by *uuid*."""
    return f"{_BRIDGE}{uuid.hex[:_DIGITS]}"


def observed(planned: Network, description: str) -> Network:
    """Return *planned* as the XML *description* of the live network has it."""
    root = fromstring(description)  # noqa: S314  # libvirt's own
    forward = root.find("forward")
    mode = "" if forward is None else forward.get("mode", "")
    interface = root.find("forward/interface")
    return replace(
        planned,
        type=_type(planned, mode),
        interface="" if interface is None else interface.get("dev", ""),
        host_addresses=_host_addresses(root),
    )


def host_addresses(description: str) -> tuple[str, ...]:
    """Return the host's addresses, with prefix, in the network with the XML *description*."""
    return _host_addresses(fromstring(description))  # noqa: S314  # libvirt's own


def _host_addresses(root: Element) -> tuple[str, ...]:
    return tuple(_address(element) for element in root.findall("ip"))


def _type(planned: Network, mode: str) -> NetworkType:
    if mode in ("bridge", "nat"):
        return "bridged" if mode == "bridge" else "nat"
    return planned.type if planned.type in ("internal", "host") else "internal"


def _address(element: Element) -> str:
    address, prefix = element.get("address", ""), element.get("prefix")
    return ip_interface(f"{address}/{prefix or element.get('netmask', '')}").with_prefixlen
