"""``labiac why``: what is the matter between two nodes of the live lab?"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import (
    BackendName,
    File,
    Json,
    Student,
    end_of,
    planned,
    up_command,
    whose,
)
from labiac.cli.output import console, write_json
from labiac.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.plan.model import Plan
    from labiac.reach.compare import Deviation

app = typer.Typer()


@app.command()
def why(
    file: File,
    source: Annotated[str, typer.Argument(metavar="A", help="Who asks.")],
    target: Annotated[str, typer.Argument(metavar="B", help="Who shall answer.")],
    *,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Measure whether A reaches B on the live lab; if not, name the first place that is wrong."""
    from labiac.backends import open_backend
    from labiac.cli.hops import hops_view
    from labiac.cli.measure import examined, insist_up
    from labiac.cli.verdict import pair_data
    from labiac.reach.trace import hops_data

    plan = planned(file, student, backend)
    for name in (source, target):
        end_of(plan, name)
    if source == target:
        raise UsageError("why", f"{source} is on both ends", fix="name two nodes")
    there = open_backend(plan.backend)
    insist_up(plan, there, file)
    pair, differ, traces = examined(plan, there, source, target)
    fix = _fix(plan, file, differ)
    if json:
        differences = [each.text for each in differ]
        more = {"differences": differences, "fix": fix, "hops": hops_data(traces)}
        write_json({**pair_data(pair), **more})
    else:
        for part in hops_view(traces, pair):
            console().print(part)
        for also in differ[1:]:
            typer.echo(f"  also: {also.text}")
        if fix:
            typer.echo(f"  fix: {fix}")
    if not pair.ok:
        raise typer.Exit(1)


def _fix(plan: Plan, file: str, differ: Sequence[Deviation]) -> str:
    """Return the command that makes the lab as planned: on the node where one there is enough."""
    if len(differ) == 1 and differ[0].command:
        where = f"{file} {differ[0].node}{whose(plan)}"
        return f"labiac exec {where} -- {shlex.join(differ[0].command)}"
    return up_command(plan, file) if differ else ""
