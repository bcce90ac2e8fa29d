"""Snapshots of a whole copy at one moment: take, list, restore, delete."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.backends.base import Copy
from labiac.cli.options import BackendName, File, Json, Student, chosen, lab_name, located
from labiac.cli.output import console, write_json
from labiac.errors import LabError
from labiac.host.progress import Progress

if TYPE_CHECKING:
    from labiac.backends.base import Backend, Snapshot
    from labiac.backends.snapshots import Snapshots

app = typer.Typer()
snapshots = typer.Typer(
    help="Snapshots of a whole lab at one moment: take, list, restore, delete.",
    no_args_is_help=True,
)
app.add_typer(snapshots, name="snapshot")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the snapshot.", show_default=False)
]


@app.callback()
def _options() -> None:
    """Stand beside the commands, so that they are a group."""


@snapshots.command()
def take(
    file: File,
    name: Name,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Keep the lab as it is now: memory and disk of all nodes (of containers, the disk)."""
    begun, kept = time.monotonic(), _kept(file, student, backend)
    with Progress(f"snapshot {name}"):
        taken = kept.take(name)
    _tell(taken, "is taken", begun, json=json)


@snapshots.command("list")
def list_snapshots(
    file: File, student: Student = "local", backend: BackendName = "auto", json: Json = False
) -> None:
    """Show the snapshots of a lab, the oldest first."""
    known = _kept(file, student, backend).all()
    if json:
        write_json({"snapshots": [_data(each) for each in known]})
        return
    from labiac.cli.tables import table

    rows = table("name", "taken", "nodes", "can be restored")
    for each in known:
        when = f"{datetime.fromtimestamp(each.taken, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
        rows.add_row(each.name, when, ", ".join(each.nodes), _verdict(each))
    if known:
        console().print(rows)
    else:
        typer.echo("there are no snapshots")


@snapshots.command()
def restore(
    file: File,
    name: Name,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Go back to a snapshot: what was done on the nodes since then is lost."""
    begun, kept = time.monotonic(), _kept(file, student, backend)
    with Progress(f"going back to snapshot {name}"):
        restored = kept.restore(name)
    _tell(restored, "is restored", begun, json=json)


@snapshots.command()
def delete(
    file: File,
    name: Name,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Delete a snapshot; the lab stays as it is."""
    _kept(file, student, backend).forget(name)
    if json:
        write_json({"ok": True, "name": name})
    else:
        typer.echo(f"snapshot {name} is deleted")


def _kept(file: str, student: str, name: str) -> Snapshots:
    """Return the snapshots of the copy that the backend called *name* has.

    Raises:
        UsageError: there is no such lab *file*.
        LabError: it keeps no snapshots.
    """
    from labiac.backends import open_backend
    from labiac.backends.snapshots import KeepsSnapshots
    from labiac.plan.names import student_name

    located(file)
    backend: Backend = open_backend(chosen(name))
    if not isinstance(backend, KeepsSnapshots):
        why = "in this version"
        if not backend.features.boots:
            why = "of nodes that have neither a memory nor a disk of their own"
        fix = (
            "labiac reset makes one node anew, labiac destroy and labiac up all of"
            " them; virtual machines have snapshots (--backend libvirt, --backend virtualbox)"
        )
        raise LabError(f"backend {backend.name}", f"keeps no snapshots {why}", fix=fix)
    return backend.snapshots(Copy(lab_name(file), student_name(student)))


def _tell(snapshot: Snapshot, what: str, begun: float, *, json: bool) -> None:
    took_s = time.monotonic() - begun
    if json:
        write_json({"ok": True, "snapshot": _data(snapshot), "seconds": round(took_s, 3)})
    else:
        count = f"{len(snapshot.nodes)} node{'s' * (len(snapshot.nodes) != 1)}"
        typer.echo(f"snapshot {snapshot.name} {what}: {count} in {took_s:.1f} s")


def _verdict(snapshot: Snapshot) -> str:
    if snapshot.lost:
        return f"no: it has nothing of {', '.join(snapshot.lost)}"
    return f"no: {'; '.join(snapshot.differs)}" if snapshot.differs else "yes"


def _data(snapshot: Snapshot) -> dict[str, Any]:
    taken = datetime.fromtimestamp(snapshot.taken, UTC)
    return {
        "name": snapshot.name,
        "taken": taken.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "plan": snapshot.plan,
        "nodes": list(snapshot.nodes),
        "lost": list(snapshot.lost),
        "differs": list(snapshot.differs),
    }
