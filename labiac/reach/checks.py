"""Whether a lab's checks hold in a matrix, predicted or measured."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labiac.plan.model import Check, Plan
    from labiac.reach.matrix import Ends, Pair

SHOWN = 12
"""So many of the pairs that break a check are named."""


class CheckResult(NamedTuple):
    """Whether a check holds, and why not: empty when it does."""

    check: Check
    ok: bool
    reason: str


def evaluate(plan: Plan, pairs: Mapping[Ends, Pair]) -> tuple[CheckResult, ...]:
    """Return whether each check of *plan* holds, in their order.

    Args:
        plan: The lab; ``all_ping`` is about its end nodes.
        pairs: The matrix to judge by: every pair of end nodes, and those that checks name.
    """
    return tuple(_result(check, plan, pairs) for check in plan.checks)


def _result(check: Check, plan: Plan, pairs: Mapping[Ends, Pair]) -> CheckResult:
    if check.kind == "all_ping":
        reason = _all(pairs[ends] for ends in permutations(plan.end_nodes, 2))
    else:
        reason = _one(check, pairs[check.source, check.target])
    return CheckResult(check, not reason, reason)


def _all(matrix: Iterable[Pair]) -> str:
    silent = [f"{pair.source} -> {pair.target}" for pair in matrix if not pair.ok]
    if not silent:
        return ""
    more = f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else ""
    return f"no answer: {', '.join(silent[:SHOWN])}{more}"


def _one(check: Check, pair: Pair) -> str:
    if check.kind == "no_ping":
        return f"{check.target} answers" if pair.ok else ""
    if not pair.ok:
        return pair.reason
    rest = iter(pair.path)
    if all(node in rest for node in check.visits):
        return ""
    return f"packets visit {', '.join(pair.path)}"
