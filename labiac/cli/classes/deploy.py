"""Commands that change what runs, for a class: preview, up, refresh, destroy."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.backends.base import Copy
from labiac.cli.classes.room import (
    PARALLEL,
    Only,
    Parallel,
    Room,
    Roster,
    counted,
    members,
    room,
)
from labiac.cli.options import BackendName, File, Json, lab_name
from labiac.cli.output import console, note, write_json
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labiac.cli.classes.work import Done, Work
    from labiac.cli.comparison import Comparison
    from labiac.fleet.engine import Engine, Result
    from labiac.fleet.roster import Student

app = typer.Typer()

RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Just those for whom it was not done last time.")
]


@app.command()
def up(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    retry_failed: RetryFailed = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on though a check will not hold, or this host is too small."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Go on though machines lose their disks.")
    ] = False,
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Bring every student's copy up, or to what the lab file says now."""
    from labiac.cli.classes.apart import insist_apart
    from labiac.cli.classes.placed import insist_placed
    from labiac.cli.classes.size import insist_room
    from labiac.cli.classes.work import Work
    from labiac.cli.guard import possible, refuse

    whole = room(file, roster, only, backend)
    first, objections = possible(file, whole.students[0].student, backend)
    refuse(objections, force=force)
    students = _unfinished(whole.lab.name, whole.students, "up") if retry_failed else whole.students
    insist_room(whole, students, first, force=force)
    insist_apart(whole, students, first)
    insist_placed(whole, students)
    if not yes:
        _insist_disks_stay(whole, students, parallel)
    steps = len(first.networks) + len(first.machines)
    work = Work("up", whole.lab.name, partial(_up, whole), steps, kept=True)
    _conclude(work, *_timed(work, students, parallel), json=json)


@app.command()
def destroy(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    retry_failed: RetryFailed = False,
    json: Json = False,
) -> None:
    """Take every student's copy down, with all that labiac made for it."""
    from labiac.cli.classes.work import Work

    lab, students = lab_name(file), members(roster, only)
    if retry_failed:
        students = _unfinished(lab, students, "destroy")
    work = Work("destroy", lab, lambda engine, _who: engine.destroy(), kept=True)
    done, seconds = _timed(work, students, parallel)
    clean = _sweep(lab, done)
    _conclude(work, done, seconds, json=json, holds=clean)


@app.command()
def preview(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Show what up would change for the class; who gets the same gets one answer."""
    from labiac.cli.classes.work import leave, outcome_data, show_failures
    from labiac.cli.guard import possible

    whole = room(file, roster, only, backend)
    _, objections = possible(file, whole.students[0].student, backend)
    work, done = _previewed(whole, whole.students, parallel)
    found = _compared(whole, done)
    if json:
        said = {copy: each.data() for copy, each in found.items()}
        write_json(
            {
                "students": [
                    outcome_data(each) | said.get(each.student.copy, {}) for each in done.outcomes
                ]
            }
        )
    else:
        lines = {copy: _lines(each) for copy, each in found.items()}
        _show_alike(done, lines, empty="nothing changes")
        show_failures(work, done)
    for problem in objections:
        note(f"up will refuse it: {problem}")
    leave(done)


@app.command()
def refresh(
    file: File,
    roster: Roster,
    *,
    only: Only = "",
    parallel: Parallel = PARALLEL,
    json: Json = False,
) -> None:
    """Compare every live copy with what was deployed: host objects and reachability."""
    from labiac.cli.changes import OURS, drift, drift_text
    from labiac.cli.classes.work import Work, leave, outcome_data, show_failures

    work = Work("refresh", lab_name(file), lambda engine, _who: engine.refresh())
    done = work.all(members(roster, only), parallel)
    there = {
        who.copy: drift(result.steps)
        for who, result in done.well
        if any(step.type.startswith(OURS) for step in result.steps)
    }
    if json:
        drifts = {copy: {"up": True, "drift": found} for copy, found in there.items()}
        absent = {"up": False, "drift": []}
        write_json(
            {
                "students": [
                    outcome_data(each) | drifts.get(each.student.copy, absent)
                    for each in done.outcomes
                ]
            }
        )
    else:
        lines = {copy: tuple(map(drift_text, found)) for copy, found in there.items()}
        lines |= {who.copy: ("is not up",) for who, _ in done.well if who.copy not in there}
        _show_alike(done, lines, empty="all is as deployed")
        show_failures(work, done)
    leave(done, holds=len(there) == len(done.well) and not any(there.values()))


def _timed(work: Work, students: Sequence[Student], at_once: int) -> tuple[Done, float]:
    """Do *work* for *students*; return what came of it, and how many seconds it took."""
    started = time.monotonic()
    return work.all(students, at_once), time.monotonic() - started


def _conclude(work: Work, done: Done, seconds: float, *, json: bool, holds: bool = True) -> None:
    """Say what came of *work*, and exit with its status, or that of what does not hold."""
    from labiac.cli.classes.work import leave, outcome_data, show_failures, summary

    if json:
        ok = holds and len(done.well) == len(done.outcomes)
        told = [outcome_data(each) for each in done.outcomes]
        write_json({"ok": ok, "students": told, "seconds": round(seconds, 3)})
    else:
        show_failures(work, done)
        typer.echo(summary(work, done, seconds))
    leave(done, holds=holds)


def _unfinished(lab: str, students: Sequence[Student], what: str) -> tuple[Student, ...]:
    """Return those of *students* for whom *what* is not the last that was done."""
    from labiac.fleet.ledger import Ledger
    from labiac.fleet.settings import backends_in_state

    def done(student: Student) -> bool:
        entry = Ledger(lab).last(student.copy)
        if entry is None:  # of what is destroyed nothing is kept
            return what == "destroy" and not backends_in_state(Copy(lab, student.copy))
        return entry.ok and entry.what == what

    left = tuple(student for student in students if not done(student))
    note(f"{counted(len(left))} of {len(students)} left to {what}")
    return left


def _up(whole: Room, engine: Engine, student: Student) -> Result:
    from labiac.provider.program import run

    return engine.up(partial(run, whole.plan(student), student.host))


def _sweep(lab: str, done: Done) -> bool:
    """Delete what is left of copies that are destroyed; return whether all of it could be.

    Killed runs may have left something on this host, and labiac its notes of them.
    """
    from labiac.backends import sweep
    from labiac.fleet.traces import forget

    gone = {who.copy: who.student for who, _ in done.well}
    try:
        for copy, ref in sweep(lab, gone):
            note(f"{gone[copy]}: {ref}, which a killed run had left")
    except LabError as error:
        note(f"what killed runs may have left is not deleted: {error}")
        return False
    for student in gone:
        forget(Copy(lab, student))
    return True


def _previewed(whole: Room, students: Sequence[Student], at_once: int) -> tuple[Work, Done]:
    """Return what the engine would do for *students*."""
    from labiac.cli.classes.work import Work
    from labiac.provider.program import run

    def work(engine: Engine, student: Student) -> Result:
        return engine.preview(partial(run, whole.plan(student), student.host))

    asked = Work("preview", whole.lab.name, work)
    return asked, asked.all(students, at_once)


def _compared(whole: Room, done: Done) -> dict[str, Comparison]:
    """Return what differs, by copy, from what is deployed to the lab file."""
    from labiac.backends import open_backend
    from labiac.cli.changes import previewed

    features = open_backend(whole.backend).features
    return {
        who.copy: previewed(result.steps, whole.plan(who), features) for who, result in done.well
    }


def _lines(found: Comparison) -> tuple[str, ...]:
    """Return what people read of *found*; nothing where nothing changes."""
    from labiac.cli.diff import comparison_view

    if not (found.changes or found.turned):
        return ()
    return tuple(line for each in comparison_view(found) for line in str(each).split("\n"))


def _insist_disks_stay(whole: Room, students: Sequence[Student], at_once: int) -> None:
    """Go no further where machines of the class would lose their disks.

    Raises:
        LabError: some would.
    """
    from labiac.cli.changes import disks_lost
    from labiac.cli.guard import has_disks

    with_disks = [student for student in students if has_disks(whole.plan(student))]
    if not with_disks:
        return
    _, done = _previewed(whole, with_disks, at_once)
    lost = {copy: disks_lost(each) for copy, each in _compared(whole, done).items()}
    detail = [
        f"{who.student}: {', '.join(change.item for change in lost[who.copy])}"
        for who in with_disks
        if lost.get(who.copy)
    ]
    if detail:
        raise LabError(
            whole.lab.name,
            f"machines of {counted(len(detail))} would lose what is on their disks",
            detail="\n".join(detail),
            fix=f"up --yes goes on; labiac class preview {whole.file} says why",
        )


def _show_alike(done: Done, lines: Mapping[str, tuple[str, ...]], *, empty: str) -> None:
    """Print *lines*, which are by copy, once for all who have the same."""
    from labiac.cli.classes.alike import alike, answers_view

    said: dict[str, Any] = {
        each.student.student: lines[each.student.copy]
        for each in done.outcomes
        if each.student.copy in lines
    }
    for line in answers_view(alike(said), empty=empty):
        console().print(line, soft_wrap=True)
