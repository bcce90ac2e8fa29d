"""``labiac verify``: does the live lab do what it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labiac.cli.options import BackendName, File, Json, Student, planned
from labiac.cli.output import console, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from labiac.cli.verdict import Verdict

app = typer.Typer()


@app.command()
def verify(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Measure the live lab against the prediction and the lab's checks."""
    from labiac.backends import open_backend
    from labiac.cli.measure import insist_up, measured
    from labiac.cli.verdict import verdict, verdict_data
    from labiac.reach.matrix import matrix

    plan = planned(file, student, backend)
    there = open_backend(plan.backend)
    insist_up(plan, there, file)
    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    found = verdict(plan, predicted, measured(plan, there, predicted))
    if json:
        write_json(verdict_data(found))
    else:
        for part in verdict_view(found):
            console().print(part)
    if not found.ok:
        raise typer.Exit(1)


def verdict_view(found: Verdict) -> Iterator[RenderableType]:
    """Yield what shows *found*: the live matrix, what differs, and the checks."""
    from rich.text import Text

    from labiac.cli.tables import matrix_view
    from labiac.plan.said import check_text

    yield from matrix_view(found.live)
    for word, pairs in (("gained", found.gained), ("lost", found.lost)):
        for pair in pairs:
            yield Text(f"{word}: {pair.source} -> {pair.target} {pair.reason}".rstrip())
    for check, ok, reason in found.checks:
        state = Text("holds  ", "green") if ok else Text("fails  ", "bold red")
        yield Text.assemble(state, check_text(check), f": {reason}" if reason else "")
    yield Text(_conclusion(found), "bold green" if found.ok else "bold red")


def _conclusion(found: Verdict) -> str:
    if not found.agree:
        return "the lab is not as predicted"
    own_work = found.gained or found.lost
    state = "only the student's own work differs" if own_work else "the lab is as predicted"
    if not found.checks:
        return state
    fails = sum(not result.ok for result in found.checks)
    checks = f"{fails} of {len(found.checks)} checks fail" if fails else "every check holds"
    return f"{state}; {checks}"
