"""The forecast against the truth: random labs on real namespaces, measured with real pings."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, reject, settings

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.netns import kernel
from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.reach.matrix import answers, matrix, pings
from labiac.schema.lab import Lab

from .known import KNOWN
from .labs import HOST_LANS, labs

FUZZ = int(os.environ.get("LABIAC_FUZZ", "0"))
"""So many random labs; without it, the same few on every run."""


def planned(lab):
    """Return the plan of *lab* for a student of its own, so that runs do not meet on a host."""
    return resolve(Lab.model_validate(lab), student=f"t{secrets.token_hex(4)}")


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
    """Return every answer and every pair of *lab* that the forecast has otherwise."""
    plan = planned(lab)
    asked = every_address(plan)
    forecast = dict(zip(asked, answers(plan, asked), strict=True))
    live = measured(plan, forecast)
    found = [
        f"{ping.source} pings {ping.address}: forecast {forecast[ping]}, measured {ok}"
        for ping, ok in live.items()
        if ok != forecast[ping]
    ]
    questions = pings(plan, all_nodes=True)
    for pair in matrix(plan, all_nodes=True):
        stands_for = questions[pair.source, pair.target]
        ok = bool(stands_for) and all(live[Ping(*ping)] for ping in stands_for)
        if ok != pair.ok:
            found.append(f"{pair.source} -> {pair.target}: {ok}, forecast {pair}")
    return found


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes named namespaces")


@needs_root
@pytest.mark.parametrize("case", KNOWN)
def test_it_is_known_that(case):
    assert on_a_host_of_its_own(KNOWN[case]) == []


def some(quick):
    """Return the settings for *quick* labs, or for many random ones."""
    return settings(
        max_examples=FUZZ or quick,
        derandomize=not FUZZ,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
@some(30)
@given(lab=labs())
def test_what_is_forecast_is_what_is_measured(lab):
    agree(lab, disagreements)


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
@some(10)
@given(lab=labs(HOST_LANS))
def test_what_is_forecast_of_the_host_is_what_is_measured(lab):
    agree(lab, on_a_host_of_its_own)


def on_a_host_of_its_own(lab):
    """Return `disagreements` as found in a new network namespace, which plays the host."""
    with ThreadPoolExecutor(1, initializer=kernel.unshare, initargs=(kernel.NEW_NET,)) as thread:
        return thread.submit(disagreements, lab).result()


def agree(lab, judge):
    try:
        planned(lab)
    except DescriptionError:
        reject()
    found = judge(lab)
    assert not found, "\n".join([yaml.safe_dump(lab, sort_keys=False), *found])
