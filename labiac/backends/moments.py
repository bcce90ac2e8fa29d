"""Snapshots of whole copies, whatever keeps them: what names them, and when one fits no more."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from labiac.backends.base import Copy, Snapshot
from labiac.backends.refusals import not_up
from labiac.errors import BackendError, UsageError
from labiac.plan.diff import diff
from labiac.plan.model import Machine, Network, Plan, unstarted
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labiac.backends.mark import Mark
    from labiac.plan.said import Difference

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Moment:
    """What all parts of one snapshot say alike.

    Args:
        name: What its user calls it.
        taken: When, in seconds since 1970.
        plan: Hash of the copy's plan.
        nodes: Names of the machines of the copy.
        networks: Its networks: no part has them otherwise.
    """

    name: str
    taken: float
    plan: str
    nodes: tuple[str, ...]
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of one machine.

    Args:
        moment: The snapshot that it is of.
        mark: What was asked for, of the machine.
        still: Whether the guest stood still, so that it fits the other parts.
        goes_on: Whether the guest ran until then.
    """

    moment: Moment
    mark: Mark
    still: bool
    goes_on: bool


def plan_of(backend: str, copy: Copy, marks: Iterable[Mark]) -> Plan:
    """Return what *marks* of one *copy* say that it is."""
    items = sorted((mark.item for mark in marks), key=lambda item: item.name)
    return Plan(
        copy.lab,
        copy.student,
        backend,
        networks=tuple(item for item in items if isinstance(item, Network)),
        machines=tuple(item for item in items if isinstance(item, Machine)),
        checks=(),
    )


def moment_of(plan: Plan, name: str) -> Moment:
    """Return this moment of a copy that is as in *plan*, called *name*."""
    nodes = tuple(machine.name for machine in plan.machines)
    return Moment(name, round(time.time(), 3), hash_of(plan), nodes, plan.networks)


def insist_whole(plan: Plan, marks: Iterable[Mark]) -> None:
    """Refuse a copy, as in *plan* by its *marks*, that is not up, or not all of it.

    Raises:
        BackendError: it is not.
    """
    if not plan.machines:
        raise not_up(Copy(plan.lab, plan.student), plan.backend)
    machines = (mark for mark in marks if mark.kind == "machine")
    if unfinished := sorted(mark.item.name for mark in machines if not mark.whole):
        problem, where = f"{', '.join(unfinished)} never got ready", f"{plan.lab} of {plan.student}"
        raise BackendError(where, problem, fix="labiac up completes it; take it then")


def whole(now: Plan, parts: Sequence[Part]) -> list[Snapshot]:
    """Return the snapshots that *parts* are of, the oldest first, for a copy as in *now*."""
    moments = dict.fromkeys(part.moment for part in parts)
    return [
        _snapshot(moment, now, [part for part in parts if part.moment == moment])
        for moment in sorted(moments, key=lambda each: each.taken)
    ]


def _snapshot(moment: Moment, now: Plan, parts: Iterable[Part]) -> Snapshot:
    machines = {part.mark.machine.name: part.mark.machine for part in parts if part.still}
    then = replace(now, networks=moment.networks, machines=tuple(machines.values()))
    lost = tuple(name for name in moment.nodes if name not in machines)
    differs = () if lost else tuple(differing(then, now))
    return Snapshot(moment.name, moment.taken, moment.plan, moment.nodes, lost, differs)


def used_networks(parts: Sequence[Part]) -> Iterator[Network]:
    """Yield the networks that the machines of *parts*, all of one snapshot, are plugged into."""
    used = {nic.network for part in parts for nic in part.mark.machine.nics}
    return (lan for lan in parts[0].moment.networks if lan.name in used)


def fresh_name(name: str, known: Iterable[Snapshot]) -> None:
    """Refuse *name* for a new snapshot beside *known* ones.

    Raises:
        UsageError: it is none, or taken.
    """
    if not _NAME.fullmatch(name):
        problem = "a name is 1 to 63 of letters, digits, dot, hyphen, underscore; no sign first"
        raise UsageError(f"snapshot {name!r}", problem, fix="call it before-exam")
    if any(each.name == name for each in known):
        fix = f"choose another name, or labiac snapshot delete FILE {name}"
        raise UsageError(f"snapshot {name}", "there is one of that name", fix=fix)


def named(name: str, known: Iterable[Snapshot]) -> Snapshot:
    """Return the one of *known* snapshots that is called *name*.

    Raises:
        UsageError: there is none.
    """
    names = []
    for each in known:
        if each.name == name:
            return each
        names.append(each.name)
    fix = f"there is {', '.join(names)}" if names else "labiac snapshot take makes one"
    raise UsageError(f"snapshot {name}", "there is no such snapshot", fix=fix)


def restorable(snapshot: Snapshot) -> None:
    """Refuse a *snapshot* that can't be restored, or not to the copy as it is.

    Raises:
        BackendError: a part of it is lost, or the copy is another by now.
    """
    where = f"snapshot {snapshot.name}"
    if snapshot.lost:
        problem = f"is not whole: it has nothing of {', '.join(snapshot.lost)}"
        fix = f"labiac snapshot delete FILE {snapshot.name} frees what it takes"
        raise BackendError(where, problem, fix=fix)
    if snapshot.differs:
        problem = "is of another lab: what has changed since"
        fix = "bring the lab up as it was then (its file of then), or take a new snapshot"
        raise BackendError(where, problem, detail="\n".join(snapshot.differs), fix=fix)


def insist_still(snapshot: Snapshot) -> None:
    """Refuse a *snapshot* just taken whose parts do not fit each other.

    Raises:
        BackendError: a machine went on while others were kept.
    """
    if snapshot.lost:
        problem = f"something woke {', '.join(snapshot.lost)} meanwhile"
        raise BackendError(f"snapshot {snapshot.name}", problem, fix="take it again")


def insist_room(where: str, *, wanted_mib: int, free_mib: float, place: str = "") -> None:
    """Refuse where the memory of all machines does not fit: one whose disk is full stops.

    Args:
        where: What is refused.
        wanted_mib: What a snapshot may take.
        free_mib: What is free for it.
        place: Where that is, if *where* does not say it.

    Raises:
        BackendError: it does not fit.
    """
    if wanted_mib > free_mib:
        inside, there = (f" in {place}", " there") if place else ("", "")
        problem = f"a snapshot may take {wanted_mib} MiB of disk, and {free_mib:.0f} MiB are free"
        fix = "labiac snapshot delete frees what an older one takes; or free some disk"
        raise BackendError(where, problem + inside, fix=fix + there)


def hash_of(plan: Plan) -> str:
    """Return a hash of what *plan* is; the same networks and machines give the same."""
    return f"{digest(plan.networks, plan.machines):064x}"[:12]


def differing(then: Plan, now: Plan) -> Iterator[str]:
    """Yield what differs from *then* to *now*, a line each: ``pc1 memory: 512 MiB -> 768 MiB``.

    What is gone since is no difference: a machine's part went with it, a LAN is made again. Nor is
    whether it was started when it was made.
    """
    for change in diff(unstarted(then), unstarted(now), boots=True, live=()):
        if change.effect == "create":
            yield f"+ {change.kind} {change.item}"
        elif change.effect != "delete":
            yield from (f"{change.item} {_line(each)}" for each in change.fields)


def _line(difference: Difference) -> str:
    field, was, now = difference
    if any("\n" in (value or "") for value in (was, now)):
        return f"{field}: another text"
    return f"{field}: {was or 'none'} -> {now or 'none'}"
