"""What the last measurement of each copy found, for who looks at it later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from labiac.host.home import home, keep
from labiac.plan.names import digest
from labiac.reach.student import students_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labiac.backends.base import Copy
    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends, Pair


class MeasuredPair(NamedTuple):
    """What became of one pair.

    Args:
        source: Name of the node that asked.
        target: Name of the node that should answer.
        predicted: Whether the answer should arrive.
        live: Whether it did.
        students: Whether the student's own work decides that.
        planned: Names of the nodes that the question should visit.
        path: Those that it visited, as far as it came; empty where that is not known.
        reason: Why no answer came; empty if it did.
    """

    source: str
    target: str
    predicted: bool
    live: bool
    students: bool
    planned: tuple[str, ...]
    path: tuple[str, ...]
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether the live lab did as predicted, or what the student gained."""
        return self.live == self.predicted or (self.live and self.students)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement of one copy.

    Args:
        when: The time of it.
        plan: Mark of the plan that it was compared with, see `mark`.
        outcomes: One for each pair.
    """

    when: datetime
    plan: str
    outcomes: tuple[MeasuredPair, ...]


def mark(plan: Plan) -> str:
    """Return what is another text for another plan."""
    return f"{digest(plan):064x}"


def outcomes(
    plan: Plan, predicted: Mapping[Ends, Pair], live: Mapping[Ends, Pair]
) -> tuple[MeasuredPair, ...]:
    """Return what became of each pair of the copy of *plan* that was measured."""
    theirs = students_pairs(plan, predicted)
    return tuple(
        MeasuredPair(*ends, was.ok, now.ok, ends in theirs, was.path, now.path, now.reason)
        for ends, now in live.items()
        for was in [predicted[ends]]
    )


def record(plan: Plan, predicted: Mapping[Ends, Pair], live: Mapping[Ends, Pair]) -> None:
    """Keep what was measured of the copy of *plan*, in the place of what was before.

    Raises:
        OSError: labiac's own folder cannot be written.
    """
    found = outcomes(plan, predicted, live)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    data = {"when": now, "plan": mark(plan), "pairs": [each._asdict() for each in found]}
    file = _file(plan)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep(file, json.dumps(data))


def recall(plan: Plan) -> Measured | None:
    """Return the last measurement of the copy of *plan*, or None: there is none that is legible."""
    try:
        data = json.loads(_file(plan).read_text(encoding="utf-8"))
        outcomes = tuple(_outcome(**pair) for pair in data["pairs"])
        return Measured(datetime.fromisoformat(data["when"]), data["plan"], outcomes)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(copy: Copy) -> None:
    """Delete the last measurements of *copy*, on whatever backends it was."""
    for file in _folder().glob(f"{copy.lab}.{copy.student}.*.json"):
        file.unlink(missing_ok=True)


def _outcome(*, planned: list[str], path: list[str], **rest: Any) -> MeasuredPair:
    return MeasuredPair(planned=tuple(planned), path=tuple(path), **rest)


def _file(plan: Plan) -> Path:
    return _folder() / f"{plan.lab}.{plan.student}.{plan.backend}.json"


def _folder() -> Path:
    return home() / "measured"
