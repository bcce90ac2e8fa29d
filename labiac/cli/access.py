"""A student's own way to their copy: access."""

from __future__ import annotations

from typing import Annotated

import typer

from labiac.backends.access import Grants
from labiac.backends.base import Copy
from labiac.cli.options import BackendName, File, Json, Student, chosen, lab_name, located
from labiac.cli.output import note, write_json
from labiac.errors import LabError

app = typer.Typer()


@app.command()
def access(
    file: File,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Close it again.")] = False,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Let a student at their own copy, from their own machine, and at nothing else (incus)."""
    from labiac.backends import open_backend
    from labiac.plan.names import student_name

    located(file)
    opened = open_backend(chosen(backend))
    if not isinstance(opened, Grants):
        fix = "use --backend incus; on any other, labiac shell is run on the host"
        raise LabError(f"backend {opened.name}", "lets nobody at a copy alone", fix=fix)
    copy = Copy(lab_name(file), student_name(student))
    if revoke:
        closed = opened.revoke(copy)
        if json:
            write_json({"ok": True, "closed": closed})
        else:
            note(f"{closed} closed")
        return
    way = opened.grant(copy)
    if json:
        write_json({"ok": True, "token": way.token, "commands": list(way.commands)})
    else:
        note(f"what {student} runs, the first once:")
        typer.echo("\n".join(way.commands))
