"""Commands in a container: Incus runs them, and keeps what they say until it is fetched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.base import Ran
from labiac.backends.incus import api
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.incus.names import Place

_FED: Final = ("sh", "-c", 'printf %s "$LABIAC_INPUT" | "$@"', "sh")
"""What a command begins with that has an input; Incus gives it none where it keeps its output."""


def execute(place: Place, argv: Sequence[str], *, timeout_s: float, text: str = "") -> Ran:
    """Run *argv* in the container at *place* with *text* as its input; return what came of it.

    Raises:
        BackendError: it does not run, or the command takes longer than *timeout_s*.
    """
    path = place.path("exec")
    # It is ended a little after we have given up on it, so that nobody waits for it for ever.
    bounded = ["timeout", "--kill-after=1", f"{timeout_s + 1:g}", *(_FED if text else ()), *argv]
    wanted = {
        "command": bounded,
        "record-output": True,
        "environment": {"LABIAC_INPUT": text} if text else {},
    }
    begun = api.begin("POST", path, wanted)["metadata"]
    done = api.outcome(path, begun["id"], timeout_s)
    if done is None:
        where = f"incus {place}"
        raise BackendError(where, f"{argv[0]} took longer than {timeout_s:g} s, and was ended")
    said = [_taken(place, done["output"][number]) for number in ("1", "2")]
    return Ran(done["return"], *said)


def attach(place: Place, argv: Sequence[str]) -> int:
    """Become *argv* in the container at *place*, with this terminal; return if it can't begin."""
    command, environment = client(place, argv)
    os.environ.update(environment)
    return run.become(command)


def client(place: Place, argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the incus command that runs *argv* in the container at *place*, and what it is told.

    That is in variables of its environment.
    """
    command = ["incus", "exec", "--project", place.project, place.name, "--", *argv]
    return command, {"INCUS_SOCKET": str(api.address())}


def _taken(place: Place, log: str) -> bytes:
    """Return what is in *log*, and delete it there."""
    path = api.path_of(*log.removeprefix("/1.0/").split("/"), project=place.project)
    content = api.raw(path)
    api.call("DELETE", path)
    return content
