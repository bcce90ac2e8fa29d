"""Reports as one HTML page that needs nothing beside it: to hand back, or to print."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from labiac.cli.reports.report import called, told
from labiac.reach.finding import shortened

if TYPE_CHECKING:
    from jinja2 import Environment

    from labiac.cli.reports.report import Report
    from labiac.reach.matrix import Ends, Pair

WIDE = 12
"""Nodes a side from which on the names above a matrix stand upright."""


def page(report: Report) -> str:
    """Return *report* as an HTML page."""
    return rendered("report.html.j2", report=report)


def rendered(template: str, **known: Any) -> str:
    """Return the *template* of that name with what is *known* filled in."""
    return (
        _templates()
        .get_template(template)
        .render(**known, seen=_Seen.of, called=called, told=told, shortened=shortened)
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(lambda name: (files(__package__) / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The matrix of a report as the page shows it."""

    nodes: tuple[str, ...]
    cells: dict[Ends, Pair]
    expected: dict[Ends, bool]
    reasons: dict[str, list[str]]

    @classmethod
    def of(cls, report: Report) -> _Seen:
        """Return the matrix of *report*."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for pair in report.found.live:
            if not pair.ok:
                reasons[pair.reason].append(" → ".join(pair.ends))
        return cls(
            nodes=report.plan.end_nodes,
            cells={pair.ends: pair for pair in report.found.live},
            expected={pair.ends: pair.ok for pair in report.found.predicted},
            reasons=reasons,
        )

    @property
    def wide(self) -> bool:
        """Whether the matrix needs its room."""
        return len(self.nodes) > WIDE
