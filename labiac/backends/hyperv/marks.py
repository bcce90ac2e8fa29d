"""labiac's mark on what it makes in Hyper-V: the notes of a machine or switch, as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from labiac.backends.hyperv import host, switches
from labiac.backends.hyperv.shell import command, select
from labiac.backends.mark import legible
from labiac.errors import BackendError, ForeignError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from labiac.backends.hyperv.shell import Row
    from labiac.backends.mark import Mark

KEYS: Final = ("Id", "Name", "State", "Notes")
"""What of a machine tells whose it is."""
_HOLDS_FOR: Final = "id"
_MACHINES: Final = command("Get-VM") | select(*KEYS)
_SWITCHES: Final = command("Get-VMSwitch") | select(*switches.KEYS)


def notes(mark: Mark, machine: UUID) -> str:
    """Return the notes of a *machine*, known by its Id: labiac's mark, that holds for it alone.

    Whoever exports the machine and imports it gets another one, with the same notes.
    """
    return json.dumps({**json.loads(mark.to_json()), _HOLDS_FOR: str(machine)})


def mark_of(row: Row) -> Mark | None:
    """Return the mark in the notes of what *row* tells of, or None when it is not labiac's."""
    text = str(row.get("Notes") or "")
    if not text.startswith('{"copy": '):
        return None
    mark = legible(text)
    machine = row.get("VMId") or row.get("Id")
    holds = mark and json.loads(text).get(_HOLDS_FOR) in (None, str(machine))
    return mark if holds else None


def ours(rows: Sequence[Row], ref: str) -> Row | None:
    """Return the one of *rows* that is marked as *ref*, or None."""
    marked = ((row, mark_of(row)) for row in rows)
    return next((row for row, mark in marked if mark and mark.ref == ref), None)


def foreign(name: str, what: str, host_name: str, row: Row) -> ForeignError:
    """Return the error that a name on the host is another one's.

    Args:
        name: Name of the item that is not made.
        what: What there is: ``machine``, ``switch``.
        host_name: The name that both want.
        row: What was read of it.
    """
    mark = mark_of(row)
    problem = f"{host_name} is {mark.ref} already" if mark else f"there is a {what} {host_name}"
    fix = "rename the lab, or destroy the other one"
    return ForeignError(
        f"hyperv {name}", problem if mark else f"{problem} that is not labiac's", fix=fix
    )


def gone(name: str) -> BackendError:
    """Return the error that an item called *name* is not there."""
    return BackendError(f"hyperv {name}", "is gone", fix="labiac up makes it again")


def found() -> Iterator[tuple[Mark, Row]]:
    """Yield all marks on the host with what they are on: machines, then switches."""
    for row in host.look(_MACHINES, _SWITCHES, where="hyperv"):
        if mark := mark_of(row):
            yield mark, row
