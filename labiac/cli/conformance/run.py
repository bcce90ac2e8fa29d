"""One trial from the first step to the last: nothing it makes outlives it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labiac.cli.conformance.trial import CannotError
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.cli.conformance.steps import Step
    from labiac.cli.conformance.trial import Trial

_Outcome = Literal["passed", "failed", "skipped"]
_INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a step.

    Args:
        step: Its name.
        outcome: What came of it.
        seconds: How long it took.
        said: What it found, why it failed, or why it was left out.
    """

    step: str
    outcome: _Outcome
    seconds: float
    said: str


@dataclass(frozen=True, slots=True)
class Trials:
    """What came of all steps, and whether somebody stopped them."""

    steps: tuple[Tried, ...]
    interrupted: bool

    @property
    def ok(self) -> bool:
        """Whether none failed, and nobody stopped them."""
        return not self.interrupted and all(each.outcome != "failed" for each in self.steps)

    def count(self, outcome: _Outcome) -> int:
        """Return how many steps have this *outcome*."""
        return sum(each.outcome == outcome for each in self.steps)


def run(trial: Trial, steps: Sequence[Step], tell: Callable[[Tried], None]) -> Trials:
    """Try *steps* in their order, and tell of each when it is done.

    After a Ctrl-C only those that leave nothing behind are still done.
    """
    done: list[Tried] = []
    missing: set[str] = set()
    interrupted = False
    for step in steps:
        lacks = sorted(missing.intersection(step.needs))
        if interrupted and not step.last:
            tried = Tried(step.name, "skipped", 0, _INTERRUPTED)
        elif lacks:
            tried = Tried(step.name, "skipped", 0, f"needs {', '.join(lacks)}")
            missing.add(step.name)
        else:
            tried = _tried(step, trial)
            if tried.outcome == "failed":
                missing.add(step.name)
            interrupted |= tried.said == _INTERRUPTED
        done.append(tried)
        tell(tried)
    return Trials(tuple(done), interrupted)


def _tried(step: Step, trial: Trial) -> Tried:
    begun = time.monotonic()

    def ended(outcome: _Outcome, said: str) -> Tried:
        return Tried(step.name, outcome, time.monotonic() - begun, said)

    try:
        return ended("passed", step.work(trial))
    except CannotError as cannot:
        return ended("skipped", str(cannot))
    except KeyboardInterrupt:
        return ended("failed", _INTERRUPTED)
    except LabError as error:
        return ended("failed", str(error))
    except Exception as error:  # noqa: BLE001 -- what nobody thought of is what a report is for
        return ended("failed", f"{type(error).__name__}: {error}")
