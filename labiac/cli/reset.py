"""One node of a lab made anew: nothing of what was done on it is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.backends.base import Copy, Resets, Watch, Watched, glance, ref_of
from labiac.cli.options import (
    BackendName,
    File,
    Json,
    Node,
    Student,
    as_typed,
    node_of,
    planned,
    up_command,
    whose,
)
from labiac.cli.output import note, write_json
from labiac.errors import LabError
from labiac.plan.diff import Change

if TYPE_CHECKING:
    from labiac.backends.base import Backend
    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends

app = typer.Typer()


@app.command()
def reset(
    file: File,
    node: Node,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before the node loses its disk.")
    ] = False,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Make one node as it was when it was new: nothing of what was done on it is left."""
    from labiac.backends import open_backend

    plan = planned(file, student, backend)
    there, ref = open_backend(plan.backend), ref_of(Copy(plan.lab, plan.student), "machine", node)
    change = _anew(plan, node)
    if glance(there, ref) is None:
        where = f"{node} of {plan.lab} ({plan.student})"
        raise LabError(where, "is not up", fix=up_command(plan, file))
    pairs = _disturbed(plan, change)
    if there.features.boots and not yes:
        _ask(plan, file, node, ask=not json)
    begun = time.monotonic()
    _made_anew(there, ref, node)
    took_s = time.monotonic() - begun
    if json:
        disturbed = [" -> ".join(ends) for ends in pairs]
        write_json({"ok": True, "node": node, "seconds": round(took_s, 3), "disturbs": disturbed})
    else:
        typer.echo(f"{node} is as it was when it was new   {took_s:.1f} s")


def _anew(plan: Plan, node: str) -> Change:
    machine = node_of(plan, node)
    return Change("machine", node, (), "replace", machine, machine)


def _disturbed(plan: Plan, change: Change) -> tuple[Ends, ...]:
    """Return, and say, which pairs do not reach each other while the node is made anew."""
    from labiac.cli.comparison import pairs_text, title
    from labiac.reach.change import Passage

    pairs = Passage(plan, plan, [change]).disturbs(change)
    if pairs:
        note(f"until {title(change)} is back these do not reach each other: {pairs_text(pairs)}")
    return pairs


def _ask(plan: Plan, file: str, node: str, *, ask: bool) -> None:
    from labiac.cli.guard import agreed, snapshots_of, without

    fix = f"{as_typed('reset', file, node)}{whose(plan)} --yes goes on"
    lost = without(snapshots_of(plan, {node}))
    where = f"{node} of {plan.lab} ({plan.student})"
    agreed(where, "it would lose what is on its disk", list(lost), fix=fix, ask=ask)


def _made_anew(there: Backend, ref: str, node: str) -> None:
    """Reset the node, and show how far it is; a Ctrl-C ends the waiting, and nothing else."""
    from labiac.host.progress import Progress

    if not isinstance(there, Resets):
        fix = "labiac destroy, then labiac up makes all nodes anew"
        raise LabError(f"backend {there.name}", "makes no single node anew", fix=fix)
    with Progress(f"reset {node}") as progress:

        def say(news: str) -> None:
            progress.last = news

        if isinstance(there, Watched):
            there = there.watched(Watch(say))
        there.reset(ref)
