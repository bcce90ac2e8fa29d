"""Machines switched off and on: start, stop, restart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import typer

from labiac.backends.base import Copy, Executes, Starts, Watch, Watched, ref_of
from labiac.cli.options import (
    BackendName,
    File,
    Json,
    Nodes,
    Student,
    destroy_command,
    node_of,
    planned,
    up_command,
)
from labiac.cli.output import note, write_json
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.cli.news import UnderWay
    from labiac.plan.model import Plan

    Work = Callable[[Starts, str], None]

app = typer.Typer()


@app.command()
def start(
    file: File,
    nodes: Nodes = None,
    *,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Switch nodes on that are off, and wait until they are ready, where one can tell."""
    plan = planned(file, student, backend)
    _each(plan, file, nodes, lambda there, ref: there.start(ref), runs=True, json=json)


@app.command()
def stop(
    file: File,
    nodes: Nodes = None,
    *,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Shut nodes down; their disks stay, and start switches them on again."""
    plan = planned(file, student, backend)
    _each(plan, file, nodes, lambda there, ref: there.stop(ref), runs=False, json=json)


@app.command()
def restart(
    file: File,
    nodes: Nodes = None,
    *,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Shut nodes down, and switch them on again, like start."""

    def again(there: Starts, ref: str) -> None:
        there.stop(ref)
        there.start(ref)

    _each(planned(file, student, backend), file, nodes, again, runs=True, json=json)


class _Switched(NamedTuple):
    """What came of one node: how long it took, and why it did not work, if so."""

    name: str
    seconds: float
    error: LabError | None


def _each(
    plan: Plan, file: str, names: Sequence[str] | None, work: Work, *, runs: bool, json: bool
) -> None:
    """Do *work* on the machines of *plan* called *names*, all at once, and tell what came of it."""
    from labiac.backends import open_backend
    from labiac.plan.managed import is_entered

    machines = [node_of(plan, name) for name in names] if names else plan.machines
    backend = open_backend(plan.backend)
    if not isinstance(backend, Starts):
        problem = "its nodes have no power switch: they run from when they are made"
        fix = (
            f"{destroy_command(plan, file)} ends them, and {up_command(plan, file)} makes them anew"
        )
        raise LabError(f"backend {plan.backend}", problem, fix=fix)
    refs = {
        each.name: ref_of(Copy(plan.lab, plan.student), "machine", each.name) for each in machines
    }
    # What nobody can ask is on, and no more is known.
    on = "ready" if isinstance(backend, Executes) and is_entered(plan) else "on"
    done = _at_once(backend, refs, work, on if runs else "off")
    failed = [each for each in done if each.error]
    for said in dict.fromkeys(str(each.error) for each in failed):
        note(said)
    if json:
        write_json({"ok": not failed, "nodes": [_data(each, runs=runs) for each in done]})
    else:
        for each in done:
            if not each.error:
                typer.echo(f"{each.name} {on if runs else 'off'}   {each.seconds:.1f} s")
    if failed:
        raise typer.Exit(1)


def _at_once(backend: Starts, refs: dict[str, str], work: Work, word: str) -> list[_Switched]:
    """Do *work* on all of *refs*; a Ctrl-C ends the waiting, and nothing else."""
    from labiac.cli.news import UnderWay
    from labiac.host.progress import Progress

    cancelled = Event()

    def one(name: str, under_way: UnderWay) -> _Switched:
        watch = Watch(partial(under_way.say, name), cancelled)
        there = backend.watched(watch) if isinstance(backend, Watched) else backend
        begun, failure = time.monotonic(), None
        try:
            work(there, refs[name])
        except LabError as error:
            failure = error
        under_way.end(name, counts=failure is None)
        return _Switched(name, time.monotonic() - begun, failure)

    with Progress(word) as progress, ThreadPoolExecutor(len(refs) or 1) as pool:
        under_way = UnderWay(progress, len(refs), word)
        waiting = [pool.submit(one, name, under_way) for name in refs]
        try:
            return [each.result() for each in waiting]
        except KeyboardInterrupt:
            cancelled.set()
            raise


def _data(switched: _Switched, *, runs: bool) -> dict[str, object]:
    known = {"name": switched.name, "seconds": round(switched.seconds, 3)}
    if switched.error:
        return known | {"ok": False, "problem": str(switched.error)}
    return known | {"ok": True, "running": runs}
