"""What a class has achieved: who got what for what, and what else is to be said of each copy."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from labiac.cli.reports.junit import document, not_measured, suite
from labiac.cli.reports.report import called
from labiac.cli.reports.table import plain
from labiac.cli.verdict import by_stage, points_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from labiac.cli.draw.picture import Picture
    from labiac.cli.reports.report import Report
    from labiac.fleet.roster import Student
    from labiac.reach.checks import CheckResult

COLUMNS = (
    *("Student", "Full name", "Email address", "ID number", "Group"),
    *("Grade", "Out of", "Percent", "Feedback"),
)
"""Head of the table. Moodle's import maps the e-mail address or ID number to a user, and ``Grade``
to a grade item; it reads ``Feedback`` too."""
BOM = "\ufeff"
"""What tells Excel that a table is UTF-8; Moodle takes it off."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What was found of one copy.

    Args:
        student: Whose it is.
        report: What was found, or None: it could not be measured.
        reason: Why not, or empty.
        work: What the student has changed on their own nodes.
        drift: What else is not as it was handed out.
        picture: The lab in the colours of what was found; None where nothing was.
    """

    student: Student
    report: Report | None
    reason: str
    work: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    picture: Picture | None = None

    @property
    def got(self) -> float:
        """Points of the checks that hold."""
        return self.report.found.got if self.report else 0

    @property
    def stages(self) -> dict[str, list[CheckResult]]:
        """What was found of each stage, by its name; nothing of who was not measured."""
        return by_stage(self.report.found.checks) if self.report else {}

    @property
    def feedback(self) -> str:
        """What the student should read: each check that fails, why, and the hint."""
        if self.report is None:
            return f"not measured: {self.reason.partition(chr(10))[0]}"
        lines = [
            f"{called(each.check)}: {each.reason}"
            + (f" (hint: {each.check.hint})" if each.check.hint else "")
            for each in self.report.found.checks
            if not each.ok
        ]
        return "\n".join(lines) or "every check holds"


@dataclass(frozen=True, slots=True)
class Grades:
    """What was found of a class.

    Args:
        lab: Name of the lab.
        when: When the measuring began.
        of: Points of all checks.
        students: In the order of the roster.
    """

    lab: str
    when: datetime
    of: float
    students: Sequence[Graded]

    @property
    def measured(self) -> tuple[Graded, ...]:
        """Those whose copies could be measured."""
        return tuple(each for each in self.students if each.report)

    @property
    def mean(self) -> float:
        """Points in the mean of those who were measured; 0 of nobody."""
        return sum(each.got for each in self.measured) / max(1, len(self.measured))


def table(grades: Grades) -> str:
    """Return *grades* as CSV (RFC 4180), a line a student; who was not measured has no grade."""
    text = StringIO()
    writer = csv.writer(text)
    stages = list(dict.fromkeys(name for each in grades.students for name in each.stages))
    writer.writerow([*COLUMNS, *(f"Stage {name}" for name in stages)])
    for each in grades.students:
        who = each.student
        marks = ["", f"{grades.of:g}", ""]
        if each.report:
            percent = 100 * each.got / grades.of if grades.of else 0
            marks = [f"{each.got:g}", f"{grades.of:g}", f"{percent:.4g}"]
        told = (who.student, who.name, who.email, who.number, who.group)
        parts = [
            f"{points_of(each.stages[name])['got']:g}" if each.report else "" for name in stages
        ]
        writer.writerow([*map(plain, told), *marks, plain(each.feedback), *parts])
    return BOM + text.getvalue()


def junit(grades: Grades) -> bytes:
    """Return *grades* as JUnit XML: a suite a student."""
    return document(
        suite(each.report)
        if each.report
        else not_measured(grades.lab, each.student.student, each.reason)
        for each in grades.students
    )
