"""Runs the Pulumi engine on one student's copy of a lab: one start of the CLI an operation.

The program and the provider run in this process (`labiac.fleet.host`), so what the CLI does is
what it does for ``pulumi up`` in the project folder: same project, stacks, resources and state.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.fleet import state
from labiac.fleet.events import Message, Recorder
from labiac.fleet.pulumi_cli import find
from labiac.fleet.recovery import free, settle
from labiac.fleet.settings import stack_name, state_file
from labiac.fleet.stack import NONE_NAMED, Stack
from labiac.host.process import Ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from labiac.backends.base import Copy
    from labiac.fleet.events import News, Step
    from labiac.host.process import Interrupts

    Program = Callable[[], None]

STACK = "pulumi:pulumi:Stack"
"""The resource that stands for the stack itself; no user asked for it."""

INTERRUPTED = 130
"""Exit status of what a Ctrl-C ended, as shells have it."""

ERROR = re.compile(r"^error: (.*(?:\n[ \t]+.*)*)", re.MULTILINE)
"""How the CLI begins what went wrong before the engine could start."""
REASON = re.compile(r"^[ \t]+\d+\) (?!Unknown$)(.*)$", re.MULTILINE)
"""How it lists more than one; some it knows no words for."""
FULL, ROOM = "no space left on device", "make room there, and run this again: nothing is lost"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one operation.

    Args:
        ok: Whether all of it was done.
        cancelled: Whether the user stopped it.
        seconds: How long it took, the search for the CLI aside.
        changes: How many resources were created, updated, deleted, replaced, or the same.
        steps: The last step of each resource, in the order they came up.
        messages: What engine and resources said, progress aside.
        notes: What an interrupted run had left and was mended, in words for people.
    """

    ok: bool
    cancelled: bool
    seconds: float
    changes: dict[str, int]
    steps: tuple[Step, ...]
    messages: tuple[Message, ...]
    notes: tuple[str, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """Why it is not ok, each with the name of the resource it is about, if any."""
        wrong = [message for message in self.messages if message.severity == "error"]
        return tuple(f"{each.name}: {each.text}" if each.name else each.text for each in wrong)


class Engine:
    """Pulumi's engine for the stack of one copy.

    Args:
        copy: Whose copy of which lab.
        tell: Called with news as they come, from a thread of the run.
        interrupts: What stops its operations where they run in another thread than the main one.

    Raises:
        LabError: there is no Pulumi CLI, and none could be had.
    """

    def __init__(
        self,
        copy: Copy,
        tell: Callable[[News], None] = lambda _news: None,
        interrupts: Interrupts | None = None,
    ) -> None:
        self._tell = tell
        self._stack = Stack(find().path, stack_name(copy), state_file(copy), interrupts)

    def up(self, program: Program) -> Result:
        """Make the copy what *program* declares; its stack is created when there is none.

        Raises:
            LabError: another process works on this stack.
        """
        return self._converge(program, "up", "--yes", "--skip-preview")

    def preview(self, program: Program) -> Result:
        """Say what `up` would do. Nothing changes, though the stack is created if need be.

        Raises:
            LabError: another process works on this stack.
        """
        return self._operate(self._ready(), program, "preview")

    def refresh(self, *, keep: bool = True) -> Result:
        """Compare the state with the host; with *keep*, what is found becomes the state.

        Raises:
            LabError: another process works on this stack.
        """
        how = ("--yes", "--skip-preview") if keep else ("--preview-only",)
        return self._operate(self._ready(), _nothing, "refresh", *how)

    def destroy(self) -> Result:
        """Delete everything that the state knows of. The lab file is not needed.

        Raises:
            LabError: another process works on this stack.
        """
        return self._converge(_nothing, "destroy", "--yes", "--skip-preview")

    def forget(self) -> None:
        """Remove the stack, of which nothing is left.

        Raises:
            CommandError: there is something left, or the CLI could not.
        """
        self._stack.remove()

    def _converge(self, program: Program, *arguments: str) -> Result:
        """Operate, after the state is told what an earlier run left unfinished."""
        notes = self._ready()
        if left := settle(self._stack):
            said = (
                f"an earlier run was interrupted in {left} operations; this one looked after them"
            )
            notes.append(said)
        return self._operate(notes, program, *arguments)

    def _ready(self) -> list[str]:
        """See that the state can be read and written; return what had to be done about it."""
        if self._stack.file is None:
            return []
        state.need_room(self._stack.file)
        cut = state.mend(self._stack.file)
        return ["the state was cut off, on a full disk; took the one before it"] if cut else []

    def _operate(self, notes: list[str], program: Program, *arguments: str) -> Result:
        """Run one operation; create the stack, or unlock it, where that was missing."""
        started = time.monotonic()
        self._prepare()
        recorder, ended = self._run(program, arguments)
        if ended.code and NONE_NAMED in ended.output:
            self._stack.create()
            recorder, ended = self._run(program, arguments)
        if ended.code and free(self._stack, ended.output):
            notes.append("an earlier run was killed; took its lock off the stack")
            recorder, ended = self._run(program, arguments)
        return _result(recorder, ended, time.monotonic() - started, notes)

    def _prepare(self) -> None:
        """Create the stack where it is known to be missing, and import Pulumi meanwhile."""
        with ThreadPoolExecutor(1) as aside:
            created = None if self._stack.exists else aside.submit(self._stack.create)
            import labiac.fleet.host  # noqa: F401 - a third of a second, spent while the CLI works
        if created:
            created.result()

    def _run(self, program: Program, arguments: tuple[str, ...]) -> tuple[Recorder, Ended]:
        """Start the CLI once, with this process as its language host and provider."""
        from labiac.fleet.host import Host

        recorder = Recorder(self._tell)
        with Host(program, recorder.record) as host:
            address = f"127.0.0.1:{host.port}"
            try:
                ended = self._stack.run(
                    *arguments,
                    f"--client={address}",
                    "--exec-kind=auto.inline",
                    f"--event-log=tcp://{address}",
                    more={"PULUMI_DEBUG_PROVIDERS": f"labiac:{host.port}"},
                )
            except KeyboardInterrupt:
                ended = Ended(INTERRUPTED, "")
        if host.failure:
            raise host.failure
        return recorder, ended


def _nothing() -> None:
    """Declare nothing: operations on the state alone run no program."""


def _errors(output: str) -> list[str]:
    """Return what went wrong by *output* of the CLI, each with what to do where that is known."""
    found = [each for text in ERROR.findall(output) for each in REASON.findall(text) or [text]]
    return [f"{each}\n  fix: {ROOM}" if FULL in each else each for each in found]


def _result(recorder: Recorder, ended: Ended, seconds: float, notes: list[str]) -> Result:
    steps = tuple(step for step in recorder.steps.values() if step.type != STACK)
    own = Counter(step.op for step in recorder.steps.values() if step.type == STACK)
    messages = tuple(recorder.messages)
    if ended.code and not any(message.severity == "error" for message in messages):
        how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"exited {ended.code}"
        said = _errors(ended.output) or [f"the Pulumi CLI {how}"]
        messages += tuple(Message("error", "", text, passing=False) for text in said)
    return Result(
        ok=ended.code == 0,
        cancelled=ended.code == INTERRUPTED,
        seconds=seconds,
        changes=dict(Counter(recorder.changes) - own),
        steps=steps,
        messages=messages,
        notes=tuple(notes),
    )
