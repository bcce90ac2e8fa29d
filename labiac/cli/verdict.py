"""Does a lab do what it should? Pure: what was predicted, what was measured, and the checks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

from labiac.reach.student import students_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labiac.plan.model import Plan
    from labiac.reach.checks import CheckResult
    from labiac.reach.matrix import Ends, Pair


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the live lab compares with the predicted one.

    Args:
        agree: Whether every difference is the student's own work, and allowed.
        predicted: The pairs as predicted.
        live: The same pairs as measured.
        gained: Pairs that answer although the prediction says no.
        lost: Pairs that do not answer although the prediction says yes.
        checks: The lab's checks, judged on the live lab.
    """

    agree: bool
    predicted: tuple[Pair, ...]
    live: tuple[Pair, ...]
    gained: tuple[Pair, ...]
    lost: tuple[Pair, ...]
    checks: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether the live lab agrees, and all checks hold."""
        return self.agree and all(result.ok for result in self.checks)

    @property
    def failing(self) -> str:
        """How many checks fail, for people: ``1 of 2 checks fail``; empty where all hold."""
        fails, one = sum(not result.ok for result in self.checks), len(self.checks) == 1
        words = "check fails" if one else "checks fail"
        return f"{fails} of {len(self.checks)} {words}" if fails else ""

    @property
    def got(self) -> float:
        """Points of the checks that hold."""
        return sum(result.got for result in self.checks)

    @property
    def of(self) -> float:
        """Points of all checks."""
        return sum(result.check.points for result in self.checks)


def verdict(
    plan: Plan,
    predicted: Mapping[Ends, Pair],
    live: Mapping[Ends, Pair],
    checks: Iterable[CheckResult],
) -> Verdict:
    """Return how *live* compares with what was *predicted* of *plan*.

    A pair gained by a student's node is never a failure. One that it lost is, unless the lab has
    checks: then those say what the student's work must bring about.

    Args:
        plan: The lab.
        predicted: Every pair of nodes, routers too.
        live: The pairs that were measured: those of the end nodes, and maybe more.
        checks: What came of the lab's checks, in their order.
    """
    matrix = tuple(live[ends] for ends in permutations(plan.end_nodes, 2))
    differ = [pair for pair in matrix if pair.ok != predicted[pair.ends].ok]
    theirs = students_pairs(plan, predicted)
    return Verdict(
        agree=all(pair.ends in theirs and (pair.ok or bool(plan.checks)) for pair in differ),
        predicted=tuple(predicted[pair.ends] for pair in matrix),
        live=matrix,
        gained=tuple(pair for pair in differ if pair.ok),
        lost=tuple(pair for pair in differ if not pair.ok),
        checks=tuple(checks),
    )


def pair_data(pair: Pair) -> dict[str, Any]:
    """Return *pair* as programs read it."""
    return {
        "from": pair.source,
        "to": pair.target,
        "ok": pair.ok,
        "path": list(pair.path),
        "reason": pair.reason,
    }


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """Return *verdict* as programs read it; a pair's ``ok`` is the prediction."""
    return {
        "agree": verdict.agree,
        "pairs": [
            {
                "from": was.source,
                "to": was.target,
                "ok": was.ok,
                "live": now.ok,
                "reason": now.reason,
            }
            for was, now in zip(verdict.predicted, verdict.live, strict=True)
        ],
        "gained": [_ends_data(pair) for pair in verdict.gained],
        "lost": [_ends_data(pair) for pair in verdict.lost],
        "checks": [_check_data(result) for result in verdict.checks],
        "points": points_of(verdict.checks),
    }


def by_stage(checks: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    """Return those of *checks* that belong to stages, by the name of the stage, in order."""
    found: dict[str, list[CheckResult]] = {}
    for each in checks:
        if each.check.stage:
            found.setdefault(each.check.stage, []).append(each)
    return found


def points_of(checks: Iterable[CheckResult]) -> dict[str, float]:
    """Return what *checks* earn, and what they could, as programs read it."""
    known = tuple(checks)
    got, of = sum(each.got for each in known), sum(each.check.points for each in known)
    return {"got": got, "of": of}


def _check_data(result: CheckResult) -> dict[str, Any]:
    check = result.check
    return {
        "check": str(check),
        "kind": check.kind,
        "title": check.title,
        "ok": result.ok,
        "reason": result.reason,
        "hint": check.hint,
        "points": check.points,
        "measured": result.measured,
        "evidence": result.evidence,
        "seconds": round(result.seconds, 3),
    }


def _ends_data(pair: Pair) -> dict[str, str]:
    return {"from": pair.source, "to": pair.target, "reason": pair.reason}
