"""A copy of the practical that is there to be tried out, and what is done with all of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from labiac.backends.base import Copy, Lists, ref_of
from labiac.cli.deploy import counted, operate, program_of, taken_down
from labiac.errors import LabError, UnsupportedError
from labiac.plan.model import unstarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.fleet.engine import Engine, Result
    from labiac.fleet.events import Step
    from labiac.plan.model import Machine, Plan

LAB = "three-lans"
FAR = "pc4"
"""The PC whose cable is pulled out, and which is deleted behind labiac's back."""


class CannotError(Exception):
    """What the backend cannot do, in this version or ever: its step is skipped, and not failed."""


class Trial:
    """One copy on one backend, of a student whom there is not.

    Args:
        backend: Name of the backend.

    Attributes:
        running: Whether its machines shall run: once they have been made.
        begun: Whether anything may have been made.

    Raises:
        LabError: there is no such backend here.
    """

    def __init__(self, backend: str) -> None:
        from labiac.provider.lifecycle import backend as opened

        self.backend = opened(backend)
        self.student = f"conformance-{secrets.token_hex(3)}"
        self.copy = Copy(LAB, self.student)
        self.running = not self.backend.features.boots
        self.begun = False

    def plan(self, *, plugged_in: bool = True) -> Plan:
        """Return what the copy is to be now; one PC may have its cable pulled out."""
        from labiac.plan.resolve import resolve
        from labiac.schema.load import from_data, shipped
        from labiac.schema.yaml import parse

        data: Any = parse(shipped(LAB).read_text(encoding="utf-8"), LAB)[0]
        data["management"] = "ssh"  # where it is not the default, it is what is to be tried
        if not plugged_in:
            data["pcs"][FAR]["connected"] = False
        plan = resolve(from_data(data, LAB), self.student, self.backend.name)
        return plan if self.running else unstarted(plan)

    def machine(self, name: str) -> Machine:
        """Return the machine called *name*, as planned."""
        return self.plan().machine(name)

    def ref(self, name: str) -> str:
        """Return the ref of the machine called *name*."""
        return ref_of(self.copy, "machine", name)

    def insist(self) -> str:
        """Refuse to go on where the backend can't make the copy; return what it warns of.

        Raises:
            UnsupportedError: it can't.
        """
        problems = self.backend.check(self.plan())
        errors = [problem for problem in problems if problem.level == "error"]
        if errors:
            raise UnsupportedError(errors)
        return "\n".join(f"{problem.level}: {problem}" for problem in problems)

    def previewed(self, plan: Plan) -> Sequence[Step]:
        """Return what the engine would do to make *plan* of what there is.

        Raises:
            LabError: it could not tell.
        """
        return self._done("preview", lambda engine: engine.preview(program_of(plan))).steps

    def up(self, plan: Plan) -> Result:
        """Make *plan* of what there is; where its machines run, that ends with a measurement.

        Raises:
            LabError: it could not be done, or who reaches whom is not as forecast.
        """
        return self._done("up", lambda engine: engine.up(program_of(plan)))

    def refresh(self) -> list[dict[str, Any]]:
        """Return how the host differs from what was deployed.

        Raises:
            LabError: it could not be told.
        """
        from labiac.cli.changes import drift

        return drift(self._done("refresh", lambda engine: engine.refresh()).steps)

    def destroy(self) -> str:
        """Delete all of it, and the stack; return how much that was.

        Raises:
            LabError: it could not be done.
        """
        from labiac.fleet.engine import Engine

        result, swept = taken_down(self.copy)
        self._insist(result)
        Engine(self.copy).forget()
        return counted(result, swept=len(swept))

    def left(self) -> list[str]:
        """Return the refs of what there still is of it, by name and by labiac's marks."""
        plan = self.plan()
        refs = [
            ref_of(self.copy, kind, item.name)
            for kind, items in (("machine", plan.machines), ("network", plan.networks))
            for item in items
        ]
        named = [ref for ref in refs if self.backend.read(ref)]
        found = self.backend.find() if isinstance(self.backend, Lists) else []
        marked = [ref for each in found if each.copy.student == self.student for ref in each.refs]
        return list(dict.fromkeys([*named, *marked]))

    def _done(self, what: str, work: Callable[[Engine], Result]) -> Result:
        self.begun = True  # a preview, too, makes a stack
        result = operate(self.plan() if what == "up" else self.copy, what, work)
        self._insist(result)
        return result

    def _insist(self, result: Result) -> None:
        """Go no further with what failed.

        Raises:
            KeyboardInterrupt: a Ctrl-C ended it.
            LabError: it failed.
        """
        if result.cancelled:
            raise KeyboardInterrupt
        if not result.ok:
            raise LabError("", "\n".join(result.errors))
