"""The arguments that commands share, and what they mean."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labiac.errors import DescriptionError, LabError, UsageError

if TYPE_CHECKING:
    from labiac.plan.model import Machine, Plan

JSON = "labiac.json"
"""Key under which a command's context remembers that the output is for a program."""


def _lab_names(incomplete: str) -> list[str]:
    from labiac.schema.load import stacks

    return [name for name in stacks() if name.startswith(incomplete)]


def _node_names(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    from labiac.schema.load import load

    try:
        names = load(ctx.params["file"]).nodes
    except (DescriptionError, KeyError):
        return iter(())
    return (name for name in names if name.startswith(incomplete))


def backend_names(incomplete: str) -> list[str]:
    """Return what can stand for a backend and begins with *incomplete*, for shells."""
    from labiac.backends import BACKENDS

    return [name for name in ("auto", *BACKENDS) if name.startswith(incomplete)]


def _remember(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[JSON] = value
    return value


File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A lab file, or the name of one in stacks/.",
        show_default=False,
        autocompletion=_lab_names,
    ),
]
Node = Annotated[
    str,
    typer.Argument(
        metavar="NODE", help="Name of a node.", show_default=False, autocompletion=_node_names
    ),
]
Nodes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NODE",
        help="Names of nodes; all if left out.",
        show_default=False,
        autocompletion=_node_names,
    ),
]
Student = Annotated[str, typer.Option(metavar="NAME", help="Whose copy of the lab.")]
BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="What makes it real; auto takes netns on Linux.",
        autocompletion=backend_names,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", callback=_remember, help="One JSON document on stdout, for programs."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; else stdout.")]


def planned(file: str, student: str, backend: str) -> Plan:
    """Return the plan of the lab that the user named.

    Raises:
        UsageError: there is no such lab, or no such backend.
        DescriptionError: the lab has problems.
    """
    from labiac.plan.resolve import plan_file

    located(file)
    return plan_file(file, student, chosen(backend))


def located(file: str) -> None:
    """Refuse *file* where there is no such lab.

    Raises:
        UsageError: it is neither a file nor the name of a lab in ``stacks/``.
    """
    from labiac.schema.load import find

    try:
        find(file)
    except DescriptionError as error:
        raise UsageError(error.where, error.problem, fix=error.fix) from None


def lab_name(file: str) -> str:
    """Return the name of the lab in *file*, be the rest of it right or wrong.

    Raises:
        UsageError: there is no such lab.
        DescriptionError: it is no YAML, or has no name.
    """
    from labiac.schema.load import find
    from labiac.schema.yaml import parse

    located(file)
    data, source = parse(find(file).read_text(encoding="utf-8"), file)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise DescriptionError([source.problem((), "name is missing", "add it")])
    return str(data["name"])


def chosen(backend: str) -> str:
    """Return the name of the backend to use.

    Raises:
        UsageError: there is none of that name here.
    """
    from labiac.backends import backend_name

    try:
        return backend_name(backend)
    except LabError as error:
        raise UsageError(error.where, error.problem, fix=error.fix) from None


def node_of(plan: Plan, name: str) -> Machine:
    """Return the machine of *plan* that the user named.

    Raises:
        UsageError: there is no such node.
    """
    try:
        return plan.machine(name)
    except KeyError:
        nodes = ", ".join(machine.name for machine in plan.machines)
        raise UsageError(plan.lab, f"has no node {name}", fix=f"its nodes are {nodes}") from None


def end_of(plan: Plan, name: str) -> Machine:
    """Return the machine of *plan* that the user named to ask, or to be asked.

    Raises:
        UsageError: there is no such node, or it has no network layer.
    """
    from labiac.plan.model import SWITCHING

    machine = node_of(plan, name)
    if machine.role in SWITCHING:
        problem = f"{name} is a {machine.role}: it has no address"
        raise UsageError(plan.lab, problem, fix="name a node on either side of it")
    return machine


def as_typed(*words: str | Path) -> str:
    """Return labiac's command of these *words*, as a shell takes it whatever a file is called."""
    return shlex.join(["labiac", *map(str, words)])


def up_command(plan: Plan, file: str) -> str:
    """Return the command that brings the copy of *plan* up."""
    return as_typed("up", file) + whose(plan)


def destroy_command(plan: Plan, file: str) -> str:
    """Return the command that takes the copy of *plan* down."""
    return as_typed("destroy", file) + _student_of(plan)


def whose(plan: Plan) -> str:
    """Return the options that name the copy of *plan* in a command, where it takes any."""
    student = _student_of(plan)
    return student if plan.backend == "netns" else f"{student} --backend {plan.backend}"


def _student_of(plan: Plan) -> str:
    return f" --student {plan.student}" if plan.student != "local" else ""
