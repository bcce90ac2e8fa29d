"""Commands on a node of a running lab: exec, shell, capture."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.backends.base import Captures, Consoles, Copy, Executes, Starts, glance, ref_of
from labiac.cli.dashes import AfterDashes, command_of
from labiac.cli.options import (
    BackendName,
    File,
    Node,
    Student,
    as_typed,
    chosen,
    node_of,
    planned,
    up_command,
    whose,
)
from labiac.cli.output import note, unwritable
from labiac.errors import LabError, UsageError
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from labiac.backends.base import Backend
    from labiac.plan.model import Plan

app = typer.Typer()

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@app.command("exec", cls=AfterDashes)
def execute(
    ctx: typer.Context,
    file: File,
    node: Node,
    student: Student = "local",
    backend: BackendName = "auto",
) -> None:
    """Run a command on a node; its exit status, output and errors are the command's own."""
    from labiac.backends import open_backend

    command, opened = command_of(ctx), open_backend(chosen(backend))
    raise typer.Exit(_attached(opened, (file, node, student, backend), command))


@app.command()
def shell(
    file: File, node: Node, student: Student = "local", backend: BackendName = "auto"
) -> None:
    """Open a shell on a node: on a virtual machine its console, which Ctrl-] leaves."""
    from labiac.backends import open_backend

    opened, wanted = open_backend(chosen(backend)), (file, node, student, backend)
    if isinstance(opened, Consoles):
        opened.console(_there(opened, *wanted).ref)
        return
    raise typer.Exit(_attached(opened, wanted, [os.environ.get("SHELL", "/bin/sh")]))


@app.command()
def capture(
    file: File,
    node: Node,
    nic: Annotated[str, typer.Argument(help="Name of a NIC; the first if left out.")] = "",
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else stdout.")
    ] = None,
    packets: Annotated[int, typer.Option("--packets", "-c", min=0, help="End after so many.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long.")] = 0,
    student: Student = "local",
    backend: BackendName = "auto",
) -> None:
    """Record the packets of a NIC as pcap, for a file or a program like Wireshark."""
    if output is None and sys.stdout.isatty():
        fix = "add -o pc1.pcap, or pipe it: | tcpdump -n -r -, or | wireshark -k -i -"
        raise LabError("capture", "packets would only garble a terminal", fix=fix)
    from labiac.backends import open_backend

    opened = open_backend(chosen(backend))
    if not isinstance(opened, Captures):
        raise _cannot(opened, "capture packets")
    there = _there(opened, file, node, student, backend)
    with _sink(output) as sink:
        count = opened.capture(
            there.ref, _nic(there.machine, nic), sink, packets=packets, seconds=seconds
        )
    note(f"{count} packets")


@dataclass(frozen=True, slots=True)
class _There:
    """A node of a lab that is up."""

    ref: str
    machine: Machine


def _cannot(backend: Backend, what: str) -> LabError:
    """Return the error that *backend* cannot do *what*, whatever its machines do."""
    fix = "use --backend netns, or libvirt"
    return LabError(f"backend {backend.name}", f"cannot {what}", fix=fix)


def _there(backend: Backend, file: str, node: str, student: str, name: str) -> _There:
    """Return *node* of the lab in *file*; of a lab that is up, its name is enough.

    Raises:
        UsageError: there is no such lab, backend or node.
        LabError: the lab is not up, or the node is off.
    """
    from labiac.plan.names import student_name

    if _NAME.fullmatch(file) and _NAME.fullmatch(node):
        # By its name a node is found without reading the file, which would cost most of the time.
        there = _running(backend, ref_of(Copy(file, student_name(student)), "machine", node))
        if there is not None:
            return there
    plan = planned(file, student, name)
    node_of(plan, node)
    there = _running(backend, _ref(plan, node))
    if there is None:
        where = f"{node} of {plan.lab} ({plan.student})"
        if isinstance(backend, Starts) and glance(backend, _ref(plan, node)) is not None:
            raise LabError(where, "is off", fix=as_typed("start", file, node) + whose(plan))
        raise LabError(where, "is not up", fix=up_command(plan, file))
    return there


def _ref(plan: Plan, node: str) -> str:
    return ref_of(Copy(plan.lab, plan.student), "machine", node)


def _running(backend: Backend, ref: str) -> _There | None:
    observed = glance(backend, ref)
    if observed is None or not observed.running or not isinstance(observed.item, Machine):
        return None
    return _There(ref, observed.item)


def _attached(backend: Backend, wanted: tuple[str, str, str, str], command: Sequence[str]) -> int:
    if not isinstance(backend, Executes):
        raise _cannot(backend, "run commands")
    return backend.attach(_there(backend, *wanted).ref, command)


def _nic(machine: Machine, name: str) -> str:
    names = [name for name, _ in machine.interfaces()]
    if name and name not in names:
        fix = f"it has {', '.join(names) or 'none'}"
        raise UsageError(machine.name, f"has no NIC {name}", fix=fix)
    if not names:
        raise LabError(machine.name, "has no NIC to capture on", fix="choose another node")
    return name or names[0]


def _sink(output: Path | None) -> AbstractContextManager[BinaryIO]:
    if output is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return output.open("wb")
    except OSError as error:
        raise unwritable(output, error) from None
