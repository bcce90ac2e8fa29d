"""Commands that look at what runs, for a class: status, verify, exec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.cli.classes.room import PARALLEL, Only, Parallel, Roster, counted, members, room
from labiac.cli.dashes import AfterDashes, command_of
from labiac.cli.options import BackendName, File, Json, Node, as_typed, chosen, lab_name
from labiac.cli.output import INTERRUPTED, console, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Found, Ran
    from labiac.fleet.classroom import Outcome
    from labiac.fleet.ledger import Entry
    from labiac.fleet.roster import Student
    from labiac.host.process import Interrupts

app = typer.Typer()

PATIENCE_S = 60.0
"""How long a command on a node may take unless the user says otherwise, seconds."""


@app.command()
def status(file: File, roster: Roster, *, only: Only = "", json: Json = False) -> None:
    """Show whose copy is up, and what came of the last up or destroy."""
    from labiac.backends import found_here
    from labiac.cli.tables import table
    from labiac.fleet.ledger import Ledger

    lab, students = lab_name(file), members(roster, only)
    here = {found.copy.student: found for found in found_here() if found.copy.lab == lab}
    ledger = Ledger(lab)
    known = [(who, here.get(who.copy), ledger.last(who.copy)) for who in students]
    if json:
        write_json({"students": [_status_data(*each) for each in known]})
        return
    rows = table("student", "group", "backend", "nodes", "last")
    for who, found, last in known:
        nodes = _nodes(found) if found else "not up"
        rows.add_row(who.student, who.group, found.backend if found else "", nodes, _last(last))
    console().print(rows)
    up = sum(found is not None for _, found, _ in known)
    typer.echo(f"{counted(len(students))}, {up} up")


def _nodes(found: Found) -> str:
    """Return how many nodes of a copy run, and which do not."""
    down = [name for name, runs in found.nodes if not runs]
    running = len(found.nodes) - len(down)
    more = f", not {', '.join(down)}" if down else ""
    return f"{running} of {len(found.nodes)} run{more}"


def _last(last: Entry | None) -> str:
    if last is None:
        return ""
    return f"{last.what} failed: {last.reason.partition(chr(10))[0]}" if not last.ok else last.what


def _status_data(who: Student, found: Found | None, last: Entry | None) -> dict[str, Any]:
    return {
        "student": who.student,
        "copy": who.copy,
        "group": who.group,
        "up": found is not None,
        "backend": found.backend if found else None,
        "nodes": [{"name": name, "running": runs} for name, runs in found.nodes] if found else [],
        "last": {"what": last.what, "ok": last.ok, "reason": last.reason, "when": last.when}
        if last
        else None,
    }


@app.command()
def verify(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Measure every live copy against the prediction and the lab's checks."""
    from labiac.cli.classes.measured import measure, summed_up, verdicts_view

    outcomes, stopped = measure(room(file, roster, only, backend), parallel)
    if json:
        from labiac.cli.classes.measured import verdict_of

        write_json({"students": [verdict_of(each) for each in outcomes]})
    else:
        console().print(verdicts_view(outcomes))
        typer.echo(summed_up(outcomes))
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if not all(each.result and each.result.found.ok for each in outcomes):
        raise typer.Exit(1)


@app.command("exec", cls=AfterDashes)
def execute(
    ctx: typer.Context,
    file: File,
    node: Node,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long the command may take.")
    ] = PATIENCE_S,
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Run a command on one node of every copy; who gets the same output gets one answer."""
    from labiac.backends import open_backend
    from labiac.backends.base import Copy, Executes, glance, ref_of
    from labiac.cli.classes.board import Board
    from labiac.cli.classes.work import in_order
    from labiac.errors import LabError
    from labiac.fleet.classroom import each

    command, students = command_of(ctx), members(roster, only)
    lab, there = lab_name(file), open_backend(chosen(backend))
    status = f"{as_typed('class', 'status', file, '--roster', roster)} says whose copy is up"
    if not isinstance(there, Executes):
        raise LabError(f"backend {backend}", "cannot run commands", fix="use netns")

    def work(student: Student, _interrupts: Interrupts) -> Ran:
        """Run the command for *student*; a LabError says that the node is not up."""
        ref = ref_of(Copy(lab, student.copy), "machine", node)
        if (seen := glance(there, ref)) is None or not seen.running:
            raise LabError(f"{lab} {node}", "is not up, or no node of this lab", fix=status)
        return there.execute(ref, command, timeout_s=seconds)

    with Board(f"exec {lab} {node}", len(students)) as board:
        found, stopped = board.follow(each(students, work, at_once=parallel), _told)
    outcomes = in_order(found, students)
    if json:
        write_json({"students": [_ran_data(each) for each in outcomes]})
    else:
        _show_ran(outcomes)
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if not all(each.result and each.result.status == 0 for each in outcomes):
        raise typer.Exit(1)


def _told(outcome: Outcome[Ran]) -> tuple[bool, str]:
    if outcome.result is None:
        return False, f"failed: {outcome.reason}"
    status = outcome.result.status
    return status == 0, f"exit status {status} in {outcome.seconds:.1f} s"


def _ran_data(outcome: Outcome[Ran]) -> dict[str, Any]:
    ran = outcome.result
    return {
        "student": outcome.student.student,
        "copy": outcome.student.copy,
        "ok": ran is not None and ran.status == 0,
        "status": ran.status if ran else None,
        "stdout": ran.stdout.decode(errors="replace") if ran else "",
        "stderr": ran.stderr.decode(errors="replace") if ran else "",
        "seconds": round(outcome.seconds, 3),
        "reason": outcome.reason,
    }


def _show_ran(outcomes: Sequence[Outcome[Ran]]) -> None:
    from labiac.cli.classes.alike import alike, answers_view

    said = {}
    for outcome in outcomes:
        ran = outcome.result
        text = (ran.stdout + ran.stderr).decode(errors="replace") if ran else outcome.reason
        status = [f"exit status {ran.status}"] if ran and ran.status else []
        said[outcome.student.student] = (*text.splitlines(), *status)
    for line in answers_view(alike(said), empty="(no output)"):
        console().print(line, soft_wrap=True)
