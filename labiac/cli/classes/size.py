"""``labiac class size``: what a class takes, what fits here, and how many hosts it needs."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.cli.classes.room import counted, members
from labiac.cli.options import BackendName, File, Json, chosen, planned
from labiac.cli.output import console, note, write_json
from labiac.errors import DescriptionError, LabError, Problem, UsageError
from labiac.fleet import room
from labiac.fleet.room import WORDS
from labiac.fleet.sizing import Needs, fit, needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.cli.classes.room import Room
    from labiac.fleet.roster import Student
    from labiac.plan.model import Plan

app = typer.Typer()

_HOST_KEYS = ("name", "memory_gib", "disk_gib", "cpus")
_HOSTS_FIX = "- {name: rack, memory_gib: 256, disk_gib: 1000, cpus: 32}"


@app.command()
def size(
    file: File,
    *,
    students: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many there are.")
    ] = None,
    roster: Annotated[
        str, typer.Option(metavar="FILE", help="Or the file with who they are.")
    ] = "",
    hosts: Annotated[
        str, typer.Option(metavar="FILE", help="Kinds of hosts, as YAML: how many are needed?")
    ] = "",
    accel: Annotated[
        str, typer.Option(metavar="kvm|tcg", help="What libvirt's machines run on.")
    ] = "kvm",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Say what a class takes, whether it fits here, and how many hosts it needs."""
    if bool(students) == bool(roster):
        raise UsageError("size", "no class, or two", fix="give --students N, or --roster FILE")
    if accel not in {"kvm", "tcg"}:
        raise UsageError("--accel", f"{accel!r} is neither kvm nor tcg", fix="use one of them")
    if accel == "tcg" and (used := chosen(backend)) != "libvirt":
        problem = f"tcg runs machines of libvirt, and the backend is {used}"
        raise UsageError("--accel", problem, fix="leave it out, or say --backend libvirt")
    count = students or len(members(roster, ""))
    plan = planned(file, "local", backend)
    one = needs(plan, accel)
    here = room.hosts(plan.backend)
    kinds = here | (_kinds(hosts) if hosts else {})
    if json:
        write_json(_data(one, count, kinds))
    else:
        _show(plan, one, count, kinds)
        for short, remedy in _lacking(here, one, count):
            typer.echo(f"{_place(here)}: {short}\n  fix: {remedy}")


def _show(plan: Plan, one: Needs, count: int, kinds: dict[str, Needs]) -> None:
    """Print what a copy and the class take, what fits, and what ends first."""
    from labiac.cli.tables import table

    for line in _told(plan, one, count):
        typer.echo(line)
    rows = table("host", "copies that fit", "what ends first", "hosts needed")
    for name, there in kinds.items():
        most, first = fit(there, one)
        shown = "any number" if most is None else f"{most:,}"
        rows.add_row(name, shown, WORDS.get(first, ""), str(_hosts(count, most)))
    console().print(rows)


def _place(here: dict[str, Needs]) -> str:
    return next(iter(here)) if len(here) == 1 else "the cluster"


def _lacking(here: dict[str, Needs], one: Needs, count: int) -> Iterator[tuple[str, str]]:
    """Yield what *count* copies that take *one* each take more than there is *here*, and a remedy.

    A copy is whole on one host.
    """
    if len(here) == 1:
        (there,) = here.values()
        for each in room.shortages(there, one.times(count)):
            yield str(each), each.fix
        return
    most = {name: fit(member, one)[0] for name, member in here.items()}
    if None not in most.values() and sum(filter(None, most.values())) < count:
        places = ", ".join(f"{number} on {name}" for name, number in most.items())
        yield f"room for {count} copies, and there is some for {places}", room.FIXES["memory_mib"]


def insist_room(whole: Room, students: Sequence[Student], plan: Plan, *, force: bool) -> None:
    """Refuse to begin with *students* whose copies do not fit on this host beside what runs.

    Args:
        whole: The class.
        students: Those of it who are to be worked for.
        plan: The plan of one of them.
        force: Say it, and go on.

    Raises:
        LabError: they do not fit.
    """
    from labiac.backends import found_here

    up = {found.copy.student for found in found_here() if found.copy.lab == whole.lab.name}
    new = [student for student in students if student.copy not in up]
    one = needs(plan, _accelerator(plan))
    here = room.hosts(plan.backend)
    short = [*_lacking(here, one, len(new))]
    if not short:
        return
    (first, remedy), *more = short
    problem = f"{counted(len(new))} do not fit on {_place(here)}: they take {first}"
    detail = "\n".join(f"{each}; {fix}" for each, fix in more)
    fix = f"{remedy}; or --force goes on; labiac class size {whole.file} says how many fit"
    error = LabError(whole.lab.name, problem, detail=detail, fix=fix)
    if not force:
        raise error
    note(f"goes on by --force: {error}")


def _accelerator(plan: Plan) -> str:
    """Return what virtual machines of *plan* run on here."""
    if plan.backend != "libvirt":
        return "kvm"
    from labiac.backends.libvirt.accelerator import accelerator
    from labiac.backends.libvirt.connection import connect

    return accelerator(connect())


def _told(plan: Plan, one: Needs, count: int) -> Iterator[str]:
    whole = one.times(count)
    yield f"{plan.lab} on {plan.backend}: a copy takes, and {counted(count)} take"
    for each in fields(one):
        if amount := getattr(one, each.name):
            yield f"  {amount:>10,.4g}  {getattr(whole, each.name):>12,.6g}  {WORDS[each.name]}"


def _hosts(count: int, most: int | None) -> int | str:
    """Return how many hosts *count* copies need of which *most* fit on one."""
    if most is None:
        return 1
    return math.ceil(count / most) if most else "none is enough"


def _rounded(taken: Needs) -> dict[str, float]:
    return {name: round(amount, 3) for name, amount in asdict(taken).items()}


def _data(one: Needs, count: int, kinds: dict[str, Needs]) -> dict[str, Any]:
    found = {name: fit(room, one) for name, room in kinds.items()}
    return {
        "students": count,
        "copy": _rounded(one),
        "class": _rounded(one.times(count)),
        "hosts": [
            {
                "name": name,
                "fit": most,
                "first": first or None,
                "needed": needed if isinstance(needed := _hosts(count, most), int) else None,
            }
            for name, (most, first) in found.items()
        ],
    }


def _kinds(file: str) -> dict[str, Needs]:
    """Return the kinds of hosts in *file*: a list of ``{name, memory_gib, disk_gib, cpus}``.

    Raises:
        UsageError: it cannot be read.
        DescriptionError: with every problem of the file.
    """
    from labiac.schema.yaml import parse

    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise UsageError(file, problem, fix="check the path") from None
    except UnicodeDecodeError:
        raise DescriptionError([Problem(file, "", "it is no text", _HOSTS_FIX)]) from None
    data, source = parse(text, file)
    problems, found = [], {}
    for at, each in enumerate(data if isinstance(data, list) else [None]):
        if not _is_kind(each):
            problem = f"a kind of hosts has {', '.join(_HOST_KEYS)}, the last three as numbers"
            place = (at,) if isinstance(data, list) else ()
            problems.append(source.problem(place, problem, _HOSTS_FIX))
            continue
        found[str(each["name"])] = Needs(
            memory_mib=each["memory_gib"] * 1024,
            disk_mib=each["disk_gib"] * 1024,
            cpus=each["cpus"],
            **dict.fromkeys(
                ("namespaces", "mounts", "neighbours", "processes", "watchers"), math.inf
            ),
        )
    if problems:
        raise DescriptionError(problems)
    return found


def _is_kind(told: Any) -> bool:
    return (
        isinstance(told, dict)
        and set(told) == set(_HOST_KEYS)
        and all(isinstance(told[key], int | float) for key in _HOST_KEYS[1:])
    )
