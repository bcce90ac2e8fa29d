"""A report as CSV, a line a check: what a spreadsheet adds up over a class."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from labiac.cli.reports.report import AGREES

if TYPE_CHECKING:
    from labiac.cli.reports.report import Report

COLUMNS = (
    *("lab", "student", "when", "kind", "check", "title"),
    *("holds", "points", "of", "reason", "hint", "seconds"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula, and calculates."""


def table(report: Report) -> str:
    """Return *report* as CSV (RFC 4180) with a head: the matrix first, then each check."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    whose = report.plan.lab, report.plan.student, report.when.isoformat(timespec="seconds")
    matrix = "matrix", AGREES, "", _yes(report.found.agree), 0, 0, report.disagreement, "", 0
    writer.writerow([*whose, *matrix])
    for each in report.found.checks:
        check = each.check
        said = [*whose, check.kind, *map(plain, (str(check), check.title)), _yes(each.ok)]
        marks = [f"{each.got:g}", f"{check.points:g}"]
        rest = [*map(plain, (each.reason, check.hint)), f"{each.seconds:.3f}"]
        writer.writerow([*said, *marks, *rest])
    return text.getvalue()


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def plain(text: str) -> str:
    """Return *text* so that a spreadsheet shows it: some of it comes from a student's node."""
    return f"'{text}" if text.startswith(_FORMULA) else text
