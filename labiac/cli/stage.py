"""``labiac stage``: how far is a student, and the end of a stage for who is stuck in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from labiac.backends.base import Copy
from labiac.cli.options import BackendName, File, Json, Student, chosen, located
from labiac.cli.output import console, write_json
from labiac.errors import LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from labiac.backends.base import Backend
    from labiac.cli.verdict import Verdict
    from labiac.reach.checks import CheckResult
    from labiac.schema.lab import Lab

app = typer.Typer()
stages = typer.Typer(
    help="The stages of an exercise: check them, and bring a stuck student to the next.",
    no_args_is_help=True,
)
app.add_typer(stages, name="stage")


@app.callback()
def _options() -> None:
    """Stand beside the commands, so that they are a group."""


class _Stage(NamedTuple):
    """What was found of one stage."""

    name: str
    checks: Sequence[CheckResult]

    @property
    def done(self) -> bool:
        """Whether all its checks hold."""
        return all(each.ok for each in self.checks)


@stages.command()
def check(
    file: File,
    stage: Annotated[str, typer.Argument(metavar="[STAGE]", help="Just this one.")] = "",
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Measure which checks of a stage hold on the live lab; of all stages if none is named."""
    from labiac.backends import open_backend
    from labiac.cli.measure import insist_up
    from labiac.cli.verdict import by_stage
    from labiac.cli.verify import found_of
    from labiac.plan.resolve import resolve

    lab = _lab(file)
    names = [_named(lab, stage)] if stage else [each.name for each in lab.stages]
    plan = resolve(lab, student, chosen(backend))
    there = open_backend(plan.backend)
    insist_up(plan, there, file)
    wanted = tuple(each for each in plan.checks if each.stage in names)
    verdict = found_of(replace(plan, checks=wanted), there)
    found = [_Stage(*each) for each in by_stage(verdict.checks).items()]
    if json:
        write_json({"stages": _data(found, verdict)})
    else:
        console().print(_view(found))
        typer.echo(_conclusion(found, verdict))
    if not all(each.done for each in found):
        raise typer.Exit(1)


@stages.command()
def restore(
    file: File,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The stage that shall be done.")],
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Make the student's nodes as they are when STAGE is done; keep a copy of what was there."""
    from labiac.backends import open_backend
    from labiac.cli.measure import insist_up
    from labiac.fleet.stages import kept, restored
    from labiac.plan.resolve import resolve

    lab = _lab(file)
    _named(lab, stage)
    plan = resolve(lab, student, chosen(backend), stage=stage)
    there: Backend = open_backend(plan.backend)
    if there.features.boots:
        fix = "take a snapshot where each stage begins: labiac snapshot take, and restore"
        raise LabError(f"backend {there.name}", "restores no stages", fix=fix)
    insist_up(plan, there, file)
    copy = Copy(plan.lab, plan.student)
    theirs = [machine for machine in plan.machines if machine.student]
    here = kept(there, copy, theirs, stage)
    changed = restored(there, copy, here)
    if json:
        write_json({"ok": True, "stage": stage, "nodes": changed, "kept": str(here.file)})
        return
    what = ", ".join(changed) if changed else "nothing to change"
    typer.echo(f"{plan.lab} of {plan.student} is where stage {stage} is done: {what}")
    typer.echo(f"what was there is kept in {here.file}")


def _lab(file: str) -> Lab:
    from labiac.schema.load import load

    located(file)
    lab = load(file)
    if not lab.stages:
        fix = "say in stages: what the parts of the exercise are"
        raise LabError(lab.name, "has no stages", fix=fix)
    return lab


def _named(lab: Lab, name: str) -> str:
    """Return *name*, that of a stage of *lab*.

    Raises:
        UsageError: there is no such stage.
    """
    names = [each.name for each in lab.stages]
    if name not in names:
        raise UsageError(lab.name, f"has no stage {name}", fix=f"its stages: {', '.join(names)}")
    return name


def _view(found: Sequence[_Stage]) -> Table:
    from rich.text import Text

    from labiac.cli.tables import table

    rows = table("stage", "points", "", "check", "reason")
    rows.columns[1].justify = "right"
    for stage in found:
        for each in stage.checks:
            state = Text("holds", "green") if each.ok else Text("fails", "bold red")
            said = Text(each.check.title or str(each.check))
            if each.check.hint and not each.ok:
                said.append(f"\nhint: {each.check.hint}", "yellow")
            points = f"{each.got:g} of {each.check.points:g}"
            rows.add_row(stage.name, points, state, said, each.reason)
    return rows


def _conclusion(found: Sequence[_Stage], verdict: Verdict) -> str:
    points = f"{verdict.got:g} of {verdict.of:g} points"
    left = next((each.name for each in found if not each.done), "")
    return f"stage {left} is not done; {points}" if left else f"done; {points}"


def _data(found: Sequence[_Stage], verdict: Verdict) -> list[dict[str, Any]]:
    from labiac.cli.verdict import points_of, verdict_data

    checks = iter(verdict_data(verdict)["checks"])
    return [
        {
            "stage": each.name,
            "done": each.done,
            "points": points_of(each.checks),
            "checks": [next(checks) for _ in each.checks],
        }
        for each in found
    ]
