"""One Pulumi stack, through the CLI."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labiac.errors import CommandError
from labiac.fleet.process import Ended, run
from labiac.fleet.settings import environment, project_folder

NONE_NAMED = "no stack named"
"""What the CLI says, on any backend, of a stack that nobody created."""

ASIDE_S = 60
"""Seconds that a command about the stack itself, not its resources, may take."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that need not exist yet.

    Args:
        cli: The Pulumi CLI to reach it with.
        name: Its name in labiac's project.
    """

    cli: Path
    name: str

    def run(
        self, *arguments: str, more: dict[str, str] | None = None, timeout_s: float | None = None
    ) -> Ended:
        """Run the CLI on this stack, with *more* in its environment, and return what it said.

        Raises:
            KeyboardInterrupt: it was interrupted, and has ended.
            TimeoutError: it took longer than *timeout_s* and was ended.
        """
        argv = [str(self.cli), *arguments, "--stack", self.name, "--non-interactive"]
        env = environment(self.cli) | (more or {})
        return run(argv, cwd=project_folder(), env=env, timeout_s=timeout_s)

    def create(self) -> None:
        """Create it, empty. Being there already is success.

        Raises:
            CommandError: the CLI could not.
        """
        ended = self.run("stack", "init", "--no-select", timeout_s=ASIDE_S)
        if ended.code and "already exists" not in ended.output:
            raise self._failed("stack init", ended)

    def cancel(self) -> None:
        """Take the locks off it that a dead process left.

        Raises:
            CommandError: the CLI could not.
        """
        self._aside("cancel", "--yes")

    def read(self) -> dict[str, Any]:
        """Return its state as Pulumi exports it, secrets encrypted.

        Raises:
            CommandError: the CLI could not.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "state.json")
            self._aside("stack", "export", "--file", str(file))
            state: dict[str, Any] = json.loads(file.read_text())
            return state

    def write(self, state: dict[str, Any]) -> None:
        """Make *state* its state.

        Raises:
            CommandError: the CLI could not.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "state.json")
            file.write_text(json.dumps(state))
            self._aside("stack", "import", "--file", str(file))

    def _aside(self, *arguments: str) -> None:
        ended = self.run(*arguments, timeout_s=ASIDE_S)
        if ended.code:
            raise self._failed(" ".join(arguments), ended)

    def _failed(self, command: str, ended: Ended) -> CommandError:
        return CommandError(
            f"stack {self.name}", ["pulumi", *command.split()], ended.code, ended.output
        )
