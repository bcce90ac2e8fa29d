"""A guest asked through its agent: commands and files, without any network.

Source:
    https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.base import Ran
from labiac.backends.libvirt.connection import library
from labiac.backends.run import NOT_FOUND
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANSWER_S: Final = 30
"""How long the agent may take for one answer: a busy guest without KVM is slow."""
_POLL_S: Final = (0.02, 0.5)
"""First and longest rest between two looks at a command that still runs."""
_LARGEST: Final = 1 << 20


def execute(domain: Any, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Ran:
    """Run *argv* with *stdin* in the guest and return what came of it.

    Raises:
        BackendError: it takes longer than *timeout_s*; it goes on then.
    """
    process = start(domain, argv, stdin)
    if isinstance(process, Ran):
        return process
    end = time.monotonic() + timeout_s
    rest, longest = _POLL_S
    while (ran := outcome(domain, process)) is None:
        if time.monotonic() > end:
            problem = f"{argv[0]} took longer than {timeout_s:g} s, and goes on"
            raise BackendError(f"libvirt {domain.name()}", problem)
        time.sleep(rest)
        rest = min(2 * rest, longest)
    return ran


def start(domain: Any, argv: Sequence[str], stdin: bytes = b"") -> int | Ran:
    """Start *argv* in the guest; return its process number, or what came of it already."""
    program, *arguments = argv
    call = {"path": program, "arg": arguments, "capture-output": True}
    if stdin:
        call["input-data"] = base64.b64encode(stdin).decode()
    try:
        return int(ask(domain, "guest-exec", **call)["pid"])
    except library().libvirtError as error:
        if "Failed to execute child process" in str(error):
            return Ran(NOT_FOUND, b"", f"{program}: not found\n".encode())
        raise


def outcome(domain: Any, process: int) -> Ran | None:
    """Return what came of a *process* in the guest, or None while it runs."""
    state = ask(domain, "guest-exec-status", pid=process)
    if not state["exited"]:
        return None
    out, err = (base64.b64decode(state.get(key, "")) for key in ("out-data", "err-data"))
    return Ran(state.get("exitcode", 128 + state.get("signal", 0)), out, err)


def read(domain: Any, path: str) -> bytes:
    """Return the file *path* of the guest; libvirt's own error when there is none."""
    handle = ask(domain, "guest-file-open", path=path)
    try:
        said = ask(domain, "guest-file-read", handle=handle, count=_LARGEST)
    finally:
        ask(domain, "guest-file-close", handle=handle)
    return base64.b64decode(said["buf-b64"])


def is_silent(error: Exception) -> bool:
    """Return whether libvirt's *error* says that no agent answers, and not that it refuses."""
    return bool(error.get_error_code() == library().VIR_ERR_AGENT_UNRESPONSIVE)  # type: ignore[attr-defined]


def answers(domain: Any, timeout_s: float) -> bool:
    """Wait until the agent answers, and return whether it does in *timeout_s*.

    For a moment after a guest is restored, no agent is connected.
    """
    end = time.monotonic() + timeout_s
    while True:
        try:
            ask(domain, "guest-ping")
        except library().libvirtError as error:
            if not is_silent(error):
                raise
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S[1])
        else:
            return True


def ask(domain: Any, command: str, **arguments: Any) -> Any:
    """Return the agent's answer to a *command* of its own."""
    import libvirt_qemu

    call = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, call, _ANSWER_S, 0))["return"]
