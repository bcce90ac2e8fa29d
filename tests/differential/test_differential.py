"""The forecast against the truth: random labs on real namespaces, measured with real pings."""

from __future__ import annotations

import copy
import os
import pprint
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.netns import kernel
from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.reach.matrix import answers, matrix, pings
from labiac.schema.load import from_data

from .known import KNOWN
from .labs import HOST_LANS, ROLES, labs

FUZZ = int(os.environ.get("LABIAC_FUZZ", "0"))
"""So many random labs; without it, the same few on every run."""
AT_ONCE = 8
"""So many labs are measured at a time: to measure is most of all to wait for silence."""
FEATURES = {
    "routers": (70, labs()),
    "firewalls": (70, labs(roles=["firewall"])),
    "NATs": (70, labs(roles=["nat"])),
    "bridges": (40, labs(roles=["bridge"])),
    "all of them": (60, labs(roles=ROLES)),
    "the host": (20, labs(HOST_LANS, roles=["bridge"])),
}
"""Kinds of labs, and how many of each are drawn where nobody asks for more."""


def planned(lab):
    """Return the plan of *lab* for a student of its own, so that runs do not meet on a host."""
    return resolve(from_data(lab), student=f"t{secrets.token_hex(4)}")


@contextmanager
def up(plan):
    """Bring *plan* up for a while; take it down whatever happens. Yield how to ping in it."""
    backend, copy = open_backend("netns"), Copy(plan.lab, plan.student)
    items = [("network", each) for each in plan.networks]
    items += [("machine", each) for each in plan.machines]
    try:
        for _, item in items:
            backend.create(copy, item)
        yield partial(backend.measure, copy)
    finally:
        for kind, item in reversed(items):
            backend.delete(ref_of(copy, kind, item.name))


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


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes named namespaces")


@needs_root
@pytest.mark.parametrize("case", KNOWN)
def test_it_is_known_that(case):
    assert on_a_host_of_its_own(KNOWN[case]) == []


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
@pytest.mark.parametrize("feature", FEATURES)
def test_what_is_forecast_is_what_is_measured_with(feature):
    few, strategy = FEATURES[feature]
    wrong = [lab for lab, found in judged(drawn(strategy, FUZZ // len(FEATURES) or few)) if found]
    if wrong:
        pytest.fail(as_regression(least(wrong[0])), pytrace=False)


def drawn(strategy, count):
    """Return *count* random labs: no more than that is Hypothesis's part, so that many can run."""
    found = []

    @settings(
        max_examples=count,
        derandomize=not FUZZ,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        phases=[Phase.generate],
    )
    @given(strategy)
    def collect(lab):
        if not can_be(lab):
            reject()
        found.append(lab)

    collect()
    return found


def can_be(lab):
    """Return whether *lab* can be planned."""
    try:
        planned(lab)
    except DescriptionError:
        return False
    return True


def judged(found):
    """Yield each lab of *found* with its `disagreements`, measured many at a time.

    Each on a host of its own: a new network namespace plays it.
    """
    with ThreadPoolExecutor(
        AT_ONCE, initializer=kernel.unshare, initargs=(kernel.NEW_NET,)
    ) as pool:
        yield from zip(found, pool.map(disagreements, found), strict=True)


def on_a_host_of_its_own(lab):
    """Return the disagreements about *lab*."""
    ((_, found),) = judged([lab])
    return found


def least(lab):
    """Return the least of *lab* that still disagrees: whatever can be left out is."""
    for smaller in without_one_thing(lab):
        if can_be(smaller) and on_a_host_of_its_own(smaller):
            return least(smaller)
    return lab


def without_one_thing(said):
    """Yield *said*, a part of a lab file, without one of all its parts, the large ones first."""
    if isinstance(said, (dict, list)):
        keys = list(said) if isinstance(said, dict) else range(len(said))
        for key in keys:
            kept = [each for each in keys if each != key]
            yield {k: said[k] for k in kept} if isinstance(said, dict) else [said[k] for k in kept]
        for key in keys:
            for smaller in without_one_thing(said[key]):
                changed = copy.copy(said)
                changed[key] = smaller
                yield changed


def as_regression(lab):
    """Return *lab* as a case to paste into `KNOWN`, below what is wrong with its forecast."""
    found = "\n".join(on_a_host_of_its_own(lab))
    return f"{found}\n\n    {'what was thought otherwise'!r}: {pprint.pformat(lab, width=96)},"
