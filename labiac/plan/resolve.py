"""A lab to its plan: the only place where a default becomes a value."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from labiac.errors import DescriptionError
from labiac.plan.addressing import Prefix, address_text
from labiac.plan.model import Check, Forward, Machine, Network, Nic, Plan, Route, Service, Vlan
from labiac.plan.names import BOOTS, host_name, student_name
from labiac.plan.nics import drafts, finished
from labiac.plan.routing import DEFAULT, End, NextHops, shortest_paths, sorted_routes
from labiac.plan.segments import Findings, Key, Segment, host_side, segments
from labiac.schema.lab import Lab
from labiac.schema.load import read
from labiac.schema.node import Node, Router, is_name
from labiac.schema.scalars import NONE

HOST = ""
"""The host's name among the routers: no node can be called so."""


def plan_file(file: str, student: str = "local", backend: str = "netns") -> Plan:
    """Return the plan of the lab in *file*: a path, or the name of one in ``stacks/``.

    Raises:
        DescriptionError: with every problem of the file, those of its numbers included.
    """
    found = read(file)
    if not found.problems and found.lab is not None:
        return resolve(found.lab, student, backend)
    problems = list(found.problems)
    if found.lab is not None:
        try:
            resolve(found.lab, student, backend)
        except DescriptionError as error:
            problems += error.problems
    raise DescriptionError(problems)


def resolve(lab: Lab, student: str = "local", backend: str = "netns") -> Plan:
    """Return the plan of *lab* for one student on one backend; the same on every run.

    Raises:
        DescriptionError: the numbers do not go together (an address outside its LAN, a full
            subnet), or the student's name cannot be used.
    """
    whose = student_name(student)
    findings = Findings()
    made = segments(lab, whose, findings)
    host = host_side(lab, made, findings)
    drafted = drafts(lab, made, findings)
    if findings.found:
        raise DescriptionError([lab.source.problem(*finding) for finding in findings.found])
    nics = finished(lab, whose, backend, drafted)
    graph = _Graph(lab, nics, host)
    hosts = _hosts_text(nics)
    machines = [
        _machine(lab, whose, name, node, tuple(nics[name]), graph.routes(name, node), hosts)
        for name, node in lab.nodes.items()
    ]
    if backend in BOOTS:
        from labiac.plan.seeds import seed_of  # the template engine is for what boots

        machines = [
            replace(machine, seed=seed_of(machine, lab.name, whose)) for machine in machines
        ]
    return Plan(
        lab=lab.name,
        student=whose,
        backend=backend,
        networks=tuple(_network(lab, whose, name, made, host, graph) for name in lab.lans),
        machines=tuple(machines),
        checks=tuple(_checks(lab)),
    )


def _machine(
    lab: Lab,
    student: str,
    name: str,
    node: Node,
    nics: tuple[Nic, ...],
    routes: tuple[Route, ...],
    hosts: str,
) -> Machine:
    router = isinstance(node, Router)
    routing = node.routing or (lab.routing if router else "static")
    return Machine(
        name=name,
        host_name=host_name(lab.name, student, name),
        role="router" if router else "pc",
        nics=nics,
        routes=routes,
        routing=routing,
        forwards=router,
        student=node.student or routing == "none",
        hosts=hosts,
        services=tuple(Service(each, said.command) for each, said in node.services.items()),
        memory_mib=node.memory_mib or lab.defaults.memory_mib,
        cpus=node.cpus or lab.defaults.cpus,
        disk_gib=node.disk_gib or lab.defaults.disk_gib,
        image=node.image or lab.defaults.image,
        seed=(),
    )


def _network(
    lab: Lab,
    student: str,
    name: str,
    made: dict[Key, Segment],
    host: dict[str, tuple[str, ...]],
    graph: _Graph,
) -> Network:
    lan = lab.lans[name]
    return Network(
        name=name,
        host_name=host_name(lab.name, student, name),
        type=lan.type,
        ipv4=_subnet(made[name, None], 4),
        ipv6=_subnet(made[name, None], 6),
        vlans=tuple(
            Vlan(each, vlan.id, _subnet(made[name, each], 4), _subnet(made[name, each], 6))
            for each, vlan in lan.vlans.items()
        ),
        host_addresses=host.get(name, ()),
        host_routes=_host_routes(lab, name),
        routes=graph.host_routes(name),
        interface=lan.interface or "",
        forwards=tuple(
            Forward(
                each.protocol,
                each.host_port,
                graph.address(each.to, name),
                each.port,
                each.host_address,
            )
            for each in lan.forwards
        ),
    )


def _subnet(segment: Segment, version: int) -> str | None:
    hosts = segment.hosts.get(version)
    return None if hosts is None else str(hosts.prefix)


def _host_routes(lab: Lab, name: str) -> bool:
    lan = lab.lans[name]
    return lan.type == "nat" or (lan.host is not None and lan.host.router)


def _hosts_text(nics: dict[str, list[Nic]]) -> str:
    """Return ``/etc/hosts``: a node's first address of each version has its name alone.

    The others are ``<node>-<nic>``, because a resolver hands out whichever line comes first.
    """
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost"]
    for node, ends in nics.items():
        seen: set[bool] = set()
        for nic, address in _addresses(ends):
            version6 = ":" in address
            name = node if version6 not in seen else f"{node}-{nic.replace('.', '-')}"
            seen.add(version6)
            lines.append(f"{address.partition('/')[0]}\t{name}")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _addresses(nics: list[Nic] | tuple[Nic, ...]) -> Iterator[tuple[str, str]]:
    for nic in nics:
        yield from ((nic.name, address) for address in nic.addresses)
        for sub in nic.trunk:
            yield from ((sub.name, address) for address in sub.addresses)


def _checks(lab: Lab) -> Iterator[Check]:
    for check in lab.checks:
        if check.all_ping:
            yield Check("all_ping", "", "", ())
        elif check.path:
            yield Check("path", check.path.source, check.path.target, check.path.visits)
        elif check.ping:
            yield Check("ping", check.ping.source, check.ping.target, ())
        elif check.no_ping:
            yield Check("no_ping", check.no_ping.source, check.no_ping.target, ())


class _Graph:
    """Who is on which segment with which address, and the ways between them."""

    def __init__(
        self, lab: Lab, nics: dict[str, list[Nic]], host: dict[str, tuple[str, ...]]
    ) -> None:
        self._lab = lab
        self._nics = nics
        self._ends = {name: list(_ends(name, nics[name])) for name in nics}
        # The host comes last, so that a router of the lab is preferred to it.
        self._ends[HOST] = [
            _end(HOST, (name, None), address)
            for name, addresses in host.items()
            if _host_routes(lab, name)
            for address in addresses
        ]
        self._on: dict[Key, list[End]] = {}
        for ends in self._ends.values():
            for end in ends:
                self._on.setdefault(end.segment, []).append(end)
        self._hops = self._shortest()

    def _shortest(self) -> NextHops:
        routers = [end for name in (*self._lab.routers, HOST) for end in self._ends[name]]
        exits: dict[int, str] = {}
        for name, lan in self._lab.lans.items():
            if lan.type == "nat":
                exits.update(
                    {e.prefix.version: HOST for e in self._ends[HOST] if e.segment[0] == name}
                )
        for name in self._lab.routers:
            if _nat_gateway(self._nics[name]):
                exits.setdefault(4, name)
        return shortest_paths(routers, exits)

    def routes(self, name: str, node: Node) -> tuple[Route, ...]:
        """Return the static routes of a node: computed, its gateway's, and those in the file."""
        router = isinstance(node, Router)
        routing = node.routing or (self._lab.routing if router else "static")
        chosen: dict[Prefix, str] = {}
        if routing == "static":
            gateway = _nat_gateway(self._nics[name])
            if gateway:
                chosen[DEFAULT[4]] = gateway
            if router:
                hops = self._hops.get(name, {})
                chosen |= {to: address_text(to.version, via) for to, via in hops.items()}
            elif node.gateway is None:
                chosen |= self._default_gateways(name)
        if node.gateway not in {None, NONE}:
            chosen |= self._through(name, "default", node.gateway or "")
        for route in node.routes:
            chosen |= self._through(name, route.to, route.via)
        return tuple(Route(to, via) for to, via in sorted_routes(chosen))

    def host_routes(self, lan: str) -> tuple[Route, ...]:
        """Return the routes that the host needs through *lan*."""
        mine = [end for end in self._ends[HOST] if end.segment[0] == lan]
        chosen = {
            to: address_text(to.version, via)
            for to, via in self._hops.get(HOST, {}).items()
            if any(via in end.prefix for end in mine if end.prefix.version == to.version)
        }
        return tuple(Route(to, via) for to, via in sorted_routes(chosen))

    def address(self, name: str, lan: str) -> str:
        """Return the first address of node *name* in *lan*, or its first at all, or nothing."""
        ends = self._ends.get(name, [])
        best = next((end for end in ends if end.segment[0] == lan), ends[0] if ends else None)
        return address_text(best.prefix.version, best.address) if best else ""

    def _default_gateways(self, name: str) -> dict[Prefix, str]:
        """Return, for each IP version, the first router of the node's first LAN that has one."""
        found: dict[Prefix, str] = {}
        for end in self._ends[name]:
            for other in self._on[end.segment]:
                to = DEFAULT[end.prefix.version]
                routes = other.node == HOST or other.node in self._lab.routers
                if routes and other.address in end.prefix and other.prefix.version == to.version:
                    found.setdefault(to, address_text(to.version, other.address))
        return found

    def _through(self, name: str, to: str, via: str) -> dict[Prefix, str]:
        """Return the routes that ``to`` and ``via`` of the file mean for node *name*."""
        if is_name(via):
            hops = self._neighbour(name, via)
        else:
            address = ipaddress.ip_address(via)
            hops = {address.version: str(address)}
        if to == "default":
            return {DEFAULT[version]: hop for version, hop in hops.items()}
        prefix = Prefix.parse(to)
        return {prefix: hops[prefix.version]} if prefix.version in hops else {}

    def _neighbour(self, name: str, other: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for end in self._ends[name]:
            for theirs in self._ends[other]:
                version = end.prefix.version
                if theirs.segment == end.segment and theirs.prefix.version == version:
                    found.setdefault(version, address_text(version, theirs.address))
        return found


def _nat_gateway(nics: list[Nic]) -> str:
    """Return the host's address of the first NIC that has a NAT of its own, or nothing."""
    for nic in nics:
        if nic.attach == "nat" and nic.addresses:
            return address_text(4, Prefix.parse(nic.addresses[0]).first + 1)
    return ""


def _ends(node: str, nics: list[Nic]) -> Iterator[End]:
    for nic in nics:
        if nic.attach == "lan":
            untagged = nic.vlan or nic.native
            yield from (_end(node, (nic.network, untagged), text) for text in nic.addresses)
            for sub in nic.trunk:
                yield from (_end(node, (nic.network, sub.vlan), text) for text in sub.addresses)


def _end(node: str, segment: Key, text: str) -> End:
    return End(node, segment, int(ipaddress.ip_interface(text).ip), Prefix.parse(text))
