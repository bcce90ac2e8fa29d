"""Everything that `check` has to say about a lab that can be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.errors import Problem
    from labiac.plan.model import Plan
    from labiac.schema.source import Path, Source


def finding_problems(plan: Plan, source: Source) -> Iterator[Problem]:
    """Yield the findings of *plan*, each at its line in *source*."""
    from labiac.reach.findings import findings

    for path, problem, fix, level in findings(plan):
        yield source.problem(_written(path, source), problem, fix, level)


def _written(path: Path, source: Source) -> Path:
    """Return the part of the file that *path* is about, as the user wrote it.

    A NIC may stand on the node itself; what is a default stands nowhere, but its node does.
    """
    in_short = (*path[:2], *path[4:]) if path[2:3] == ("nics",) else path
    return max(_nearest(path, source), _nearest(in_short, source), key=len)


def _nearest(path: Path, source: Source) -> Path:
    lengths = range(len(path), 0, -1)
    return next((path[:length] for length in lengths if path[:length] in source.lines), ())
