"""Whether a lab's checks hold: predicted from the plan, and judged of what was measured.

What depends on more than the network (a listener, a name server, a program) is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labiac.plan.addressing import Prefix, address_text
from labiac.plan.checks import (
    AddressCheck,
    AllPingCheck,
    CommandCheck,
    DnsCheck,
    HttpCheck,
    PathCheck,
    PingCheck,
    PortCheck,
    RouteCheck,
)
from labiac.reach.fabric import fabric
from labiac.reach.finding import shortened
from labiac.reach.judge import Judge
from labiac.reach.ports import port_verdict
from labiac.reach.tables import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labiac.plan.checks import Asked, Check
    from labiac.plan.model import Machine, Plan, Protocol
    from labiac.reach.matrix import Ends, Pair

SHOWN = 12
"""So many of the pairs that break a check are named."""
HTTP, DNS = 80, 53
Routes = dict[str, list[str]]
"""The next hops of a node's routes, by destination prefix."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a check holds.

    Args:
        check: The check.
        reason: Why it does not hold, in a sentence; empty when it does.
        measured: Whether the live lab was asked; else it is predicted.
        evidence: What was seen: plain data, short enough to show.
        seconds: How long it took to measure.
    """

    check: Check
    reason: str
    measured: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return not self.reason

    @property
    def got(self) -> float:
        """The points that it earns."""
        return self.check.points if self.ok else 0


def evaluate(plan: Plan, pairs: Mapping[Ends, Pair]) -> tuple[CheckResult | None, ...]:
    """Return of each check of *plan* in order whether it will hold; None where nobody can know.

    Args:
        plan: The lab; ``all_ping`` is about its end nodes.
        pairs: The predicted matrix, every pair of nodes.
    """
    oracle = _Oracle(plan, pairs)
    reasons = [oracle.reason(check.asked) for check in plan.checks]
    return tuple(
        None if reason is None else CheckResult(check, reason)
        for check, reason in zip(plan.checks, reasons, strict=True)
    )


def ends_of(plan: Plan, asked: Asked) -> Ends | None:
    """Return the two nodes that *asked* is about, source and target; None when it is not of two."""
    match asked:
        case PingCheck() | PathCheck():
            return asked.source, asked.target
        case PortCheck() | HttpCheck() | DnsCheck():
            owners = [_owner(plan, address) for address in asked.addresses]
            return (asked.source, owners[0]) if any(owners) else None
        case _:
            return None


def node_of(asked: Asked) -> str:
    """Return the one node that *asked* is about; empty when it is not of one."""
    match asked:
        case RouteCheck() | AddressCheck() | CommandCheck():
            return asked.node
        case _:
            return ""


def reason_of_ping(asked: PingCheck, pair: Pair) -> str:
    """Return why *asked* does not hold where *pair* is as it is."""
    if asked.answers:
        return pair.reason
    return f"{asked.target} answers" if pair.ok else ""


def reason_of_path(asked: PathCheck, pair: Pair) -> str:
    """Return why *asked* does not hold where *pair* is as it is."""
    if not pair.ok:
        return pair.reason
    rest = iter(pair.path)
    held = all(node in rest for node in asked.visits)
    return "" if held else f"packets visit {', '.join(pair.path)}"


def reason_of_all(end_nodes: Sequence[str], pairs: Mapping[Ends, Pair]) -> str:
    """Return which of *end_nodes* do not reach each other, the first few."""
    silent = [" -> ".join(ends) for ends in permutations(end_nodes, 2) if not pairs[ends].ok]
    return f"no answer: {shortened(silent, SHOWN)}" if silent else ""


def reason_of_address(asked: AddressCheck, machine: Machine) -> str:
    """Return why *asked* does not hold of *machine*."""
    held = [
        (name, address)
        for name, own in machine.interfaces()
        for address in own
        if asked.nic in {"", name}
    ]
    exact = "/" in asked.address
    if any(asked.address == (a if exact else a.partition("/")[0]) for _, a in held):
        return ""
    said = ", ".join(f"{address} on {name}" for name, address in held) or "none"
    return f"{machine.name} has no {asked.address}; its addresses: {said}"


def reason_of_route(asked: RouteCheck, machine: Machine, routes: Routes) -> str:
    """Return why *asked* does not hold of *machine*, which has these *routes*."""
    for to in asked.prefixes:
        hops = routes.get(to, [])
        if hops and not asked.present:
            return f"{machine.name} has a route to {to} via {', '.join(hops)}"
        if not hops and asked.present:
            joined = ": it is in that subnet, and needs none" if _joined(machine, to) else ""
            return f"{machine.name} has no route to {to}{joined}"
        if asked.hops and not set(asked.hops) & set(hops):
            return f"{machine.name} has a route to {to} via {', '.join(hops)}"
    return ""


def planned_routes(judge: Judge, name: str) -> Routes:
    """Return the routes that node *name* will have, those that it learns from others included."""
    found: Routes = {}
    number = judge.node(name).number
    for version, plane in judge.planes.items():
        for to, entries in plane.tables[number].entries.items():
            hops = [address_text(version, each.via) for each in entries if each.via is not None]
            if hops:
                found[str(to)] = hops
    return found


def kernel_routes(plan: Plan, live: Machine) -> Routes:
    """Return the routes of *live*, a node of *plan* as it is, but for those that are refused.

    A backend reports a planned route that the kernel refused as there, so that it is no drift.
    """
    planned = plan.machine(live.name).routes
    alone = tables(fabric(replace(plan, networks=(), machines=(live,))))
    found: Routes = {}
    for route in live.routes:
        to = Prefix.parse(route.to)
        if route not in planned or to not in alone[to.version][0].refused:
            found.setdefault(route.to, []).append(route.via)
    return found


class _Oracle:
    """Says of a plan what will hold, as far as that can be known."""

    def __init__(self, plan: Plan, pairs: Mapping[Ends, Pair]) -> None:
        self._plan, self._pairs = plan, pairs

    @cached_property
    def _judge(self) -> Judge:
        """Whom only some kinds of checks ask: made for all of them when the first does."""
        return Judge(self._plan)

    def reason(self, asked: Asked) -> str | None:
        """Return why *asked* will not hold, nothing if it will, None if nobody can know."""
        reason: str | None = None
        match asked:
            case AllPingCheck():
                reason = reason_of_all(self._plan.end_nodes, self._pairs)
            case PingCheck():
                reason = reason_of_ping(asked, self._pairs[asked.source, asked.target])
            case PathCheck():
                reason = reason_of_path(asked, self._pairs[asked.source, asked.target])
            case RouteCheck():
                routes = planned_routes(self._judge, asked.node)
                reason = reason_of_route(asked, self._plan.machine(asked.node), routes)
            case AddressCheck():
                reason = reason_of_address(asked, self._plan.machine(asked.node))
            case PortCheck() | HttpCheck() | DnsCheck():
                reason = self._reason_of_service(asked)
        return reason

    def _reason_of_service(self, asked: PortCheck | HttpCheck | DnsCheck) -> str | None:
        barred = self._barred(asked)
        if isinstance(asked, PortCheck) and not asked.open:
            return "" if barred else None
        return barred or None  # the way is free: what listens at its end is not in the plan

    def _barred(self, asked: PortCheck | HttpCheck | DnsCheck) -> str:
        """Return why no connection gets to where *asked* is served; nothing if one may."""
        port, protocol = _service(asked)
        found = [
            port_verdict(self._judge, asked.source, address, port, protocol)
            for address in asked.addresses
            if _owner(self._plan, address)
        ]
        return "" if not found or any(each.ok for each in found) else found[0].reason


def _service(asked: PortCheck | HttpCheck | DnsCheck) -> tuple[int, Protocol]:
    """Return port and protocol that *asked* is served by."""
    match asked:
        case PortCheck():
            return asked.port, "tcp"
        case HttpCheck():
            return urlsplit(asked.url).port or HTTP, "tcp"
        case DnsCheck():
            return DNS, "udp"


def _owner(plan: Plan, address: str) -> str:
    """Return the node that *address* belongs to; empty when it is nobody's."""
    for machine in plan.machines:
        if any(address == held.partition("/")[0] for held in machine.addresses()):
            return machine.name
    return ""


def _joined(machine: Machine, to: str) -> bool:
    """Return whether *machine* has an address in the very subnet *to*."""
    return any(str(Prefix.parse(held)) == to for held in machine.addresses())
