"""The same work for every student of a class, some at a time: who fails stops nobody else."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from labiac.errors import LabError
from labiac.host.process import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labiac.fleet.roster import Student

T = TypeVar("T")

AT_ONCE = 2 * (os.cpu_count() or 1)
"""Students at a time unless the user says otherwise: who waits for the host takes no CPU."""
NOT_BEGUN = "not begun: interrupted before"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of the work for one student.

    Args:
        student: Whose copy it was about.
        result: What the work returned, or None: it could not be done.
        reason: Why not; empty where there is a result.
        seconds: How long it took.
    """

    student: Student
    result: T | None
    reason: str
    seconds: float


def each(
    students: Sequence[Student],
    work: Callable[[Student, Interrupts], T],
    *,
    at_once: int = AT_ONCE,
) -> Iterator[Outcome[T]]:
    """Do *work* for each of *students*, and yield what came of it as it comes.

    A Ctrl-C asks what runs to end, which it does in its own time, and begins nothing more: those
    students' outcomes say so, and then the KeyboardInterrupt goes on to the caller.

    Args:
        students: The class, in the order to begin in.
        work: Called from several threads with a student and what will stop it.
        at_once: For so many students at a time.

    Raises:
        KeyboardInterrupt: after the last outcome, where there was a Ctrl-C.
    """
    interrupts = Interrupts()
    with _heeding(interrupts), ThreadPoolExecutor(at_once, "student") as pool:
        begun = [pool.submit(_one, student, work, interrupts) for student in students]
        yield from (future.result() for future in as_completed(begun))
    if interrupts.sent:
        raise KeyboardInterrupt


def _one(
    student: Student, work: Callable[[Student, Interrupts], T], interrupts: Interrupts
) -> Outcome[T]:
    """Return what comes of *work* for *student*, whatever that is."""
    started = time.monotonic()
    result, reason = None, ""
    try:
        if interrupts.sent:
            reason = NOT_BEGUN
        else:
            result = work(student, interrupts)
    except LabError as error:
        reason = str(error)
    except KeyboardInterrupt:
        reason = "interrupted"
    except Exception as error:  # noqa: BLE001 -- the border: a mistake is one student's, not the class's
        reason = f"labiac failed: {type(error).__name__}: {error}"
    return Outcome(student, result, reason, time.monotonic() - started)


@contextmanager
def _heeding(interrupts: Interrupts) -> Iterator[None]:
    """Let a Ctrl-C reach the threads, and not whatever line the main thread is at."""
    before = signal.signal(signal.SIGINT, lambda *_: interrupts.send())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
