"""The life of a Key: an SSH key pair of one copy, which is nowhere but in the stack's state."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final

from labiac.backends.ssh import pair
from labiac.provider.lifecycle import CopyArgs, Diff, Effected, Made, copy_of, unknown_backend
from labiac.provider.shape import Failure, completed, failures, properties
from labiac.provider.values import changes, unknown

if TYPE_CHECKING:
    from labiac.provider.lifecycle import Task
    from labiac.provider.values import Properties

PUBLIC: Final = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]+={0,2} [a-z0-9./-]+")
"""A public key that can stand anywhere in a seed without meaning anything else there."""

_PROGRAM: Final = "ssh-keygen"


@dataclass(frozen=True)
class KeyArgs:
    """The SSH key pair of one copy. Nodes that boot take it, and it is nowhere but in the state.

    Args:
        copy: Whose copy it is for.
    """

    copy: CopyArgs


class Key:
    """The life of a key pair."""

    def check(self, inputs: Properties) -> list[Failure]:
        """Return everything that is wrong with *inputs*, and whether a key cannot be made here."""
        if unknown(inputs):
            return []
        found = [*failures(KeyArgs, inputs, ""), *unknown_backend(inputs)]
        if which(_PROGRAM) is None:
            lacking = f"needs {_PROGRAM}, and there is none: install OpenSSH's client"
            found.append(Failure("copy", lacking))
        return found

    def diff(self, olds: Properties, news: Properties) -> Diff:
        """Return whether it is the key of another copy."""
        was, now = completed(KeyArgs, olds), completed(KeyArgs, news)
        return Diff([Effected(change, "replace") for change in changes(was, now)])

    def identity(self, inputs: Properties) -> str:
        """Return the ID of the key: one a copy."""
        copy = copy_of(inputs)
        return f"{inputs['copy']['backend']}:{copy.lab}/{copy.student}/key"

    def create(self, _task: Task, inputs: Properties) -> Made:
        """Make a key pair.

        Raises:
            CommandError: ssh-keygen refused.
        """
        copy = copy_of(inputs)
        public, private = _pair(f"{copy.lab}.{copy.student}")
        return Made(self.identity(inputs), {**inputs, "publicKey": public, "privateKey": private})

    def read(self, _task: Task, identity: str, olds: Properties, _in: Properties) -> Made | None:
        """Return it as the state has it: nobody else does."""
        return Made(identity, olds) if olds.get("privateKey") else None

    def update(self, task: Task, _identity: str, _olds: Properties, news: Properties) -> Made:
        """Make another one: nothing about a key can change."""
        return self.create(task, news)

    def delete(self, _task: Task, _identity: str) -> None:
        """Forget it: it is only in the state."""

    def inputs(self, state: Properties) -> Properties:
        """Return whose key *state* is."""
        return {name: state.get(name) for name in properties(KeyArgs)}


def _pair(comment: str) -> tuple[str, str]:
    """Return a public key and its private one; no copy of them stays behind."""
    with tempfile.TemporaryDirectory(prefix="labiac-") as folder:  # for its owner alone
        file = Path(folder, "key")
        pair(file, comment)
        return file.with_suffix(".pub").read_text().strip(), file.read_text()
