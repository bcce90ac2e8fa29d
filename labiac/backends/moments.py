"""Snapshots of whole copies, whatever keeps them: what names them, and when one fits no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from labiac.errors import BackendError, UsageError
from labiac.plan.diff import diff
from labiac.plan.model import unstarted
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.backends.base import Snapshot
    from labiac.plan.model import Plan
    from labiac.plan.said import Difference

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


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
