"""The forecast against the truth: random labs on real namespaces, measured with real pings."""

from __future__ import annotations

from collections import Counter

import pytest

from labiac.backends.base import Ping
from labiac.reach.matrix import answers, matrix, pings

from .fuzz import FUZZ, hold, needs_root, on_a_host_of_its_own, planned, up
from .known import KNOWN
from .labs import HOST_LANS, ROLES, labs

FEATURES = {
    "routers": (70, labs()),
    "firewalls": (70, labs(roles=["firewall"])),
    "NATs": (70, labs(roles=["nat"])),
    "bridges": (40, labs(roles=["bridge"])),
    "all of them": (60, labs(roles=ROLES)),
    "the host": (20, labs(HOST_LANS, roles=["bridge"])),
}
"""Kinds of labs, and how many of each are drawn where nobody asks for more."""


def measured(plan, expected):
    """Return what each ping of *expected* comes to; what is unexpected is asked a second time.

    An IPv6 next hop, for one, is given up as dead only after some tenths of a second.
    """
    with up(plan) as ask:
        asked = list(expected)
        found = dict(zip(asked, ask(asked, timeout_s=10, settle=False), strict=True))
        doubtful = [ping for ping in asked if found[ping] != expected[ping]]
        if doubtful:
            again = ask(doubtful, timeout_s=2, settle=True)
            found.update(zip(doubtful, again, strict=True))
    return found


def every_address(plan):
    """Return a ping from every node to every address of the lab, primary or not."""
    addresses = [
        address.partition("/")[0]
        for machine in plan.machines
        for nic in machine.nics
        for address in nic.addresses
    ]
    return [Ping(machine.name, address) for machine in plan.machines for address in addresses]


def disagreements(lab):
    """Return every answer and every pair of *lab* that the forecast has otherwise.

    Of an address that several nodes have, nobody can measure whose answer it was.
    """
    plan = planned(lab)
    asked = every_address(plan)
    forecast = dict(zip(asked, answers(plan, asked), strict=True))
    live = measured(plan, forecast)
    found = [
        f"{ping.source} pings {ping.address}: forecast {forecast[ping]}, measured {ok}"
        for ping, ok in live.items()
        if ok != forecast[ping]
    ]
    held = Counter(ping.address for ping in asked if ping.source == plan.machines[0].name)
    questions = pings(plan, all_nodes=True)
    for pair in matrix(plan, all_nodes=True):
        stands_for = questions[pair.source, pair.target]
        ok = bool(stands_for) and all(live[Ping(*ping)] for ping in stands_for)
        if ok != pair.ok and all(held[ping.address] == 1 for ping in stands_for):
            said = pair.reason or "an answer"
            found.append(f"{pair.source} -> {pair.target}: {ok}, forecast {said}")
    return found


@needs_root
@pytest.mark.parametrize("case", KNOWN)
def test_it_is_known_that(case):
    assert on_a_host_of_its_own(disagreements, KNOWN[case]) == []


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
@pytest.mark.parametrize("feature", FEATURES)
def test_what_is_forecast_is_what_is_measured_with(feature):
    few, strategy = FEATURES[feature]
    hold(disagreements, strategy, FUZZ // len(FEATURES) or few)
