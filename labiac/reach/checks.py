"""Whether a lab's checks hold in a matrix, predicted or measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.model import Check
    from labiac.reach.matrix import Pair

SHOWN = 3
"""So many of the pairs that break a check are named."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a check holds, and why not: empty when it does."""

    check: Check
    ok: bool
    reason: str


def evaluate(checks: Iterable[Check], pairs: Iterable[Pair]) -> list[CheckResult]:
    """Return whether each of *checks* holds, in their order.

    Args:
        checks: What must hold.
        pairs: The matrix to judge by; a pair that a check names and that is not in it fails it.
            ``all_ping`` means all that are in it.
    """
    known = {(pair.source, pair.target): pair for pair in pairs}
    return [_result(check, known) for check in checks]


def _result(check: Check, known: dict[tuple[str, str], Pair]) -> CheckResult:
    if check.kind == "all_ping":
        reason = _all(known)
    elif (check.source, check.target) in known:
        reason = _one(check, known[check.source, check.target])
    else:
        reason = f"{check.source} -> {check.target} is not known"
    return CheckResult(check, not reason, reason)


def _all(known: dict[tuple[str, str], Pair]) -> str:
    silent = [pair for pair in known.values() if not pair.ok]
    named = "; ".join(f"{pair.source} -> {pair.target}: {pair.reason}" for pair in silent[:SHOWN])
    more = len(silent) - SHOWN
    return f"{named}; and {more} more" if more > 0 else named


def _one(check: Check, pair: Pair) -> str:
    if check.kind == "no_ping":
        return f"{pair.target} answers {pair.source}" if pair.ok else ""
    if not pair.ok:
        return pair.reason
    if check.kind == "path":
        return _way(check.visits, pair.path)
    return ""


def _way(wanted: tuple[str, ...], path: tuple[str, ...]) -> str:
    """Return which of *wanted* the *path* does not visit, in that order, or nothing."""
    rest = iter(path)
    for name in wanted:
        if name not in rest:
            return f"goes {' -> '.join(path)}: not by {name}" + (
                "" if name not in path else ", in that order"
            )
    return ""
