"""What the engine tells while it works, in labiac's words."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

COLOURS = re.compile(r"<\{%[^%]*%\}>")
"""Pulumi's own colour tags in messages."""

ECHO = re.compile(
    r"(update|preview|refresh|destroy) failed|an unhandled error occurred: .*", re.DOTALL
)
"""What the engine says on any failure; it tells nothing that the errors before it did not."""

ALONE = re.compile(r"1 error occurred:\s*\* (.*)", re.DOTALL)
"""How the engine lists the reasons why a resource is half made, of which we give one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the engine: a resource, and what happens to it.

    Args:
        type: Its token: ``labiac:index:Machine``.
        name: Its name in the stack.
        op: Pulumi's word: ``create``, ``update``, ``delete``, ``same``, ``replace``, ``refresh``...
        state: How far it is.
        seconds: From start to end; 0 while it runs.
        inputs: What the program wants it to be.
        outputs: What it is, once done.
        before: What it was: the outputs in the state, empty for what is new.
    """

    type: str
    name: str
    op: str
    state: Literal["running", "done", "failed"]
    seconds: float
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    before: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Something the engine or a resource says.

    Args:
        severity: ``error``, ``warning`` or ``info``.
        urn: Which resource it is about, or the empty string.
        text: What it says, without colours.
        passing: Whether it is a line of progress, which the next one replaces.
    """

    severity: str
    urn: str
    text: str
    passing: bool

    @property
    def name(self) -> str:
        """Name of the resource it is about, or the empty string."""
        return self.urn.rpartition("::")[2]


News = Step | Message


@dataclass
class Recorder:
    """Turns engine events into news, and keeps what the result of the run needs.

    Args:
        tell: Called with each piece of news as it comes, from a thread of the run.
    """

    tell: Callable[[News], None]
    steps: dict[str, Step] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)

    def record(self, event: dict[str, Any]) -> None:
        """Take one event as the engine sends it; those of no interest here are dropped.

        Source:
            ``EngineEvent`` in Pulumi's ``sdk/go/common/apitype/events.go``.
        """
        if said := event.get("diagnosticEvent"):
            self._message(said)
        elif began := event.get("resourcePreEvent"):
            self.started.setdefault(began["metadata"]["urn"], time.monotonic())
            self._step(began["metadata"], "running")
        elif ended := event.get("resOutputsEvent"):
            self._step(ended["metadata"], "done")
        elif failed := event.get("resOpFailedEvent"):
            self._step(failed["metadata"], "failed")
        elif summary := event.get("summaryEvent"):
            self.changes = dict(summary.get("resourceChanges") or {})

    def _message(self, said: dict[str, Any]) -> None:
        text = ALONE.sub(r"\1", COLOURS.sub("", said["message"]).strip())
        if said["severity"] == "debug" or not text or ECHO.fullmatch(text):
            return
        severity = said["severity"].removeprefix("info#")
        message = Message(severity, said.get("urn", ""), text, said.get("ephemeral", False))
        if not message.passing:
            self.messages.append(message)
        self.tell(message)

    def _step(self, told: dict[str, Any], state: Literal["running", "done", "failed"]) -> None:
        urn, old, new = told["urn"], told.get("old") or {}, told.get("new") or {}
        began = self.started.get(urn)
        seconds = time.monotonic() - began if began and state != "running" else 0.0
        step = Step(
            type=told["type"],
            name=urn.rpartition("::")[2],
            op=told["op"],
            state=state,
            seconds=seconds,
            inputs=new.get("inputs") or {},
            outputs=new.get("outputs") or {},
            before=old.get("outputs") or {},
        )
        self.steps[urn] = step
        self.tell(step)
