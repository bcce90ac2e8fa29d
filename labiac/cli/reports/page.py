"""A report as one HTML page that needs nothing beside it: to hand back, or to print."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING

from labiac.cli.reports.report import called, told
from labiac.reach.finding import shortened

if TYPE_CHECKING:
    from labiac.cli.reports.report import Report

WIDE = 12
"""Nodes a side from which on the names above a matrix stand upright."""


def page(report: Report) -> str:
    """Return *report* as an HTML page."""
    from jinja2 import Environment, StrictUndefined

    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    reasons: dict[str, list[str]] = defaultdict(list)
    for pair in report.found.live:
        if not pair.ok:
            reasons[pair.reason].append(" → ".join(pair.ends))
    return made.from_string(template).render(
        report=report,
        found=report.found,
        nodes=report.plan.end_nodes,
        cells={pair.ends: pair for pair in report.found.live},
        expected={pair.ends: pair.ok for pair in report.found.predicted},
        reasons=reasons,
        wide=len(report.plan.end_nodes) > WIDE,
        called=called,
        told=told,
        shortened=shortened,
    )
