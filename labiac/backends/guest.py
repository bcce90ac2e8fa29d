"""A guest as it is inside, and what makes it again what it was. Pure, for all that boots one."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from labiac.backends import inside
from labiac.backends.inside import Link
from labiac.backends.ports import NOTHING, Takes, as_taking, takes
from labiac.plan.model import SWITCHING, Machine, Route
from labiac.plan.nftables import ruleset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from labiac.backends.base import Observed
    from labiac.plan.model import Nic

_LOOK: Final = """
printf 'address show\\nroute show table main\\n' | ip -j -d -batch -
ip -6 -j -d route show table main
for family in ipv4/ip_forward ipv6/conf/all/forwarding; do
  on=0
  read -r on <"/proc/sys/net/$family"  # fails at the end of it, with all that there is
  echo "${on:-0}"
done
printf '\\0'
cat /etc/hosts
"""
"""Five lines of JSON, then a file: as few processes as can be, for a guest without KVM."""
_LOOK_AT_PORTS: Final = f"bridge -j vlan show\n{_LOOK}"
"""The ports of a switch too, in a line before the others."""
_LIST: Final = "nft --stateless --numeric list table inet labiac"
_LOOK_AT_RULES: Final = f"""{_LOOK}
printf '\\0'
{_LIST}
printf '\\0'
unshare --net sh -c 'nft -f - && {_LIST}'
"""
"""Its rules too, and what the same kernel says of those that it shall have."""
_BRIDGE: Final = "br0"
_SOMEBODYS: Final = {"boot", "static"}
"""Where a route comes from that somebody added: not the kernel, nor a daemon that learned it."""
_INSIDE: Final = ("routes", "forwards", "hosts", "policy", "translation")
"""Fields of a machine that are a matter of its guest alone, beside its NICs."""
MENDED: Final = frozenset({"nics", "role", *_INSIDE})
"""Fields of a machine that `steps` changes in a guest that runs."""
_SYSCTLS: Final = "/etc/sysctl.d/90-labiac.conf"

Step = tuple[tuple[str, ...], bytes]
"""A command in the guest, and its input."""


def script(planned: Machine) -> str:
    """Return the shell script that looks into a guest; its input is what `ruleset` says."""
    return _LOOK_AT_PORTS if planned.switch else _LOOK_AT_RULES if ruleset(planned) else _LOOK


def observed(outside: Observed, look: Callable[[Machine], Machine | None]) -> Observed:
    """Return a machine as it is inside too; one that runs and does not answer does not run.

    What a student configures inside is theirs, and not looked at.

    Args:
        outside: It, as its hypervisor has it.
        look: Returns it as its guest has it, or None where that does not answer.
    """
    machine = outside.item
    if not outside.running or not isinstance(machine, Machine) or machine.student:
        return outside
    item = look(machine)
    return replace(outside, item=item) if item else replace(outside, running=False)


def seen(planned: Machine, said: str) -> Machine:
    """Return *planned* as a guest has it that answered *said* when it was looked at."""
    told, hosts, *rules = said.split("\0")
    *ports, links, routes4, routes6, ipv4, ipv6 = map(json.loads, told.splitlines())
    on = {4: ipv4 == 1, 6: ipv6 == 1}
    machine = inside.as_configured(
        planned,
        {each["ifname"]: _link(each) for each in links},
        {*_routes(4, routes4), *_routes(6, routes6)},
        bridge=_BRIDGE,
    )
    machine = _with_leases(machine, planned)
    machine = replace(machine, forwards=inside.forwards(planned, on.__getitem__), hosts=hosts)
    if planned.switch:
        return _with_ports(machine, planned, planned.switch.ids, *ports)
    if rules and (not rules[0] or rules[0] != rules[1]):
        return replace(machine, policy=None, translation=None)
    return machine


def _with_leases(machine: Machine, planned: Machine) -> Machine:
    """Return *machine* with what a NAT of a NIC's own gives, as planned: that is QEMU's matter."""
    leases = {nic.name: nic.addresses for nic in planned.nics if nic.attach == "nat"}
    nics = (
        replace(nic, addresses=tuple(dict.fromkeys((*leases.get(nic.name, ()), *nic.addresses))))
        for nic in machine.nics
    )
    return replace(machine, nics=tuple(nics))


def _with_ports(
    machine: Machine, planned: Machine, ids: Mapping[str, int], told: list[dict[str, Any]]
) -> Machine:
    """Return *machine*, a switch, with the VLANs of its ports as they were *told*."""
    found = {each["ifname"]: _takes(each["vlans"]) for each in told}
    wanted = {nic.name: nic for nic in planned.nics}
    nics = (
        as_taking(nic, wanted[nic.name], found.get(nic.name, NOTHING), ids) for nic in machine.nics
    )
    return replace(machine, nics=tuple(nics))


def _takes(vlans: Iterable[dict[str, Any]]) -> Takes:
    ids = {each["vlan"]: "PVID" in each.get("flags", ()) for each in vlans}
    untagged = next((vlan for vlan, first in ids.items() if first), 0)
    return Takes(untagged, frozenset(ids) - {untagged})


def changed(found: Machine, was: Machine, now: Machine) -> Machine:
    """Return what a guest that is *found* so becomes when only what differs *was* to *now* changes.

    What somebody did there by hand stays, as long as it is elsewhere. What was a student's own
    work, and is no more, becomes as planned.
    """
    if was.student and not now.student:
        return now
    same = {name: getattr(found, name) for name in _INSIDE if _same(name, was, now)}
    cards, before = ({nic.name: nic for nic in each.nics} for each in (found, was))
    nics = (cards.get(nic.name, nic) if before.get(nic.name) == nic else nic for nic in now.nics)
    return replace(now, nics=tuple(nics), **same)


def _same(name: str, was: Machine, now: Machine) -> bool:
    return bool(getattr(was, name) == getattr(now, name))


def steps(was: Machine, now: Machine) -> Iterator[Step]:
    """Yield what makes a guest that is *was* inside what *now* says: no value meets a shell."""
    if was.hosts != now.hosts:
        yield ("install", "-m", "644", "/dev/stdin", "/etc/hosts"), now.hosts.encode()
    if was.forwards != now.forwards:
        on = int(now.forwards)
        flags = (f"net.ipv4.ip_forward={on}", f"net.ipv6.conf.all.forwarding={on}")
        yield ("sysctl", "-q", "--load", _SYSCTLS), b""
        yield ("sysctl", "-q", "-w", *flags), b""
    if (was.role, was.nics, was.routes) != (now.role, now.nics, now.routes):
        lines = [*_links(was, now), *_routes_to_mend(was, now)]
        # What is there already, or gone already, is no reason to leave the rest undone.
        yield ("ip", "-force", "-batch", "-"), "".join(f"{line}\n" for line in lines).encode()
    if now.role in SWITCHING and was != now:
        yield ("networkctl", "reconfigure", *(nic.name for nic in now.nics)), b""
    if now.switch and was.nics != now.nics:
        # After networkd, which adds what a port shall take, and leaves what else it does.
        vlans = "".join(f"{line}\n" for line in _ports_to_mend(was, now, now.switch.ids))
        yield ("bridge", "-force", "-batch", "-"), vlans.encode()
    if (was.policy, was.translation) != (now.policy, now.translation):
        yield ("nft", "-f", "-"), ruleset(now).encode()


def _links(was: Machine, now: Machine) -> Iterator[str]:
    """Yield the commands of ip that mend interfaces, their sub-interfaces and addresses."""
    if was.role != now.role:
        yield f"link delete dev {_BRIDGE}"
    there = {nic.name: nic for nic in was.nics}  # a card that is not there is no guest's matter
    for nic in now.nics:
        if nic.name in there:
            # The tags of a switch's port are no interfaces.
            trunk = there[nic.name].trunk if now.switch else nic.trunk
            yield from _link_to_mend(there[nic.name], replace(nic, trunk=trunk))


def _link_to_mend(was: Nic, now: Nic) -> Iterator[str]:
    if was.mac != now.mac:
        yield f"link set dev {now.name} address {now.mac}"
    if now.connected and not was.connected:
        yield f"link set dev {now.name} up"
    tags = {sub.name: sub.id for sub in was.trunk}
    for sub in now.trunk:
        if tags.get(sub.name) != sub.id:
            yield f"link delete dev {sub.name}"
            yield f"link add link {now.name} name {sub.name} type vlan id {sub.id}"
            yield f"link set dev {sub.name} up"
    held = {name: set(addresses) for name, addresses in was.interfaces()}
    for name, addresses in now.interfaces():
        had = held.get(name, set())
        yield from (f"address delete {each} dev {name}" for each in sorted(had - {*addresses}))
        yield from (f"address add {each} dev {name}" for each in addresses if each not in had)


def _ports_to_mend(was: Machine, now: Machine, ids: Mapping[str, int]) -> Iterator[str]:
    """Yield the commands of bridge that mend the VLANs of a switch's ports."""
    before = {nic.name: takes(nic, ids) for nic in was.nics}
    for nic in now.nics:
        old, new = before.get(nic.name, NOTHING), takes(nic, ids)
        for vlan in sorted(old.ids() - new.ids()):
            yield f"vlan delete dev {nic.name} vid {vlan}"
        if old != new:
            yield from (f"vlan add dev {nic.name} vid {vlan}" for vlan in sorted(new.tagged))
            if new.untagged:
                yield f"vlan add dev {nic.name} vid {new.untagged} pvid untagged"


def _routes_to_mend(was: Machine, now: Machine) -> Iterator[str]:
    """Yield the commands of ip that mend routes; addresses that left may have taken some along."""
    for route in was.routes:
        if route not in now.routes:
            how = "via" if "." in route.via or ":" in route.via else "dev"
            yield f"route delete {route.to} {how} {route.via}"
    yield from (f"route replace {route.to} via {route.via}" for route in now.routes)


def _link(told: dict[str, Any]) -> Link:
    tag = told.get("linkinfo", {}).get("info_data", {}).get("id", 0)
    return Link(
        mac=told.get("address", ""),
        up="UP" in told["flags"],
        carrier="LOWER_UP" in told["flags"],
        master=told.get("master", ""),
        tag=tag if isinstance(tag, int) else 0,
        addresses=frozenset(
            f"{address['local']}/{address['prefixlen']}"
            for address in told.get("addr_info", ())
            # What DHCP gave was not written down by anybody; nor what IPv6 gives itself.
            if not address.get("dynamic") and not address["local"].startswith("fe80:")
        ),
    )


def _routes(version: int, told: Iterable[dict[str, Any]]) -> Iterator[Route]:
    anywhere = {4: "0.0.0.0/0", 6: "::/0"}[version]
    for route in told:
        if route.get("type", "unicast") != "unicast" or route.get("protocol") not in _SOMEBODYS:
            continue
        to = anywhere if route["dst"] == "default" else str(ip_network(route["dst"]))
        for hop in route.get("nexthops") or [route]:
            via = hop.get("gateway") or hop.get("via", {}).get("host") or hop.get("dev", "")
            yield Route(to, via)
