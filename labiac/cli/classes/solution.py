"""``labiac class solution``: what each student's copy has that others have not, fault included."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from labiac.cli.classes.room import Only, members
from labiac.cli.options import BackendName, File, Json, chosen, located
from labiac.cli.output import console, write_json
from labiac.errors import LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends
    from labiac.schema.lab import Lab

app = typer.Typer()


class Solution(NamedTuple):
    """What a student's copy has, and what is to be found out about it.

    Args:
        student: Who it is, as the user says it.
        fault: Which kind of fault is planted; empty for none.
        node: Where it is.
        differs: What is otherwise than in the lab without it, a line each.
        mend: The command that mends it on that node; empty where no single one does.
        breaks: Pairs that it keeps from reaching each other.
        drawn: All else that was drawn for this student, a line each.
    """

    student: str
    fault: str
    node: str
    differs: tuple[str, ...]
    mend: tuple[str, ...]
    breaks: tuple[Ends, ...]
    drawn: tuple[str, ...]


@app.command()
def solution(
    file: File,
    *,
    student: Annotated[str, typer.Option(metavar="NAME", help="Whose.")] = "",
    roster: Annotated[
        str, typer.Option(metavar="FILE", help="Or everybody's: who is in the class.")
    ] = "",
    only: Only = "",
    backend: BackendName = "auto",
    json: Json = False,
) -> None:
    """Print, for the teacher, what was drawn for a student: the fault, its cure, numbers, names."""
    from labiac.schema.load import load

    if bool(student) == bool(roster):
        raise UsageError("solution", "nobody, or two", fix="give --student NAME, or --roster FILE")
    located(file)
    lab, there = load(file), chosen(backend)
    if lab.vary is None:
        fix = "say in vary: what shall differ from student to student"
        raise LabError(lab.name, "is the same for everybody", fix=fix)
    who = [student] if student else [each.student for each in members(roster, only)]
    found = [_solution(lab, each, there) for each in who]
    if json:
        write_json({"lab": lab.name, "students": [_data(each) for each in found]})
        return
    for each in found:
        for line in _lines(each):
            console().print(line, soft_wrap=True)


def _solution(lab: Lab, student: str, backend: str) -> Solution:
    from labiac.plan.planting import drawn_fault
    from labiac.plan.resolve import resolve
    from labiac.reach.matrix import matrix

    meant = resolve(lab, student, backend, faulty=False)
    given = resolve(lab, student, backend)
    fault = drawn_fault(lab, given.student)
    reached = {pair.ends for pair in matrix(meant) if pair.ok}
    breaks = tuple(pair.ends for pair in matrix(given) if not pair.ok and pair.ends in reached)
    node, differs = next(_changed(meant, given), ("", ()))
    return Solution(
        student,
        fault.kind.replace("_", " ") if fault else "",
        node,
        differs,
        _mend(meant, given, breaks),
        breaks,
        tuple(_drawn(lab, meant)),
    )


def _changed(meant: Plan, given: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each node that is otherwise *given* than *meant*, and how, in words."""
    from labiac.cli.comparison import field_lines
    from labiac.plan.said import differences

    for machine in meant.machines:
        # A seed says once more what its node is.
        found = differences(
            replace(machine, seed=()), replace(given.machine(machine.name), seed=())
        )
        if found:
            yield machine.name, tuple(line.strip() for each in found for line in field_lines(each))


def _mend(meant: Plan, given: Plan, breaks: tuple[Ends, ...]) -> tuple[str, ...]:
    from labiac.reach.compare import Deviations

    # What is a student's is not compared; here it is the point.
    machines = tuple(replace(machine, student=False) for machine in meant.machines)
    compared = Deviations(replace(meant, machines=machines), given, {})
    found = {each for ends in breaks for each in compared.differences(*ends)}
    return next(iter(found)).command if len(found) == 1 else ()


def _drawn(lab: Lab, plan: Plan) -> Iterator[str]:
    """Yield what was drawn for the student of *plan*, the fault aside."""
    from labiac.plan.planting import subnets_of
    from labiac.plan.vary import varied

    if lab.vary is None:
        return
    for old, new in zip(lab.nodes, varied(lab, plan.student).nodes, strict=True):
        if old in lab.vary.names:
            yield f"{old} is called {new}"
    if lab.vary.subnets:
        for lan in plan.networks:
            yield f"{lan.name} {', '.join(subnets_of(lan)) or 'no subnet'}"
    for machine in plan.machines if lab.vary.subnets or lab.vary.hosts else ():
        yield f"{machine.name} {', '.join(machine.addresses()) or 'no address'}"
    yield from _links(lab, plan)


def _links(lab: Lab, plan: Plan) -> Iterator[str]:
    from labiac.plan.said import impairments
    from labiac.plan.vary import varied

    vary = varied(lab, plan.student).vary
    for link in vary.links if vary else ():
        nic = next(nic for nic in plan.machine(link.node).nics if nic.network == link.lan)
        does = (f"{what} {value}" for what, (value,) in impairments(nic.impair).items())
        yield f"{link.node} to {link.lan}: {', '.join(does)}"


def _lines(found: Solution) -> Iterator[str]:
    yield found.student
    if found.fault:
        yield f"  fault   {found.fault} on {found.node}"
        yield from (f"          {line}" for line in found.differs)
        yield f"  breaks  {_pairs(found.breaks)}"
    if found.mend:
        yield f"  mend    {shlex.join(found.mend)}"
    for index, line in enumerate(found.drawn):
        yield f"  {'' if index else 'drawn':<6}  {line}"


def _pairs(pairs: tuple[Ends, ...]) -> str:
    from labiac.cli.comparison import pairs_text

    return pairs_text(pairs) or "no ping"


def _data(found: Solution) -> dict[str, Any]:
    fault = {
        "kind": found.fault,
        "node": found.node,
        "differs": list(found.differs),
        "mend": list(found.mend),
        "breaks": [" -> ".join(ends) for ends in found.breaks],
    }
    return {
        "student": found.student,
        "fault": fault if found.fault else None,
        "drawn": list(found.drawn),
    }
