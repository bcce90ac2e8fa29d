"""What an interrupted run leaves behind: locks of dead processes, and resources half made.

Our creates, updates and deletes may be repeated, so all that is left to mend is the state.
"""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labiac.errors import LabError

if TYPE_CHECKING:
    from labiac.fleet.stack import Stack

LOCKED = "the stack is currently locked by"
HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
"""How a file backend names who holds a lock (Pulumi's ``pkg/backend/diy/lock.go``)."""

PATIENCE_S = 5.0
"""Seconds that a CLI gets to notice that the labiac it served was killed, and to end."""

PENDING = "pending operations from previous deployment"
"""What the engine warns of, on some backends and states; `settle` looks for itself."""


def free(stack: Stack, output: str) -> bool:
    """Take the lock that *output* complains about off *stack*; return whether there was one.

    Raises:
        LabError: a process that holds it lives, or is on another machine.
    """
    if LOCKED not in output:
        return False
    deadline = time.monotonic() + PATIENCE_S
    for holder in HOLDER.finditer(output):
        here = holder["host"] == socket.gethostname()
        while here and _is_pulumi(int(holder["pid"])) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not here or _is_pulumi(int(holder["pid"])):
            raise LabError(
                f"stack {stack.name}",
                f"{holder['user']}@{holder['host']} (pid {holder['pid']}) works on it",
                fix="wait until it ends, or end it; then run this again",
            )
    stack.cancel()
    return True


def _is_pulumi(pid: int) -> bool:
    """Return whether *pid* lives and may be Pulumi: numbers are used again after a crash."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    name = Path(f"/proc/{pid}/comm")
    return not name.exists() or "pulumi" in name.read_text()


def settle(stack: Stack, file: Path | None) -> int | None:
    """Take interrupted creates out of the state of *stack*.

    Pulumi keeps them for a person to judge. What a later run has made, the state knows by now. Of
    the others something may stand on the host; they become resources of the state that do not
    run, for the next operation to complete or to delete.

    Args:
        stack: Its last operation has succeeded.
        file: Where its state lies, if on this machine: a look there is enough nearly always.

    Returns:
        How many of them nobody knows of yet; None when there was nothing to mend.

    Raises:
        CommandError: the CLI could not read or write the state.
    """
    if file and file.exists() and b'"pending_operations"' not in file.read_bytes():
        return None
    state = stack.read()
    deployment = state["deployment"]
    pending = deployment.pop("pending_operations", None)
    if not pending:
        return None
    resources = deployment.setdefault("resources", [])
    known = {resource["urn"] for resource in resources}
    interrupted = [each["resource"] for each in pending if each["type"] == "creating"]
    adopted = [_adopted(each) for each in interrupted if each["urn"] not in known]
    resources += adopted
    stack.write(state)
    return len(adopted)


def _adopted(resource: dict[str, Any]) -> dict[str, Any]:
    from labiac.provider.server import RESOURCES

    inputs = resource["inputs"]
    identity = RESOURCES[resource["type"]].identity(inputs)
    return {**resource, "id": identity, "outputs": {**inputs, "running": False}}
