"""Commands about this machine: which labs are here, and what it can run."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.backends import found_here
from labiac.cli.options import File, Json, backend_names, chosen, planned
from labiac.cli.output import console, write_json
from labiac.errors import Problem

if TYPE_CHECKING:
    from labiac.backends.base import Found

app = typer.Typer()


@app.command()
def status(file: File = "", json: Json = False) -> None:
    """Show which labs are up on this machine, whose, and on what."""
    lab = planned(file, "local", "auto").lab if file else ""
    found = [copy for copy in found_here() if lab in ("", copy.copy.lab)]
    if json:
        write_json({"labs": [_found_data(each) for each in found]})
        return
    from labiac.cli.tables import table

    labs = table("lab", "student", "backend", "nodes")
    for each in found:
        nodes = ", ".join(name if runs else f"{name} (off)" for name, runs in each.nodes)
        labs.add_row(each.copy.lab, each.copy.student, each.backend, nodes)
    if found:
        console().print(labs)
    else:
        typer.echo(f"{lab or 'no lab'} is {'not ' if lab else ''}up")


def _found_data(found: Found) -> dict[str, Any]:
    return {
        "lab": found.copy.lab,
        "student": found.copy.student,
        "backend": found.backend,
        "nodes": [{"name": name, "running": runs} for name, runs in found.nodes],
    }


@app.command()
def doctor(
    conformance: Annotated[
        str,
        typer.Option(
            metavar="BACKEND",
            help="Try a lab on it end to end, and write a report that names nobody.",
            autocompletion=backend_names,
        ),
    ] = "",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where that report goes.")
    ] = Path(),
    json: Json = False,
) -> None:
    """Say what this machine can run, what is missing, and how to get it."""
    if conformance:
        from labiac.cli.conformance.command import prove

        prove(chosen(conformance), output, json=json)
        return
    from labiac.backends import here

    health = {name: _problems(name) for name in here()}
    if json:
        write_json({"backends": [_health_data(name, found) for name, found in health.items()]})
    else:
        for name, problems in health.items():
            typer.echo(f"{name}: {'ready' if _ready(problems) else 'not ready'}")
            for problem in problems:
                typer.echo(indent(str(problem), "  "))
    sought = {"netns"} & health.keys() or {"hyperv", "virtualbox"}  # what `auto` chooses from
    if not any(_ready(health[name]) for name in sought):
        raise typer.Exit(1)


def _problems(name: str) -> list[Problem]:
    """Return what stands in the way of the smallest lab on backend *name*, and of Pulumi."""
    from labiac.backends import open_backend
    from labiac.plan.model import Plan

    empty = Plan("doctor", "local", name, networks=(), machines=(), checks=())
    return [*open_backend(name).check(empty), *_engine_problems()]


def _engine_problems() -> list[Problem]:
    from shutil import which

    from labiac.fleet.pulumi_cli import own_cli

    if which("pulumi") or own_cli().path.exists():
        return []
    problem, fix = "no Pulumi CLI yet", "labiac up gets one, once; or install it yourself"
    return [Problem("pulumi", "", problem, fix, level="warning")]


def _ready(problems: list[Problem]) -> bool:
    return not any(problem.level == "error" for problem in problems)


def _health_data(name: str, problems: list[Problem]) -> dict[str, Any]:
    return {
        "name": name,
        "ready": _ready(problems),
        "problems": [{"problem": each.problem, "fix": each.fix} for each in problems],
    }
