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

from labiac.errors import CommandError, LabError

if TYPE_CHECKING:
    from labiac.fleet.stack import Stack

LOCKED = "the stack is currently locked by"
HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
"""How a file backend names who holds a lock (Pulumi's ``pkg/backend/diy/lock.go``)."""

PATIENCE_S = 5.0
"""Seconds that a CLI gets to notice that the labiac it served was killed, and to end."""


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


def settle(stack: Stack) -> int:
    """Take interrupted creates out of the state of *stack*, and return how many there were.

    Pulumi keeps them for a person to judge, and would make them anew. But something may stand on
    the host by now, so they become resources that do not run: the next operation completes those
    that are still wanted, and deletes the others.

    Raises:
        CommandError: the CLI could not read or write the state.
        LabError: somebody works on it after all.
    """
    if stack.file and not (stack.exists and b'"pending_operations"' in stack.file.read_bytes()):
        return 0
    try:
        return _settled(stack)
    except CommandError as error:
        if not free(stack, error.stderr):
            raise
    return _settled(stack)


def _settled(stack: Stack) -> int:
    """Settle the state as it is now; return how many operations were interrupted."""
    state = stack.read()
    interrupted = _interrupted(state["deployment"]) if state else 0
    if interrupted:
        stack.write(state)
    return interrupted


def _interrupted(deployment: dict[str, Any]) -> int:
    """Settle the creates in *deployment* that were interrupted; return how many there were."""
    from labiac.provider.items import Items
    from labiac.provider.server import RESOURCES

    pending = deployment.pop("pending_operations", None) or []
    resources = deployment.setdefault("resources", [])
    known = {resource["urn"] for resource in resources}
    for resource in (each["resource"] for each in pending if each["type"] == "creating"):
        life, inputs = RESOURCES.get(resource["type"]), resource.get("inputs", {})
        if resource["urn"] not in known and isinstance(life, Items):
            outputs = {**inputs, "running": False}
            resources.append({**resource, "id": life.identity(inputs), "outputs": outputs})
    return len(pending)
