"""A whole copy as one file, for the hypervisor of somebody else: export."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labiac.backends.base import Copy, Exports
from labiac.cli.options import BackendName, File, Json, Student, chosen, lab_name, located
from labiac.cli.output import write_json
from labiac.errors import LabError
from labiac.host.progress import Progress

app = typer.Typer()

_MB = 1_000_000


class Form(StrEnum):
    """What it can be exported as."""

    OVA = "ova"


@app.command()
def export(
    file: File,
    *,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.OVA,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; else LAB-STUDENT.ova in this folder."),
    ] = None,
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Write all nodes of a lab, which are off, to one file that VirtualBox imports elsewhere."""
    from labiac.backends import open_backend
    from labiac.plan.names import student_name

    located(file)
    begun, opened = time.monotonic(), open_backend(chosen(backend))
    if not isinstance(opened, Exports):
        fix = "machines of VirtualBox can be exported: --backend virtualbox"
        raise LabError(f"backend {opened.name}", "exports nothing", fix=fix)
    copy = Copy(lab_name(file), student_name(student))
    target = (output or Path(f"{copy.lab}-{copy.student}.{form}")).absolute()
    if not target.parent.is_dir():
        raise LabError(str(target), "there is no such folder", fix="choose another place with -o")
    with Progress(f"exporting {copy.lab}"):
        nodes = opened.export(copy, target)
    size, took_s = target.stat().st_size, time.monotonic() - begun
    if json:
        known = {"ok": True, "file": str(target), "nodes": list(nodes), "bytes": size}
        write_json({**known, "seconds": round(took_s, 3)})
    else:
        typer.echo(f"{', '.join(nodes)} in {target}: {size / _MB:.1f} MB in {took_s:.1f} s")
