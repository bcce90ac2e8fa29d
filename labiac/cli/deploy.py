"""Commands that change what runs, through the Pulumi engine: preview, up, refresh, destroy."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.backends.base import Copy
from labiac.cli.options import (
    BackendName,
    File,
    Json,
    Student,
    as_typed,
    lab_name,
    planned,
    up_command,
    whose,
)
from labiac.cli.output import INTERRUPTED, console, note, write_failure, write_json
from labiac.errors import LabError, Problem, UsageError
from labiac.plan.model import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.cli.comparison import Comparison
    from labiac.fleet.engine import Engine, Result
    from labiac.fleet.events import Step
    from labiac.reach.matrix import Pair

app = typer.Typer()

SETTLE_S = 60
"""How long ``destroy --wait`` waits for the host, seconds: it takes 20 ms a LAN, one by one."""


@app.command()
def preview(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Show what up would change, whom that disturbs, and who could no longer reach whom."""
    from labiac.cli.changes import image_text, images_changed
    from labiac.cli.diff import comparison_view
    from labiac.cli.guard import possible, snapshots_lost, without

    plan, objections = possible(file, student, backend)
    steps = _previewed(plan, json=json)
    found, images = _compared(plan, steps), images_changed(steps)
    lost = snapshots_lost(found)
    if json:
        write_json(found.data() | {"images": images, "snapshots_lost": lost})
    else:
        for line in (*map(image_text, images), *comparison_view(found), *without(lost)):
            console().print(line, soft_wrap=True)
    for problem in objections:
        note(f"up will refuse it: {problem}")


@app.command()
def up(
    file: File,
    *,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Define virtual machines, do not start them.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on though a check will not hold, or something can't be meant."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before a machine loses its disk.")
    ] = False,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Bring a lab up, or to what its file says now; then measure who reaches whom."""
    from labiac.cli.guard import has_disks, keep_disks, possible, refuse

    plan, objections = possible(file, student, backend, start=not no_start)
    refuse(objections, force=force)
    if not yes and has_disks(plan):
        keep_disks(_compared(plan, _previewed(plan, json=json)), file, ask=not json)
    result = operate(plan, "up", lambda engine: engine.up(program_of(plan)))
    if no_start and all(machine.start for machine in plan.machines):
        note(f"backend {plan.backend} has nothing to start: its nodes run from when they are made")
    pairs = _live_pairs(plan) if result.ok and not no_start else []
    if json:
        from labiac.cli.verdict import pair_data

        write_json(result_data(result) | {"pairs": [pair_data(pair) for pair in pairs]})
    elif result.ok:
        _show_up(plan, file, result, pairs)
    _exit_unless(result)


@app.command()
def refresh(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Compare the live lab with what was deployed: host objects and reachability."""
    from labiac.cli.changes import OURS, drift, drift_text

    plan = planned(file, student, backend)
    result = operate(plan, "refresh", lambda engine: engine.refresh())
    _insist(result, json=json)
    if not any(step.type.startswith(OURS) for step in result.steps):
        raise LabError(f"{plan.lab} of {plan.student}", "is not up", fix=up_command(plan, file))
    found = drift(result.steps)
    if json:
        write_json({"drift": found})
    else:
        for each in found:
            typer.echo(drift_text(each))
        differ = "differs" if len(found) == 1 else "differ"
        said = f"{len(found)} {differ} from what was deployed" if found else "all is as deployed"
        typer.echo(said)
    if found:
        note(f"  fix: {up_command(plan, file)} brings it back to what the file says")
        raise typer.Exit(1)


@app.command()
def destroy(
    file: File = "",
    lab: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the lab, without its file.")
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when the host, too, is done with it.")
    ] = False,
    student: Student = "local",
    json: Json = False,
) -> None:
    """Take a copy down, with all that labiac made for it. The lab file is not needed."""
    from labiac.backends import settled
    from labiac.plan.names import student_name

    if bool(file) == bool(lab):
        raise UsageError("destroy", "no lab, or two", fix="give a FILE, or --lab NAME")
    try:
        copy = Copy(lab or lab_name(file), student_name(student))
    except UsageError as error:
        fix = f"without its file: {as_typed('destroy', '--lab', file)}"
        raise UsageError(error.where, error.problem, fix=fix) from None
    result, swept = taken_down(copy)
    if wait and not settled(timeout_s=SETTLE_S):
        note(f"the host is still busy after {SETTLE_S} s; it goes on by itself")
    if json:
        write_json(result_data(result) | {"swept": swept})
    elif result.ok:
        typer.echo(f"{copy.lab} of {copy.student} is gone: {counted(result, swept=len(swept))}")
    _exit_unless(result)


def taken_down(copy: Copy) -> tuple[Result, list[str]]:
    """Delete *copy*; return what came of it, and the refs of what its state did not know of."""
    from labiac.backends import sweep
    from labiac.fleet.traces import forget

    result = operate(copy, "destroy", lambda engine: engine.destroy())
    swept = []
    if result.ok:
        for _, ref in sweep(copy.lab, {copy.student}):
            note(f"  - {ref}, which a killed run had left")
            swept.append(ref)
        forget(copy)
    return result, swept


def _previewed(plan: Plan, *, json: bool) -> Sequence[Step]:
    """Return what the engine would do to make *plan* of what is deployed."""
    result = operate(plan, "preview", lambda engine: engine.preview(program_of(plan)))
    _insist(result, json=json)
    return result.steps


def _compared(plan: Plan, steps: Sequence[Step]) -> Comparison:
    """Return what differs from what is deployed, as *steps* of a preview found it, to *plan*."""
    from labiac.backends import open_backend
    from labiac.cli.changes import previewed

    return previewed(steps, plan, open_backend(plan.backend).features)


def program_of(plan: Plan) -> Callable[[], None]:
    """Return the program that declares the copy of *plan* to the engine."""
    from labiac.provider.program import run

    return partial(run, plan)


def operate(copy: Copy | Plan, what: str, work: Callable[[Engine], Result]) -> Result:
    """Do *work* with the engine, showing progress; say on stderr what went wrong.

    Args:
        copy: Whose copy of which lab; of a plan that is brought up, its machines are counted.
        what: What is done: ``up``.
        work: Does it.
    """
    from labiac.cli.news import Ticker
    from labiac.fleet.engine import Engine
    from labiac.host.progress import Progress

    whose = Copy(copy.lab, copy.student)
    machines = len(copy.machines) if what == "up" and isinstance(copy, Plan) else 0
    with Progress(f"{what} {copy.lab}") as progress:
        ticker = Ticker(progress, machines=machines, lines=what in {"up", "destroy"})
        result = work(Engine(whose, ticker))
    for text in (*result.notes, *result.errors):
        note(text)
    return result


def _insist(result: Result, *, json: bool) -> None:
    """Go no further with what failed; its errors are on stderr already."""
    if json and not result.ok:
        write_failure(Problem("", "", error) for error in result.errors)
    _exit_unless(result)


def _exit_unless(result: Result) -> None:
    """Exit with the status of what failed, or was interrupted."""
    if not result.ok:
        raise typer.Exit(INTERRUPTED if result.cancelled else 1)


def result_data(result: Result) -> dict[str, Any]:
    """Return *result* as programs read it."""
    nothing = dict.fromkeys(("create", "update", "delete", "same"), 0)
    return {
        "ok": result.ok,
        "resources": nothing | result.changes,
        "seconds": round(result.seconds, 3),
        "problems": list(result.errors),
    }


def counted(result: Result, *, swept: int = 0) -> str:
    """Return what was done, and how long it took: ``11 create in 0.8 s``.

    Args:
        result: What came of the operation.
        swept: How many things were deleted beside it, which its state did not know of.
    """
    counts = [f"{count} {what}" for what, count in sorted(result.changes.items())]
    counts += [f"{swept} left by a killed run"] if swept else []
    return f"{', '.join(counts) or 'nothing to do'} in {result.seconds:.1f} s"


def _live_pairs(plan: Plan) -> Sequence[Pair]:
    """Return the pairs of end nodes as the live lab has them."""
    from labiac.backends.base import Measures
    from labiac.cli.measure import matrices
    from labiac.plan.managed import is_entered
    from labiac.provider.lifecycle import backend

    opened = backend(plan.backend)
    if not isinstance(opened, Measures) or not is_entered(plan):
        how = "measures nothing" if is_entered(plan) else "measures nothing without management: ssh"
        note(f"backend {plan.backend} {how}: who reaches whom is a forecast")
        return []
    _, live = matrices(plan, opened)
    return [live[ends] for ends in permutations(plan.end_nodes, 2)]


def _show_up(plan: Plan, file: str, result: Result, pairs: Sequence[Pair]) -> None:
    """Print the lab, who reaches whom, and what to try next."""
    from labiac.cli.show import show
    from labiac.cli.tables import matrix_view

    out = console()
    show(plan, out)
    out.print()
    if pairs:
        for part in matrix_view(pairs):
            out.print(part)
    out.print(f"{plan.lab} of {plan.student} on {plan.backend}: {counted(result)}")
    tries = _to_try(plan, file)
    if tries:
        out.print("\nTry:")
    for line in tries:
        out.print(f"  {line}", soft_wrap=True)


def _to_try(plan: Plan, file: str) -> list[str]:
    """Return a few commands that show the lab at work; none where nothing runs on a node."""
    from labiac.backends import open_backend
    from labiac.backends.base import Executes
    from labiac.plan.managed import is_entered

    backend = open_backend(plan.backend)
    if not all(machine.start for machine in plan.machines):
        return [up_command(plan, file)]
    if not isinstance(backend, Executes) or not is_entered(plan):
        return []
    nodes = plan.end_nodes or tuple(machine.name for machine in plan.machines)
    if not nodes:
        return [as_typed("status", file)]
    first, last = nodes[0], nodes[-1]
    return [
        f"{as_typed('exec', file, first)}{whose(plan)} -- ping -c3 {last}",
        as_typed("shell", file, first) + whose(plan),
        f"{as_typed('capture', file, last)}{whose(plan)} | wireshark -k -i -",
    ]
