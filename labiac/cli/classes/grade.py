"""``labiac class grade``: what has each student achieved?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.cli.classes.room import PARALLEL, Only, Parallel, Roster, counted, room
from labiac.cli.options import BackendName, File, Json
from labiac.cli.output import INTERRUPTED, console, write_json
from labiac.cli.verdict import points_of
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from labiac.cli.reports.grades import Graded, Grades

app = typer.Typer()


@app.command()
def grade(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    csv: Annotated[
        str, typer.Option(metavar="FILE", help="Write the grades as Moodle imports them.")
    ] = "",
    html: Annotated[
        str, typer.Option(metavar="FILE", help="Write one page, to be read without a network.")
    ] = "",
    junit: Annotated[
        str, typer.Option(metavar="FILE", help="Write JUnit XML, a suite a student.")
    ] = "",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Run every check on every live copy, changing nothing, and add up the points."""
    from labiac.cli.classes.graded import grade as graded
    from labiac.cli.reports import classbook, grades
    from labiac.cli.reports.files import insist_writable, write_forms

    names = {"junit": junit, "csv": csv, "html": html}
    insist_writable(names)
    whole = room(file, roster, only, backend)
    if not whole.plan(whole.students[0]).checks:
        fix = "say in checks: what the students' work must bring about"
        raise LabError(whole.lab.name, "has no checks: there is nothing to grade", fix=fix)
    found, stopped = graded(whole, parallel)
    if json:
        write_json(_data(found))
    else:
        console().print(_view(found))
        typer.echo(_summed_up(found))
    forms = {
        "junit": lambda: grades.junit(found),
        "csv": lambda: grades.table(found).encode(),
        "html": lambda: classbook.page(found).encode(),
    }
    write_forms(forms, names)
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if len(found.measured) < len(found.students):
        raise typer.Exit(1)


def _view(found: Grades) -> Table:
    from rich.text import Text

    from labiac.cli.reports.report import called
    from labiac.cli.tables import table

    rows = table("student", "points", "", "what is missing")
    rows.columns[1].justify = "right"
    for each in found.students:
        if each.report is None:
            rows.add_row(each.student.student, "?", "", Text(each.feedback, "yellow"))
            continue
        checks = each.report.found.checks
        signs = [Text("✓", "green") if check.ok else Text("✗", "red") for check in checks]
        missing = [called(result.check) for result in checks if not result.ok]
        drift = [f"not as handed out: {line}" for line in each.drift]
        points = "\n".join([f"{each.got:g} of {found.of:g}", *_stages(each)])
        said = "\n".join([*missing, *drift])
        rows.add_row(each.student.student, points, Text(" ").join(signs), said)
    return rows


def _stages(each: Graded) -> Iterator[str]:
    """Yield what a student has of each stage, in a few words."""
    for name, results in each.stages.items():
        points = points_of(results)
        yield f"{name} {points['got']:g} of {points['of']:g}"


def _summed_up(found: Grades) -> str:
    left = len(found.students) - len(found.measured)
    more = f", {left} not measured" if left else ""
    mean = f", {found.mean:.3g} of {found.of:g} points in the mean"
    return f"{counted(len(found.students))}{more}{mean if found.measured else ''}"


def _data(found: Grades) -> dict[str, Any]:
    return {
        "lab": found.lab,
        "when": found.when.isoformat(timespec="seconds"),
        "students": [_student_data(each, found.of) for each in found.students],
    }


def _student_data(each: Graded, of: float) -> dict[str, Any]:
    from labiac.cli.verdict import verdict_data

    who = each.student
    nothing = {"agree": False, "points": {"got": None, "of": of}, "checks": []}
    return {
        "student": who.student,
        "copy": who.copy,
        "name": who.name,
        "email": who.email,
        "number": who.number,
        "group": who.group,
        "ok": bool(each.report and each.report.found.ok),
        "reason": each.reason,
        **(verdict_data(each.report.found) if each.report else nothing),
        "stages": {name: points_of(results) for name, results in each.stages.items()},
        "work": list(each.work),
        "drift": list(each.drift),
    }
