"""Random labs on real namespaces, many at a time, and the least of one whose forecast is wrong."""

from __future__ import annotations

import copy
import os
import pprint
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.backends.netns import kernel
from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

FUZZ = int(os.environ.get("LABIAC_FUZZ", "0"))
"""So many random labs; without it, the same few on every run."""
AT_ONCE = 8
"""So many labs are measured at a time: to measure is most of all to wait for silence."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes named namespaces")


def hold(judge, strategy, count):
    """Fail with the least lab of *count* random ones of which *judge* finds something wrong."""
    for lab, found in judged(judge, drawn(strategy, count)):
        if found:
            pytest.fail(as_regression(judge, least(judge, lab), found), pytrace=False)


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


def judged(judge, found):
    """Yield each lab of *found* with what *judge* says of it, many at a time.

    Each on a host of its own: a new network namespace plays it.
    """
    with ThreadPoolExecutor(
        AT_ONCE, initializer=kernel.unshare, initargs=(kernel.NEW_NET,)
    ) as pool:
        yield from zip(found, pool.map(judge, found), strict=True)


def on_a_host_of_its_own(judge, lab):
    """Return what *judge* says of *lab*."""
    ((_, found),) = judged(judge, [lab])
    return found


def least(judge, lab):
    """Return the least of *lab* that *judge* still finds wrong: whatever can be left out is."""
    for smaller in without_one_thing(lab):
        if can_be(smaller) and on_a_host_of_its_own(judge, smaller):
            return least(judge, smaller)
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


def as_regression(judge, lab, found):
    """Return *lab* as a case to paste into `known`, below what is wrong with its forecast.

    Where that was but once, below what *found* was.
    """
    wrong = on_a_host_of_its_own(judge, lab) or ["but once:", *found]
    case = pprint.pformat(lab, width=96, sort_dicts=False)
    return "\n".join([*wrong, "", f"    'what was thought otherwise': {case},"])
