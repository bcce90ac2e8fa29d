"""The key that opens the nodes of a copy: ssh-key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from labiac.backends.base import Copy
from labiac.cli.options import File, Student, located
from labiac.cli.output import note, unwritable
from labiac.errors import LabError
from labiac.plan.names import student_name

app = typer.Typer()


@app.command("ssh-key")
def ssh_key(
    file: File,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else stdout.")
    ] = None,
    student: Student = "local",
) -> None:
    """Print the private SSH key that the nodes of a copy take."""
    from labiac.fleet.ssh_key import private_key
    from labiac.schema.load import load

    located(file)
    lab = load(file)
    key = private_key(Copy(lab.name, student_name(student)))
    if key is None:
        problem = "has no SSH key: it is not up, or none of its nodes boots an operating system"
        fix = "labiac up FILE --backend libvirt; labiac exec and shell need no key"
        raise LabError(f"{lab.name} of {student}", problem, fix=fix)
    if output is None:
        typer.echo(key, nl=False)
        return
    try:
        with output.open("w", encoding="utf-8") as written:
            os.fchmod(written.fileno(), 0o600)  # SSH refuses a key that others can read
            written.write(key)
    except OSError as error:
        raise unwritable(output, error) from None
    note(f"ssh -i {output} {lab.login.user}@ADDRESS")
