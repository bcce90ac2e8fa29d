"""A whole copy as one file, for the hypervisor of somebody else: export."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labiac.backends.base import Copy
from labiac.backends.exports import Exports
from labiac.cli.options import BackendName, File, Json, Student, chosen, lab_name, located
from labiac.cli.output import write_json
from labiac.errors import LabError
from labiac.host.progress import Progress

app = typer.Typer()

_MB = 1_000_000


class Form(StrEnum):
    """What it can be exported as."""

    OVA = "ova"
    FOLDER = "folder"


@app.command()
def export(
    file: File,
    *,
    form: Annotated[
        Form | None, typer.Option("--format", help="What to write; else what the backend does.")
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write, else LAB-STUDENT.ova in this folder; of Hyper-V, folder there.",
            show_default=False,
        ),
    ] = "",
    student: Student = "local",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Write all nodes of a lab, which are off, for another VirtualBox or Hyper-V to import."""
    from labiac.backends import open_backend
    from labiac.plan.names import student_name

    located(file)
    begun, opened = time.monotonic(), open_backend(chosen(backend))
    if not isinstance(opened, Exports):
        fix = "machines of two backends can be exported: --backend virtualbox, or hyperv"
        raise LabError(f"backend {opened.name}", "exports nothing", fix=fix)
    if form and form != opened.exports:
        problem = f"writes no {form}, but {opened.exports}"
        raise LabError(f"backend {opened.name}", problem, fix="leave --format out")
    copy = Copy(lab_name(file), student_name(student))
    place = _file(output, copy) if opened.exports == Form.OVA else output
    with Progress(f"exporting {copy.lab}"):
        made = opened.export(copy, place)
    took_s = time.monotonic() - begun
    if json:
        known = {"ok": True, "file": made.place, "nodes": list(made.nodes), "bytes": made.size}
        write_json({**known, "seconds": round(took_s, 3)})
    else:
        nodes = ", ".join(made.nodes)
        typer.echo(f"{nodes} in {made.place}: {made.size / _MB:.1f} MB in {took_s:.1f} s")


def _file(output: str, copy: Copy) -> str:
    """Return the file of this machine that *output* names.

    Raises:
        LabError: it can't be written there.
    """
    target = Path(output or f"{copy.lab}-{copy.student}.{Form.OVA}").absolute()
    if not target.parent.is_dir():
        raise LabError(str(target), "there is no such folder", fix="choose another place with -o")
    return str(target)
