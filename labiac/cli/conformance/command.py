"""Runs the trial of a backend, tells what comes of it, and writes the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labiac.cli.conformance.report import line, report, text, write
from labiac.cli.conformance.run import run
from labiac.cli.conformance.steps import STEPS
from labiac.cli.conformance.trial import Trial
from labiac.cli.output import INTERRUPTED, note, unwritable, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.cli.conformance.run import Tried


def prove(backend: str, folder: Path, *, json: bool) -> None:
    """Try the practical on *backend* end to end, and write the report into *folder*.

    Raises:
        LabError: the report can't be written.
        typer.Exit: a step failed, or somebody stopped it.
    """
    trial = Trial(backend)
    plan = trial.plan()
    note(f"trying {plan.lab} of {trial.student} on {backend}; all of it is deleted at the end")

    def tell(tried: Tried) -> None:
        (note if json else typer.echo)(line(tried, plan))

    trials = run(trial, STEPS, tell)
    data = report(trial, trials)
    try:
        files = write(folder, data, text(data, trials, plan))
    except OSError as error:
        raise unwritable(folder, error) from None
    if json:
        write_json(data)
    note(f"wrote {' and '.join(map(str, files))}: read them, and send them to us")
    if not trials.ok:
        raise typer.Exit(INTERRUPTED if trials.interrupted else 1)
