"""LANs with VLANs as machines, where the backend's own switches can't be what the file asks for.

Such a LAN becomes machines of role ``switch``, in a row, and a network for each cable: between two
switches, and from a switch to each NIC in the LAN, and to the host where that has an end in it. A
cable has no subnet, and knows of no VLAN: the port at its end does. Nodes keep all their numbers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from labiac.plan.model import (
    DEFAULT_VLAN,
    Impairments,
    Machine,
    Network,
    Nic,
    Plan,
    SubInterface,
    Switch,
    Vlan,
    lan_of,
)
from labiac.plan.names import CARRY_VLANS, digest, host_name, macs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labiac.schema.lab import Lab
    from labiac.schema.node import Node

_UNNAMED = str(DEFAULT_VLAN)
"""What the VLAN of NICs that name none is called; in a lab file no name begins with a digit."""
_HOST = "host"
"""What the host's end of a cable is called."""
_LONGEST = 15
"""Characters in the name of an interface, on Linux."""


def lowered(plan: Plan, lab: Lab, hosts: str) -> Plan:
    """Return *plan*, of *lab*, with those of its LANs as machines that its backend can't make.

    Their machines come last, and their cables stand where the LANs stood.

    Args:
        plan: A plan of LANs and nodes alone.
        lab: What the file says; it knows who is plugged into which switch.
        hosts: Text of ``/etc/hosts``.
    """
    rows = {
        network.name: _Row(plan, network, lab.lans[network.name].switches or (network.name,))
        for network in plan.networks
        if network.vlans
        and (plan.backend not in CARRY_VLANS or len(lab.lans[network.name].switches) > 1)
    }
    if not rows:
        return plan
    said = lab.nodes
    nodes = tuple(_plugged(each, said[each.name], rows) for each in plan.machines)
    switches = [machine for row in rows.values() for machine in row.machines(lab, hosts)]
    cables = {name: row.cables for name, row in rows.items()}
    return replace(
        plan,
        networks=tuple(made for lan in plan.networks for made in cables.get(lan.name, (lan,))),
        machines=(*nodes, *_with_macs(plan, switches)),
    )


def raised(plan: Plan) -> Plan:
    """Return *plan* with each LAN whole again that `lowered` made machines of."""
    switches = {each.switch.lan: each.switch for each in plan.machines if each.switch}
    ports = {nic.network: nic for each in plan.machines if each.switch for nic in each.nics}
    hosts = {lan_of(each.name): each for each in plan.networks if each.type != "internal"}
    lans = {name: _whole(plan, it, hosts.get(name)) for name, it in switches.items()}
    networks = {lan_of(each.name): lans.get(lan_of(each.name), each) for each in plan.networks}
    return replace(
        plan,
        networks=tuple((networks | lans).values()),
        machines=tuple(
            replace(each, nics=tuple(_unplugged(nic, ports.get(nic.network)) for nic in each.nics))
            for each in plan.machines
            if each.switch is None
        ),
    )


def _whole(plan: Plan, switch: Switch, host: Network | None) -> Network:
    """Return the LAN that *switch* is of, which has *host* for its cable to the host."""
    unnamed, *vlans = switch.vlans
    lan = host or Network(
        name="",
        host_name="",
        type="internal",
        ipv4=unnamed.ipv4,
        ipv6=unnamed.ipv6,
        vlans=(),
        host_addresses=(),
        host_routes=False,
        routes=(),
        interface="",
        forwards=(),
        watched=False,
    )
    return replace(
        lan,
        name=switch.lan,
        host_name=host_name(plan.lab, plan.student, switch.lan),
        vlans=tuple(vlans),
    )


def _unplugged(nic: Nic, port: Nic | None) -> Nic:
    """Return *nic* with its cable in the LAN, and in the VLANs, of the *port* at its other end."""
    if port is None:
        return nic
    vlan, native = (None if each == _UNNAMED else each for each in (port.vlan, port.native))
    return replace(nic, network=lan_of(nic.network), vlan=vlan, native=native)


def _plugged(machine: Machine, said: Node, rows: Mapping[str, _Row]) -> Machine:
    """Return *machine* with the cables of its NICs in the switches that the file says."""
    nics = (
        rows[nic.network].plug(machine.name, nic, each.switch) if nic.network in rows else nic
        for nic, each in zip(machine.nics, said.interfaces(), strict=True)
    )
    return replace(machine, nics=tuple(nics))


class _Row:
    """The switches of a LAN, in a row, while cables are laid to them.

    Args:
        plan: Whose LAN it is.
        lan: The LAN.
        switches: The names of its switches.
    """

    def __init__(self, plan: Plan, lan: Network, switches: tuple[str, ...]) -> None:
        self._plan, self._lan, self._switches = plan, lan, switches
        self._ports: dict[str, list[Nic]] = defaultdict(list)
        self.cables: list[Network] = []
        if lan.type != "internal":
            self._lay(replace(lan, vlans=()), _HOST)
            self._add(switches[0], _HOST, _HOST, vlan=_UNNAMED)
        tagged = [(each.name, each.id) for each in lan.vlans if each.id != DEFAULT_VLAN]
        for left, right in pairwise(switches):
            ends = f"{left}_{right}"
            self._lay(self._bare(), ends)
            self._add(left, right, ends, native=_UNNAMED, tagged=tagged)
            self._add(right, left, ends, native=_UNNAMED, tagged=tagged)

    def plug(self, node: str, nic: Nic, switch: str | None) -> Nic:
        """Return *nic* of *node* with a cable to *switch*, or to the first one."""
        ends = f"{node}_{nic.name}"
        untagged = None if nic.trunk else nic.vlan or _UNNAMED
        tagged = [(sub.vlan, sub.id) for sub in nic.trunk]
        self._lay(self._bare(), ends)
        where = switch or self._switches[0]
        self._add(where, ends, ends, vlan=untagged, native=nic.native, tagged=tagged)
        return replace(nic, network=self._cable(ends), vlan=None, native=None)

    def machines(self, lab: Lab, hosts: str) -> Iterable[Machine]:
        """Yield the switches, whose NICs have no MACs yet."""
        lan = self._lan
        unnamed = Vlan(_UNNAMED, DEFAULT_VLAN, lan.ipv4, lan.ipv6)
        for name in self._switches:
            yield Machine(
                name=name,
                host_name=host_name(self._plan.lab, self._plan.student, name),
                role="switch",
                nics=tuple(self._ports[name]),
                routes=(),
                routing="static",
                speaker=None,
                forwards=False,
                policy=None,
                translation=None,
                switch=Switch(lan.name, (unnamed, *lan.vlans)),
                student=False,
                hosts=hosts,
                services=(),
                memory_mib=lab.defaults.memory_mib,
                cpus=lab.defaults.cpus,
                disk_gib=lab.defaults.disk_gib,
                image=lab.defaults.image,
                start=True,
                seed=(),
                management=None,
            )

    def _bare(self) -> Network:
        """Return the LAN as one of its cables has it: with nothing but frames in it."""
        return replace(
            self._lan,
            type="internal",
            ipv4=None,
            ipv6=None,
            vlans=(),
            host_addresses=(),
            host_routes=False,
            routes=(),
            interface="",
            forwards=(),
        )

    def _cable(self, ends: str) -> str:
        # No name of a lab file has a _ in it but a NIC's, which is the last: no two are the same.
        return f"{self._lan.name}_{ends}"

    def _lay(self, like: Network, ends: str) -> None:
        name = self._cable(ends)
        called = host_name(self._plan.lab, self._plan.student, name)
        self.cables.append(replace(like, name=name, host_name=called))

    def _add(
        self,
        switch: str,
        port: str,
        ends: str,
        *,
        vlan: str | None = None,
        native: str | None = None,
        tagged: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Add a port to *switch*, called after what its cable leads to."""
        name = port if len(port) <= _LONGEST else f"{port[:6]}_{digest(port) % 16**8:08x}"
        self._ports[switch].append(
            Nic(
                name=name,
                attach="lan",
                network=self._cable(ends),
                mac="",
                addresses=(),
                vlan=vlan,
                native=native,
                trunk=tuple(SubInterface(f"{name}.{tag}", each, tag, ()) for each, tag in tagged),
                connected=True,
                model="virtio",
                promiscuous=True,
                listens=False,
                forwards=(),
                driver="",
                properties=(),
                impair=Impairments(0.0, 0.0, 0.0, 0),
            )
        )


def _with_macs(plan: Plan, switches: Iterable[Machine]) -> Iterable[Machine]:
    """Yield *switches* with a MAC at each port, which no node of *plan* has."""
    reserved = {nic.mac for machine in plan.machines for nic in machine.nics}
    for switch in switches:
        whose = plan.student, plan.lab, switch.name
        given = macs(plan.backend, [(*whose, nic.network) for nic in switch.nics], reserved)
        reserved.update(given)
        ports = zip(switch.nics, given, strict=True)
        yield replace(switch, nics=tuple(replace(nic, mac=mac) for nic, mac in ports))
