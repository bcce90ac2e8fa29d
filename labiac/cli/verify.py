"""``labiac verify``: does the live lab do what it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import BackendName, File, Json, Student, planned
from labiac.cli.output import console, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from labiac.backends.base import Backend
    from labiac.cli.verdict import Verdict
    from labiac.plan.model import Plan

app = typer.Typer()


@app.command()
def verify(
    file: File,
    *,
    junit: Annotated[
        str, typer.Option(metavar="FILE", help="Write a report for CI systems, as JUnit XML.")
    ] = "",
    csv: Annotated[
        str, typer.Option(metavar="FILE", help="Write a report for spreadsheets, a line a check.")
    ] = "",
    html: Annotated[
        str, typer.Option(metavar="FILE", help="Write a report for people, as one page.")
    ] = "",
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Measure the live lab against the prediction and the lab's checks."""
    from datetime import datetime

    from labiac.backends import open_backend
    from labiac.cli.measure import insist_up
    from labiac.cli.reports.files import insist_writable, write
    from labiac.cli.reports.report import Report
    from labiac.cli.verdict import verdict_data

    names = {"junit": junit, "csv": csv, "html": html}
    insist_writable(names)
    plan = planned(file, student, backend)
    there = open_backend(plan.backend)
    insist_up(plan, there, file)
    when = datetime.now().astimezone()
    found = found_of(plan, there)
    if json:
        write_json(verdict_data(found))
    else:
        for part in verdict_view(found):
            console().print(part)
    write(Report(plan, when, found), names)
    if not found.ok:
        raise typer.Exit(1)


def found_of(plan: Plan, backend: Backend) -> Verdict:
    """Return how the live copy of *plan* does, pair by pair and check by check.

    Raises:
        LabError: the backend cannot measure, or the host refused.
    """
    from labiac.cli.checks.patience import checked
    from labiac.cli.measure import matrices
    from labiac.cli.verdict import verdict

    predicted, live = matrices(plan, backend)
    return verdict(plan, predicted, live, checked(plan, backend, predicted, live))


def verdict_view(found: Verdict) -> Iterator[RenderableType]:
    """Yield what shows *found*: the live matrix, what differs, and the checks."""
    from rich.text import Text

    from labiac.cli.comparison import pairs_text
    from labiac.cli.tables import matrix_view

    yield from matrix_view(found.live)
    for word, pairs in (("gained", found.gained), ("lost", found.lost)):
        if pairs:
            yield Text(f"{word}: {pairs_text([pair.ends for pair in pairs])}")
    if found.checks:
        yield _checks(found)
    yield Text(_conclusion(found), "bold green" if found.ok else "bold red")


def _checks(found: Verdict) -> Table:
    from rich.text import Text

    from labiac.cli.reports.report import called
    from labiac.cli.tables import table

    view = table("points", "", "check", "reason")
    view.columns[0].justify = "right"
    for result in found.checks:
        check = result.check
        state = Text("holds", "green") if result.ok else Text("fails", "bold red")
        said = Text(called(check))
        if check.hint and not result.ok:
            said.append(f"\nhint: {check.hint}", "yellow")
        view.add_row(f"{result.got:g} of {check.points:g}", state, said, result.reason)
    return view


def _conclusion(found: Verdict) -> str:
    if not found.agree:
        state = "the lab is not as predicted"
    elif found.gained or found.lost:
        state = "only the student's own work differs"
    else:
        state = "the lab is as predicted"
    if not found.checks:
        return state
    return f"{state}; {found.failing or 'every check holds'}; {found.got:g} of {found.of:g} points"
