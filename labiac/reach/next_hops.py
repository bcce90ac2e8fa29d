"""Gateways and other next hops that take no packet."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.addressing import Prefix, address_text
from labiac.plan.routing import DEFAULT
from labiac.reach.fabric import HOST, segment_name
from labiac.reach.finding import Finding, Path, node_path, port_path, shortened
from labiac.reach.tables import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Plan, Route
    from labiac.reach.fabric import Node, Port
    from labiac.reach.judge import Judge


class _Fault(NamedTuple):
    """Why a next hop takes no packet, as all say who use it.

    Args:
        via: The next hop.
        why: What is the matter with it, as the rest of a sentence.
        fix: What to do.
        path: What is to blame; empty: the nodes that use it.
    """

    via: str
    why: str
    fix: str
    path: Path = ()


class _Use(NamedTuple):
    """A node, and its route."""

    machine: Machine
    route: Route

    @property
    def default(self) -> bool:
        """Whether the next hop is its gateway."""
        return Prefix.parse(self.route.to) in DEFAULT.values()


def next_hops(plan: Plan, judge: Judge) -> Iterator[Finding]:
    """Yield the next hops of *plan* that take no packet, each with those who use it."""
    uses: dict[_Fault, list[_Use]] = defaultdict(list)
    for fault, use in _faults(plan, judge):
        uses[fault].append(use)
    for fault, users in uses.items():
        names = shortened(dict.fromkeys(use.machine.name for use in users))
        gateway = all(use.default for use in users)
        where = shortened(dict.fromkeys(use.route.to for use in users))
        role = f"the gateway of {names}" if gateway else f"the next hop of {names} to {where}"
        said = (*node_path(users[0].machine), "gateway" if users[0].default else "routes")
        yield Finding(fault.path or said, f"{fault.via}, {role}, {fault.why}", fault.fix)


def _faults(plan: Plan, judge: Judge) -> Iterator[tuple[_Fault, _Use]]:
    found = _Search(plan, judge)
    machines = {machine.name: machine for machine in plan.machines if not machine.student}
    for node in judge.whole.nodes:
        machine = machines.get(node.name)
        for route in node.routes if machine else ():
            fault = found.fault(node, route)
            if machine and fault:
                yield fault, _Use(machine, route)


class _Search:
    """Looks where the next hops of a lab lead."""

    def __init__(self, plan: Plan, judge: Judge) -> None:
        self._plan = plan
        self._whole = whole = judge.whole
        self._tables = {version: plane.tables for version, plane in judge.planes.items()}
        self._answers = {
            (domain, version): whole.answers(domain, version)
            for domain in whole.members
            for version in self._tables
        }
        bridged = (network.name for network in plan.networks if network.type == "bridged")
        self._open = {whole.bridges.domain((name, None)) for name in bridged}
        """Domains with nodes that the lab does not know of."""

    def fault(self, node: Node, route: Route) -> _Fault | None:
        """Return why the next hop of *route* takes no packet from *node*, if so."""
        to = Prefix.parse(route.to)
        table = self._tables[to.version][node.number]
        if to in table.refused:
            why = f"is {refusal(node, table, to.version, table.refused[to])}"
            return _Fault(route.via, why, "name a router in one of its subnets")
        entry = next(iter(table.entries.get(to, ())), None)
        if entry is None or entry.via is None:
            return None
        if not entry.port.problem:
            return self._silence(entry.port, to.version, entry.via)
        if entry.port.segment is None:
            return None  # it leads out of the lab, or is known to lead nowhere
        return self._cut(route.via, entry.port)

    def _silence(self, out: Port, version: int, via: int) -> _Fault | None:
        """Return why *via* takes no packet that leaves by *out*, if so."""
        text = address_text(version, via)
        domain = self._whole.bridges.domain(out.segment or ("", None))
        holder = self._answers[domain, version].get(via)
        if holder and not holder.forwards:
            who = self._whole.nodes[holder.node].name
            owner = "the host" if who == HOST else who
            return _Fault(text, f"is {owner}'s, which does not forward", "name a router")
        if holder or domain in self._open:
            return None
        for port in (port for node in self._whole.nodes for port in node.ports):
            if port.problem and any(each.value == via for each in port.addresses):
                return self._cut(text, port)
        where = segment_name(out.segment or domain)
        fix = "give it to a router there, or name another"
        return _Fault(text, f"is nobody's on {where}", fix)

    def _cut(self, via: str, port: Port) -> _Fault:
        """Return the fault that *port*, which leads to *via*, is without a cable."""
        problem = port.problem.format(node=self._whole.nodes[port.node].name)
        path = port_path(self._plan, self._whole, port)
        return _Fault(via, f"is out of reach: {problem}", "put the cable in, or name another", path)
