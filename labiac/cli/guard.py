"""What stands between `up` and a lab that it would harm: what `check` calls wrong, lost disks."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from labiac.backends.base import Copy
from labiac.cli.changes import disks_lost
from labiac.cli.comparison import sign, title
from labiac.cli.options import as_typed, up_command
from labiac.cli.output import note
from labiac.errors import DescriptionError, LabError, UnsupportedError
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from labiac.cli.comparison import Comparison
    from labiac.errors import Problem
    from labiac.plan.diff import Change
    from labiac.plan.model import Plan


def possible(
    file: str, student: str, backend: str, *, start: bool = True
) -> tuple[Plan, list[Problem]]:
    """Return the plan of the lab that the user named, and what is so wrong that `up` refuses it.

    What is just odd is told. Without *start*, machines that boot are made and not started.

    Raises:
        UnsupportedError: its backend cannot make it.
    """
    from labiac.cli.findings import examined

    plan, problems, doubts = examined(file, student, backend, start=start)
    if any(problem.level == "error" for problem in problems):
        raise UnsupportedError(problems)
    for problem in (*problems, *(each for each in doubts if each.level == "warning")):
        note(f"{problem.level}: {problem}")
    return plan, [each for each in doubts if each.level == "error"]


def has_disks(plan: Plan) -> bool:
    """Return whether machines of *plan* have disks, or those that are up in their place."""
    from labiac.backends import open_backend
    from labiac.fleet.settings import backends_in_state

    backends = {plan.backend} | backends_in_state(Copy(plan.lab, plan.student))
    return any(open_backend(name).features.boots for name in backends)


def refuse(objections: Sequence[Problem], *, force: bool) -> None:
    """Go no further with a lab where there are *objections*, unless the user says so.

    Raises:
        DescriptionError: there are some, and no *force*.
    """
    if objections and not force:
        way_out = "; up --force goes on all the same"
        raise DescriptionError([replace(each, fix=each.fix + way_out) for each in objections])
    for each in objections:
        note(f"goes on by --force: {replace(each, fix='')}")


def keep_disks(found: Comparison, file: str, *, ask: bool) -> None:
    """Go no further with *found* where machines would lose their disks, unless a person agrees.

    Args:
        found: What `up` is about to do.
        file: The lab, as the user names it.
        ask: Whether there may be a person to ask; there is none without a terminal.

    Raises:
        LabError: nobody could be asked, or agreed.
    """
    lost = disks_lost(found)
    if not lost:
        return
    whose = f"{found.new.lab} of {found.new.student}"
    machines = "machine" if len(lost) == 1 else "machines"
    count = f"{len(lost)} {machines} would lose what is on their disks"
    fix = f"{up_command(found.new, file)} --yes goes on; {as_typed('preview', file)} says why"
    agreed(whose, count, [*map(_loss, lost), *without(snapshots_lost(found))], fix=fix, ask=ask)


def agreed(whose: str, loss: str, lines: Sequence[str], *, fix: str, ask: bool) -> None:
    """Go no further towards a *loss*, of which *lines* tell more, unless a person agrees.

    Args:
        whose: What it is about.
        loss: What would be lost.
        lines: More of it.
        fix: The command that does not ask.
        ask: Whether there may be a person to ask; there is none without a terminal.

    Raises:
        LabError: nobody could be asked, or agreed.
    """
    if not (ask and sys.stdin.isatty()):
        raise LabError(whose, loss, detail="\n".join(lines), fix=fix)
    note("\n".join([f"{whose}: {loss}", *(f"  {each}" for each in lines)]))
    if not typer.confirm("Go on?", err=True):
        raise LabError(whose, "nothing was changed", fix=fix)


def snapshots_lost(found: Comparison) -> list[str]:
    """Return the names of the snapshots that can't be restored after *found*: disks go with it."""
    lost = {each.was.name for each in disks_lost(found) if isinstance(each.was, Machine)}
    return snapshots_of(found.old, lost)


def snapshots_of(plan: Plan, nodes: Collection[str]) -> list[str]:
    """Return the names of the snapshots of the copy of *plan* that need the disks of *nodes*."""
    from labiac.backends import open_backend
    from labiac.backends.snapshots import KeepsSnapshots

    backend = open_backend(plan.backend)
    if not nodes or not isinstance(backend, KeepsSnapshots):
        return []
    known = backend.snapshots(Copy(plan.lab, plan.student)).all()
    return [each.name for each in known if not each.lost and set(each.nodes).intersection(nodes)]


def without(snapshots: Sequence[str]) -> Iterator[str]:
    """Yield the line that tells of *snapshots* that go, if there are any."""
    if snapshots:
        yield f"- snapshot{'s' * (len(snapshots) > 1)} {', '.join(snapshots)}: lost with the disk"


def _loss(change: Change) -> str:
    """Return why a machine loses its disk: ``± PC pc1   replace: disk 10 GiB -> 20 GiB``."""
    why = next((f": {each.field} {each.was} -> {each.now}" for each in change.fields), "")
    cause = change.effect + (why if change.effect == "replace" else "")
    return f"{sign(change)} {title(change)}   {cause}"
