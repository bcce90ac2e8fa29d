"""Drawings: of a lab, and of what the last measurement of its copy found."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.cli.options import (
    BackendName,
    File,
    Output,
    Student,
    as_typed,
    planned,
    up_command,
    whose,
)
from labiac.cli.output import emit
from labiac.errors import LabError

if TYPE_CHECKING:
    from labiac.cli.draw.picture import Picture
    from labiac.fleet.measured import Measured
    from labiac.plan.model import Plan

app = typer.Typer()


class Form(StrEnum):
    """How `graph` draws."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    PNG = "png"


@app.command()
def graph(
    file: File,
    *,
    form: Annotated[Form, typer.Option("--format", help="How to draw it.")] = Form.MERMAID,
    output: Output = None,
    live: Annotated[
        bool, typer.Option("--live", help="In the colours of the last verify.")
    ] = False,
    student: Student = "local",
    backend: BackendName = "auto",
) -> None:
    """Draw the topology."""
    from labiac.cli.draw.picture import plain
    from labiac.cli.draw.topology import topology

    plan = planned(file, student, backend)
    picture = _measured(plan, file) if live else plain(topology(plan))
    emit(_drawn(picture, form), output)


def _drawn(picture: Picture, form: Form) -> bytes:
    if form is Form.MERMAID:
        from labiac.cli.draw.mermaid import mermaid

        return mermaid(picture).encode()
    from labiac.cli.draw.graph import dot, rendered

    return dot(picture).source.encode() if form is Form.DOT else rendered(picture, form)


def _measured(plan: Plan, file: str) -> Picture:
    from labiac.backends import open_backend
    from labiac.backends.base import Copy, glance, ref_of
    from labiac.cli.draw.live import live
    from labiac.cli.draw.topology import topology
    from labiac.fleet.measured import mark, recall

    verify = as_typed("verify", file) + whose(plan)
    found = recall(plan)
    if found is None:
        raise LabError(f"{plan.lab} of {plan.student}", "was not measured yet", fix=verify)
    there, copy = open_backend(plan.backend), Copy(plan.lab, plan.student)
    refs = {node.name: ref_of(copy, "machine", node.name) for node in plan.machines}
    nodes = {name: glance(there, ref) for name, ref in refs.items()}
    running = {name for name, node in nodes.items() if node is not None and node.running}
    notes = [_told(found)]
    if found.plan != mark(plan):
        notes.append(f"the lab file has changed since; measure again: {verify}")
    if plan.machines and not running:
        notes.append(f"nothing of it runs now: {up_command(plan, file)}")
    return live(topology(plan), found.outcomes, running, notes)


def _told(found: Measured) -> str:
    """Return when it was measured, and how much was as predicted."""
    now = datetime.now(UTC)
    local, today = found.when.astimezone(), now.astimezone()
    day = "" if local.date() == today.date() else f"{local:%Y-%m-%d} "
    agree = sum(each.live == each.predicted for each in found.outcomes)
    more = sum(each.agrees for each in found.outcomes) - agree
    gained = f", {more} gained by the student" if more else ""
    return (
        f"as measured {day}{local:%H:%M}, {_ago((now - found.when).total_seconds())}: "
        f"{agree} of {len(found.outcomes)} pairs as predicted{gained}"
    )


def _ago(seconds: float) -> str:
    """Return a length of time in the largest unit that it fills: ``2 minutes ago``."""
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length_s:
            count = int(seconds // length_s)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
