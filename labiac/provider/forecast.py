"""What a Reachability resource carries: the plan in networking terms, ready to be measured."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from labiac.plan.managed import is_entered
from labiac.plan.names import digest
from labiac.provider.shape import camel

if TYPE_CHECKING:
    from labiac.plan.model import Plan
    from labiac.reach.matrix import Pair

ARROW = " -> "
OK = "ok"
SILENT = "no answer"
"""All that a state says of a pair where the student is to find out why."""
TIMEOUT_S = 30.0
"""How long to wait for the live lab to do what was forecast."""
CONVERGED_S = 60.0
"""How long routers may take to agree: OSPF's own timers alone make 40 s."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Who reaches whom, and what is known of addresses and routes.

    Args:
        pairs: ``pc1 -> pc4``: ``ok``, or the reason why not, where that may be told.
        pings: ``pc1 -> pc4``: the addresses of pc4 that must all answer pc1. A pair that is not
            in it is not measured; where machines are not started, or not entered, none is.
        addresses: Addresses of each node, with prefix.
        routes: Static routes of each node: ``10.0.3.0/24 via 10.0.2.2``.
        subnets: Subnets of each LAN.
        of_student: Pairs that the student's own nodes decide: once the lab is up, an answer
            that differs from the forecast is the student's work and no drift.
        timeout_seconds: How long to wait for the live lab to agree.
        plan: Digest of the plan it is about: whatever changes is measured, though no pair does.
    """

    pairs: dict[str, str]
    pings: dict[str, tuple[str, ...]]
    addresses: dict[str, tuple[str, ...]]
    routes: dict[str, tuple[str, ...]]
    subnets: dict[str, tuple[str, ...]]
    of_student: tuple[str, ...]
    timeout_seconds: float
    plan: str


def forecast(plan: Plan, timeout_s: float = TIMEOUT_S) -> Forecast:
    """Return what *plan* promises, pair by pair.

    Routers that have to find the ways get `CONVERGED_S` more than *timeout_s*.
    """
    from labiac.reach.matrix import matrix, pings
    from labiac.reach.student import students_pairs

    pairs = {pair.ends: pair for pair in matrix(plan)}
    is_measured = all(machine.start for machine in plan.machines) and is_entered(plan)
    asked = {
        _arrow(*ends): tuple(ping.address for ping in each) for ends, each in pings(plan).items()
    }
    theirs = students_pairs(plan, pairs)
    return Forecast(
        pairs={_arrow(*ends): _told(plan, pair) for ends, pair in pairs.items()},
        pings=asked if is_measured else {},
        addresses={machine.name: tuple(machine.addresses()) for machine in plan.machines},
        routes={
            machine.name: tuple(f"{route.to} via {route.via}" for route in machine.routes)
            for machine in plan.machines
        },
        subnets={
            network.name: tuple(net for net in (network.ipv4, network.ipv6) if net)
            for network in plan.networks
        },
        of_student=tuple(_arrow(*ends) for ends in pairs if ends in theirs),
        timeout_seconds=timeout_s + CONVERGED_S * any(node.speaker for node in plan.machines),
        plan=f"{digest(plan):064x}"[:12],
    )


def promises(forecast: Forecast) -> dict[str, Any]:
    """Return *forecast* as properties; names of nodes and pairs stay as they are."""
    return {camel(field.name): _listed(getattr(forecast, field.name)) for field in fields(forecast)}


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(element) for key, element in value.items()}
    return list(value) if isinstance(value, tuple) else value


def ends(name: str) -> tuple[str, str]:
    """Return source and target of the pair called *name*."""
    source, _, target = name.partition(ARROW)
    return source, target


def _told(plan: Plan, pair: Pair) -> str:
    if pair.ok:
        return OK
    return SILENT if plan.quiet else pair.reason


def _arrow(source: str, target: str) -> str:
    return f"{source}{ARROW}{target}"
