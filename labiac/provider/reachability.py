"""The life of a Reachability: no host object, but a forecast that the live lab has to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.errors import BackendError, LabError
from labiac.provider.forecast import Forecast
from labiac.provider.lifecycle import (
    CopyArgs,
    Diff,
    Effected,
    HalfMadeError,
    Made,
    backend,
    copy_of,
    unknown_backend,
)
from labiac.provider.measure import Live
from labiac.provider.shape import completed, failures, properties, snake
from labiac.provider.values import changes, unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from labiac.provider.lifecycle import Task
    from labiac.provider.shape import Failure
    from labiac.provider.values import Properties


@dataclass(frozen=True)
class ReachabilityArgs(Forecast):
    """Who reaches whom: forecast in a preview, measured in an update and a refresh.

    Args:
        copy: Whose copy it is measured on.
    """

    copy: CopyArgs


class Reachability:
    """The life of a forecast."""

    def check(self, inputs: Properties) -> list[Failure]:
        """Return everything that is wrong with *inputs*, each with its property path."""
        if unknown(inputs):
            return []
        return [*failures(ReachabilityArgs, inputs, ""), *unknown_backend(inputs)]

    def diff(self, olds: Properties, news: Properties) -> Diff:
        """Return which pairs, addresses and routes change."""
        was, now = completed(ReachabilityArgs, olds), completed(ReachabilityArgs, news)
        return Diff(
            [
                Effected(change, "replace" if change.path.startswith("copy") else "live")
                for change in changes(was, now)
            ]
        )

    def identity(self, inputs: Properties) -> str:
        """Return the ID of the forecast: one a copy."""
        copy = copy_of(inputs)
        return f"{inputs['copy']['backend']}:{copy.lab}/{copy.student}/reachability"

    def create(self, task: Task, inputs: Properties) -> Made:
        """Measure every pair of the finished lab.

        Raises:
            HalfMadeError: the lab runs, and does not do what was forecast.
        """
        return self._settled(task, inputs, set(inputs["pairs"]))

    def update(self, task: Task, _identity: str, _olds: Properties, news: Properties) -> Made:
        """Measure every pair that the student's own work does not decide.

        Raises:
            HalfMadeError: the lab runs, and does not do what was forecast.
        """
        return self._settled(task, news, _ours(news))

    def read(self, task: Task, identity: str, olds: Properties, inputs: Properties) -> Made | None:
        """Return the pairs as they are now; where they differ, with the reason as of now.

        Raises:
            LabError: it is imported, and there is no forecast to compare with.
        """
        if not inputs:
            fix = "declare the Lab instead: its first update measures"
            raise LabError(identity, "a forecast is made from a lab, and not imported", fix=fix)
        live = _live(task, inputs)
        try:
            wrong = live.wrong(task, _ours(inputs), timeout_s=0)
        except BackendError as error:
            wrong = dict.fromkeys(_ours(inputs), error.problem)
        return Made(identity, {**olds, **inputs, "pairs": {**inputs["pairs"], **wrong}})

    def delete(self, _task: Task, _identity: str) -> None:
        """Forget it: there is nothing on the host."""

    def inputs(self, state: Properties) -> Properties:
        """Return the forecast in *state*."""
        return {name: state.get(name) for name in properties(ReachabilityArgs)}

    def _settled(self, task: Task, inputs: Properties, pairs: Collection[str]) -> Made:
        live, identity = _live(task, inputs), self.identity(inputs)
        try:
            wrong = live.wrong(task, pairs, live.forecast.timeout_seconds)
        except BackendError as error:
            raise HalfMadeError(Made(identity, {**inputs, "pairs": {}}), error) from error
        made = Made(identity, {**inputs, "pairs": {**inputs["pairs"], **wrong}})
        if wrong:
            raise HalfMadeError(made, _diagnosis(live, task, wrong))
        measured = len(live.forecast.pings.keys() & pairs)
        task.say(f"{measured} pairs measured, all as forecast")
        return made


def _live(task: Task, inputs: Properties) -> Live:
    known = completed(Forecast, inputs)
    forecast = Forecast(**{snake(name): value for name, value in known.items()})
    return Live(backend(inputs["copy"]["backend"]), copy_of(inputs, task.owner), forecast)


def _ours(inputs: Properties) -> list[str]:
    """Return the pairs that no student's own work decides."""
    theirs = set(inputs.get("ofStudent") or ())
    return [pair for pair in inputs["pairs"] if pair not in theirs]


def _diagnosis(live: Live, task: Task, wrong: dict[str, str]) -> LabError:
    """Return every wrong pair: what was expected, what was measured, and why."""
    lines = [
        f"{pair}: expected {live.forecast.pairs[pair]}, measured {found}"
        for pair, found in wrong.items()
    ]
    waited = "cancelled" if task.cancelled.is_set() else f"{live.forecast.timeout_seconds:g} s"
    return LabError(
        f"{live.copy.lab} of {live.copy.student}",
        f"{len(wrong)} of {len(live.forecast.pairs)} pairs are not as forecast ({waited})",
        detail="\n".join(lines),
        fix="labiac verify compares again; labiac reach says what was forecast, hop by hop",
    )
