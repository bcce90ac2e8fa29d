"""What the student's own work decides: where the live lab may differ from the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends, Pair


def students_pairs(plan: Plan, predicted: Mapping[Ends, Pair]) -> set[Ends]:
    """Return the pairs that go through a student's node, there or back, or could be made to.

    Args:
        plan: The lab.
        predicted: Pairs of its nodes, both directions of each.
    """
    theirs = {machine.name for machine in plan.machines if machine.student}
    if not theirs:
        return set()
    return {
        (source, target)
        for (source, target), pair in predicted.items()
        if not pair.ok or theirs & {source, target, *pair.path, *predicted[target, source].path}
    }
