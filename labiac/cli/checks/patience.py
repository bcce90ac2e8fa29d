"""Every check of a lab, many at the same time, each tried as often and as long as it says.

That something works is tried until it does. That something must not be (`no_ping`, a closed port, a
route that is absent) proves nothing when it is seen once: it is tried to the end, and must hold
every time.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from labiac.cli.checks.look import Look
from labiac.plan.checks import denies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.backends.base import Backend
    from labiac.plan.checks import Check
    from labiac.plan.model import Plan
    from labiac.reach.checks import CheckResult
    from labiac.reach.matrix import Ends, Pair

AT_ONCE = 8
"""So many checks are measured at the same time."""
PAUSE_S = 0.5
"""Between two attempts, seconds."""


def checked(
    plan: Plan, backend: Backend, predicted: Mapping[Ends, Pair], live: Mapping[Ends, Pair]
) -> tuple[CheckResult, ...]:
    """Return what comes of each check of *plan* on the live lab, in order.

    Args:
        plan: The lab; its copy is up.
        backend: What it runs on.
        predicted: Every pair of nodes, routers too.
        live: The matrix as it was just measured, pairs that checks name included: the first
            attempt of whatever only pings.
    """
    look = Look(plan, backend, predicted, live)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(lambda check: _tried(check, look), plan.checks))


def _tried(check: Check, look: Look) -> CheckResult:
    started = time.monotonic()
    deadline = started + check.timeout_s
    attempt, seen = 1, look.at(check, check.timeout_s / (check.retry + 1), first=True)
    while seen.ok == denies(check.asked) and attempt <= check.retry:
        time.sleep(PAUSE_S)
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        seen = look.at(check, left_s / (check.retry + 1 - attempt), first=False)
        attempt += 1
    evidence = {**seen.evidence, "attempts": attempt}
    return replace(seen, evidence=evidence, seconds=time.monotonic() - started)
