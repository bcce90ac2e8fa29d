"""Does a lab do what it should? Pure: what was predicted, what was measured, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labiac.plan.model import Check, Plan

if TYPE_CHECKING:
    from labiac.errors import Problem
    from labiac.reach.matrix import Pair
    from labiac.schema.source import Source

Ends = tuple[str, str]
"""Source and target of a pair."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One check, whether it holds, and why not."""

    check: str
    ok: bool
    reason: str


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
    checks: tuple[Judged, ...]

    @property
    def ok(self) -> bool:
        """Whether the live lab agrees, and all checks hold."""
        return self.agree and all(judged.ok for judged in self.checks)


def verdict(plan: Plan, predicted: Mapping[Ends, Pair], live: Mapping[Ends, Pair]) -> Verdict:
    """Return how *live* compares with what was *predicted* of *plan*.

    A pair gained by a student's node is never a failure. One that it lost is, unless the lab has
    checks: then those say what the student's work must bring about.

    Args:
        plan: The lab.
        predicted: Every pair of nodes, routers too.
        live: The pairs that were measured, at least those of the end nodes.
    """
    matrix = tuple(live[ends] for ends in _end_pairs(plan) if ends in live)
    differ = [pair for pair in matrix if pair.ok != predicted[pair.source, pair.target].ok]
    theirs = students_pairs(plan, predicted)
    return Verdict(
        agree=all(
            (pair.source, pair.target) in theirs and (pair.ok or bool(plan.checks))
            for pair in differ
        ),
        predicted=tuple(predicted[pair.source, pair.target] for pair in matrix),
        live=matrix,
        gained=tuple(pair for pair in differ if pair.ok),
        lost=tuple(pair for pair in differ if not pair.ok),
        checks=tuple(judge(check, live, matrix) for check in plan.checks),
    )


def students_pairs(plan: Plan, predicted: Mapping[Ends, Pair]) -> set[Ends]:
    """Return the pairs that go through a student's node, and those that one could still make."""
    theirs = {machine.name for machine in plan.machines if machine.student}
    return {
        (source, target)
        for (source, target), pair in predicted.items()
        if theirs & {source, target, *pair.path, *predicted[target, source].path}
        or (theirs and not pair.ok)
    }


def _end_pairs(plan: Plan) -> Iterator[Ends]:
    names = [machine.name for machine in plan.machines if machine.role != "router"]
    return ((source, target) for source in names for target in names if source != target)


def judge(check: Check, pairs: Mapping[Ends, Pair], matrix: Iterable[Pair]) -> Judged:
    """Return whether *check* holds.

    Args:
        check: One of the lab's checks.
        pairs: Every pair that a check may name.
        matrix: The pairs of end nodes, for ``all_ping``.
    """
    text = check_text(check)
    if check.kind == "all_ping":
        silent = [f"{pair.source} -> {pair.target}" for pair in matrix if not pair.ok]
        return Judged(text, not silent, f"no answer: {', '.join(silent)}" if silent else "")
    pair = pairs[check.source, check.target]
    if check.kind == "no_ping":
        return Judged(text, not pair.ok, f"{check.target} answers" if pair.ok else "")
    if not pair.ok:
        return Judged(text, ok=False, reason=pair.reason)
    way = iter(pair.path)
    if all(node in way for node in check.visits):
        return Judged(text, ok=True, reason="")
    return Judged(text, ok=False, reason=f"packets visit {', '.join(pair.path)}")


def check_text(check: Check) -> str:
    """Return *check* in words: ``ping pc1 -> pc4``."""
    if check.kind == "all_ping":
        return "all ping"
    via = f" by way of {', '.join(check.visits)}" if check.visits else ""
    return f"{check.kind.replace('_', ' ')} {check.source} -> {check.target}{via}"


def forecast_problems(plan: Plan, source: Source) -> list[Problem]:
    """Return a problem for each check of *plan* that will not hold, at its line in *source*.

    Where a student's node decides a check, it is what the student's work shall bring about.
    """
    from labiac.reach.matrix import matrix

    predicted = {(pair.source, pair.target): pair for pair in matrix(plan, all_nodes=True)}
    ends = [predicted[pair] for pair in _end_pairs(plan)]
    theirs = students_pairs(plan, predicted)
    fix = "change the lab, or the check; labiac reach says who reaches whom"
    found = []
    for number, check in enumerate(plan.checks):
        judged = judge(check, predicted, ends)
        open_work = theirs if check.kind == "all_ping" else theirs & {(check.source, check.target)}
        if not judged.ok and not open_work:
            problem = f"{judged.check} will not hold: {judged.reason}"
            found.append(source.problem(("checks", number), problem, fix))
    return found


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
        "checks": [
            {"check": judged.check, "ok": judged.ok, "reason": judged.reason}
            for judged in verdict.checks
        ],
    }


def _ends_data(pair: Pair) -> dict[str, str]:
    return {"from": pair.source, "to": pair.target, "reason": pair.reason}
