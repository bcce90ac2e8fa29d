"""Commands that only look at a lab file: nothing on the host is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import (
    BackendName,
    File,
    Json,
    Node,
    Student,
    end_of,
    node_of,
    planned,
)
from labiac.cli.output import console, problem_data, write_json
from labiac.errors import DescriptionError, Problem, UsageError

if TYPE_CHECKING:
    from labiac.plan.model import Plan

app = typer.Typer()


@app.command()
def check(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Say everything that is wrong with a lab file, and whether its checks would hold."""
    problems, plan = _everything_wrong(file, student, backend)
    if json:
        write_json({"problems": [problem_data(problem) for problem in problems]})
    else:
        for problem in problems:
            typer.echo(f"{problem}" if problem.level == "error" else f"{problem.level}: {problem}")
        if plan is not None:
            typer.echo(_tally(plan))
    if any(problem.level == "error" for problem in problems):
        raise typer.Exit(1)


def _everything_wrong(file: str, student: str, backend: str) -> tuple[list[Problem], Plan | None]:
    from labiac.cli.findings import examined

    try:
        found = examined(file, student, backend)
    except DescriptionError as error:
        return list(error.problems), None
    return [*found.unmakeable, *found.doubts], found.plan


def _tally(plan: Plan) -> str:
    from labiac.plan.lower import raised
    from labiac.reach.matrix import matrix

    lans = raised(plan).networks
    pairs = matrix(plan)
    reached = sum(pair.ok for pair in pairs)
    sizes = {"LAN": len(lans), "node": len(plan.machines), "check": len(plan.checks)}
    counts = ", ".join(f"{n} {word}" if n == 1 else f"{n} {word}s" for word, n in sizes.items())
    return f"{plan.lab}: {counts}; {reached} of {len(pairs)} pairs will reach each other"


@app.command()
def plan(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Show what will exist, with every default a value."""
    the_plan = planned(file, student, backend)
    if json:
        from labiac.plan.document import summary

        write_json(summary(the_plan))
        return
    from labiac.cli.show import show
    from labiac.cli.tables import plan_view

    out = console()
    show(the_plan, out)
    for part in plan_view(the_plan):
        out.print(part)


@app.command()
def reach(
    file: File,
    *,
    source: Annotated[str, typer.Option("--from", metavar="NODE", help="Who asks.")] = "",
    target: Annotated[str, typer.Option("--to", metavar="NODE", help="Who shall answer.")] = "",
    all_nodes: Annotated[bool, typer.Option("--all", help="Routers too.")] = False,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Predict who reaches whom, and why not; of one pair, hop by hop."""
    from labiac.reach.matrix import matrix
    from labiac.reach.trace import hops_data, trace

    the_plan = planned(file, student, backend)
    for name in filter(None, (source, target)):
        end_of(the_plan, name)
    if source and source == target:
        raise UsageError("reach", f"{source} is on both ends", fix="name two nodes")
    pairs = [
        pair
        for pair in matrix(the_plan, all_nodes=all_nodes or bool(source or target))
        if source in ("", pair.source) and target in ("", pair.target)
    ]
    traces = trace(the_plan, source, target) if source and target else ()
    if json:
        from labiac.cli.verdict import pair_data

        hops = {"hops": hops_data(traces)} if source and target else {}
        write_json({"pairs": [{**pair_data(pair), **hops} for pair in pairs]})
    else:
        from labiac.cli.hops import hops_view
        from labiac.cli.tables import matrix_view

        for part in hops_view(traces, pairs[0]) if source and target else matrix_view(pairs):
            console().print(part)
    if source and target and not pairs[0].ok:
        raise typer.Exit(1)


@app.command()
def render(
    file: File,
    node: Node,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Show the seed of one node: what a virtual machine reads on its first boot."""
    from labiac.plan.names import BOOTS

    the_plan = planned(file, student, backend if backend in BOOTS else "libvirt")
    seed = {part.name: part.text for part in node_of(the_plan, node).seed}
    if json:
        write_json(seed)
        return
    for name, text in seed.items():
        typer.echo(f"# --- {name}\n{text}")


@app.command()
def schema(json: Json = False) -> None:
    """Print the JSON Schema of a lab file, for editors."""
    del json  # it is JSON with and without
    from labiac.schema.lab import json_schema

    write_json(json_schema())
