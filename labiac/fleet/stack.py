"""One Pulumi stack, through the CLI."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labiac.errors import CommandError
from labiac.fleet.settings import environment, project_folder
from labiac.host.home import keep
from labiac.host.process import Ended, Interrupts, run

NONE_NAMED = "no stack named"
"""What the CLI says, on any backend, of a stack that nobody created."""

LAYOUT = "version: 1"
"""What the CLI notes in a folder of stacks that it keeps by project."""

CHECKPOINT = 3
"""Version of the states that every CLI which labiac works with reads, and one without features
still writes."""

ASIDE_S = 60
"""Seconds that a command about the stack itself, not its resources, may take."""

WRITTEN_S = 2
"""Seconds after which a lock that is still half written will never be whole."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that need not exist yet.

    Args:
        cli: The Pulumi CLI to reach it with.
        name: Its name in labiac's project.
        file: Where its state lies; None where that is not on this machine.
        interrupts: What stops its operations from another thread, if anything does.
    """

    cli: Path
    name: str
    file: Path | None
    interrupts: Interrupts | None = None

    @property
    def exists(self) -> bool:
        """Whether it exists, as far as can be told without asking the CLI."""
        return self.file is None or self.file.exists()

    def run(
        self, *arguments: str, more: dict[str, str] | None = None, timeout_s: float | None = None
    ) -> Ended:
        """Run the CLI on this stack, with *more* in its environment, and return what it said.

        Raises:
            KeyboardInterrupt: it was interrupted, and has ended.
            TimeoutError: it took longer than *timeout_s* and was ended.
        """
        self._mend()
        argv = [str(self.cli), *arguments, "--stack", self.name, "--non-interactive"]
        env = environment(self.cli) | (more or {})
        return run(
            argv,
            cwd=project_folder(),
            env=env,
            timeout_s=timeout_s,
            interrupts=self.interrupts,
        )

    def create(self) -> None:
        """Create it, empty. Being there already is success.

        In a folder that the CLI has used, a file is all that it takes, and a third of a second
        less: the CLI would start, and derive a key that nobody needs yet.

        Raises:
            CommandError: the CLI could not.
        """
        if self.file and _layout(self.file.parents[2]) == LAYOUT:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            full_name = f"organization/{self.file.parent.name}/{self.name}"
            empty = {"version": CHECKPOINT, "checkpoint": {"stack": full_name}}
            keep(self.file, json.dumps(empty), once=True)
            return
        ended = self.run("stack", "init", "--no-select", timeout_s=ASIDE_S)
        if "already exists" not in ended.output:
            self._expect(ended, "stack init")

    def remove(self) -> None:
        """Remove it, which has no resources any more.

        Raises:
            CommandError: it has some, or the CLI could not.
        """
        self._expect(self.run("stack", "rm", "--yes", timeout_s=ASIDE_S), "stack rm")

    def cancel(self) -> None:
        """Take the locks off it that a dead process left.

        Raises:
            CommandError: the CLI could not.
        """
        self._expect(self.run("cancel", "--yes", timeout_s=ASIDE_S), "cancel")

    def read(self) -> dict[str, Any]:
        """Return its state as Pulumi exports it, secrets encrypted; empty where there is none.

        Raises:
            CommandError: the CLI could not.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "state.json")
            ended = self.run("stack", "export", "--file", str(file), timeout_s=ASIDE_S)
            if ended.code and NONE_NAMED in ended.output:
                return {}
            self._expect(ended, "stack export")
            state: dict[str, Any] = json.loads(file.read_text())
            return state if state["deployment"] else {}

    def write(self, state: dict[str, Any]) -> None:
        """Make *state* its state.

        Raises:
            CommandError: the CLI could not.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "state.json")
            file.write_text(json.dumps(state))
            ended = self.run("stack", "import", "--file", str(file), timeout_s=ASIDE_S)
        self._expect(ended, "stack import")

    def _mend(self) -> None:
        """Remove what a CLI that was killed, or had no room, left half written beside the state.

        It would trip over that next time.

        Source:
            A file backend (gocloud.dev's fileblob) writes a file whole or not at all, by way of
            one that ends in ".tmp", but the attributes beside it in place. Missing ones do no
            harm, empty ones end in "EOF"; a lock's ".tmp" is taken for a lock.
        """
        if self.file is None:
            return
        project = self.file.parent
        locks = project.parents[1] / "locks" / "organization" / project.name / self.name
        for attributes in (*project.glob(f"{self.name}.json*.attrs"), *locks.glob("*.attrs")):
            with suppress(FileNotFoundError):  # another labiac, or its CLI, tidies up too
                if not attributes.stat().st_size:
                    attributes.unlink()
        for half in locks.glob("*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - half.stat().st_mtime > WRITTEN_S:
                    half.unlink()

    def _expect(self, ended: Ended, command: str) -> None:
        if ended.code:
            argv = ["pulumi", *command.split(), "--stack", self.name]
            raise CommandError(f"stack {self.name}", argv, ended.code, ended.output)


def _layout(folder: Path) -> str:
    """Return how the stacks in *folder* are laid out, in the words of the CLI."""
    try:
        return (folder / "meta.yaml").read_text().strip()
    except OSError:
        return ""
