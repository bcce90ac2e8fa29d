"""Incus's REST API: JSON over its Unix socket. What takes a while is an operation to wait for."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import quote, urlencode

from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET: Final = "LABIAC_INCUS"
"""Variable that names the socket of an Incus; else that of this machine's own is used."""
_OWN: Final = ("/run/incus/unix.socket", "/var/lib/incus/unix.socket")
LOST: Final = "Operation not found"
"""What Incus says of an operation that it has forgotten: its member went, and came."""
_ANSWER_S: Final = 120
"""How long Incus may take to answer a question that is no operation."""
_STEP_S: Final = 5
"""How long to wait for an operation at a time."""
_STARTS_S: Final = 60
"""How long an Incus that has come back may say that it is not ready yet."""
_REST_S: Final = 0.5


class RefusedError(BackendError):
    """Incus says no, and why.

    Args:
        where: What it is about.
        problem: What Incus says.
        status: The status of HTTP that it says it with.
        fix: What to do about it, if that is known.
    """

    def __init__(self, where: str, problem: str, status: int, fix: str = "") -> None:
        super().__init__(where, problem, fix=fix)
        self.status = status


def address() -> Path | None:
    """Return the socket of the Incus to use, or None where there is none."""
    chosen = os.environ.get(SOCKET)
    if chosen:
        return Path(chosen)
    return next((path for path in map(Path, _OWN) if path.exists()), None)


def is_chosen() -> bool:
    """Return whether somebody said which Incus to use."""
    return bool(os.environ.get(SOCKET))


def path_of(*parts: str, **query: str) -> str:
    """Return the path of an object of the API, whatever is in its name."""
    path = "/".join(("/1.0", *(quote(part, safe="") for part in parts)))
    return f"{path}?{urlencode(query)}" if query else path


def get(path: str) -> Any:
    """Return what is at *path*, or None where nothing is.

    Raises:
        RefusedError: Incus refused.
        BackendError: it can't be reached.
    """
    try:
        return call("GET", path)
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def call(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return what Incus answers to *method* at *path*; of an operation, what has come of it.

    Raises:
        RefusedError: Incus refused, or the operation failed.
        BackendError: it can't be reached.
    """
    answer = begin(method, path, body)
    if answer["type"] == "async":
        return outcome(path, answer["metadata"]["id"], None)
    return answer["metadata"]


def begin(method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole answer to *method* at *path*, which may be an operation that has begun."""
    data = json.dumps(body).encode() if body is not None else None
    kind = {"Content-Type": "application/json"} if data else {}
    end = time.monotonic() + _STARTS_S
    while True:
        status, content = _request(method, path, data, kind)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR or time.monotonic() > end:
            break
        if not _starts(path, content.decode(errors="replace")):
            break
        time.sleep(_REST_S)
    return _answer(path, (status, content))


def _starts(path: str, problem: str) -> bool:
    """Return whether *problem* comes of an Incus that has come back and is ready soon."""
    from labiac.backends.incus import cluster  # it asks here, too

    return not path.startswith(path_of("cluster")) and cluster.starts(problem)


def upload(path: str, file: BinaryIO, headers: Mapping[str, str]) -> Any:
    """Send *file* to *path*, and return what has come of the operation that takes it."""
    size = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    kind = {"Content-Type": "application/octet-stream"}
    answer = _answer(path, _request("POST", path, file, {**kind, **size, **headers}))
    return outcome(path, answer["metadata"]["id"], None)


def raw(path: str) -> bytes:
    """Return the file at *path* as it is."""
    status, content = _request("GET", path, None, {})
    if status != HTTPStatus.OK:
        _answer(path, (status, content))
    return content


def outcome(path: str, operation: str, timeout_s: float | None) -> Any:
    """Wait for an operation, and return what it leaves; None when it takes longer.

    Args:
        path: What it was begun at.
        operation: Its ID.
        timeout_s: How long to wait; None is as long as it takes.

    Raises:
        RefusedError: it failed.
    """
    left = timeout_s
    while left is None or left > 0:
        step = _STEP_S if left is None else min(left, _STEP_S)
        said = _heard(path, operation, step)
        if said["status_code"] == HTTPStatus.OK:
            return said.get("metadata") or {}
        if said["status_code"] >= HTTPStatus.BAD_REQUEST:
            raise _refusal(path, said["err"], said["status_code"])
        left = None if left is None else left - step
    return None


def _heard(path: str, operation: str, wait_s: float) -> dict[str, Any]:
    """Return what Incus says of an operation once it is done, or after *wait_s* at most."""
    there = "operations", operation
    waiting = path_of(*there, "wait", timeout=f"{max(1, round(wait_s))}")
    answer = _request("GET", waiting, None, {})
    if json.loads(answer[1])["type"] == "error":  # so it calls it when the time is over
        answer = _request("GET", path_of(*there), None, {})
    said: dict[str, Any] = _answer(path, answer)["metadata"]
    return said


class _Connection(http.client.HTTPConnection):
    """HTTP over the Unix socket of Incus."""

    def __init__(self, path: Path) -> None:
        super().__init__("incus", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _request(
    method: str, path: str, data: bytes | BinaryIO | None, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    where = address()
    if where is None:
        fix = f"apt-get install incus, then incus admin init; or say where one runs: {SOCKET}=..."
        raise BackendError("incus", "no Incus runs on this machine", fix=fix)
    connection = _Connection(where)
    try:
        connection.request(method, path, data, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        fix = f"see that it runs, and that you are in its group: {where}"
        raise BackendError("incus", f"does not answer: {error}", fix=fix) from error
    finally:
        connection.close()


def _answer(path: str, response: tuple[int, bytes]) -> dict[str, Any]:
    status, content = response
    try:
        said: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise RefusedError(_where(path), f"answers {status}, and no JSON", status) from error
    if said["type"] == "error":
        raise _refusal(path, said["error"], said["error_code"])
    return said


def _refusal(path: str, problem: str, status: int) -> RefusedError:
    """Return that Incus refused, and name the members of a cluster that it could not ask."""
    from labiac.backends.incus import cluster  # it asks here, too

    silent = cluster.silent(path, problem) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    if not silent:
        return RefusedError(_where(path), problem, status)
    fix = f"switch it on, or give up what it has: incus cluster remove --force {silent}; then again"
    return RefusedError(_where(path), f"member {silent} does not answer: {problem}", status, fix)


def _where(path: str) -> str:
    return f"incus {path.partition('?')[0].removeprefix('/1.0/')}"
