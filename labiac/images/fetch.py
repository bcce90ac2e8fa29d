"""Downloads a large file: goes on where it was interrupted, and believes it when it is verified."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from labiac.errors import LabError

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path

    from labiac.host.progress import Progress

SILENCE_S = 30
"""Seconds without a byte after which a server counts as out of reach."""

ATTEMPTS = 5
"""How often in a row a connection may break without a byte more."""

CHUNK = 2**18

LIST_LIMIT = 2**20
"""Bytes of a list of checksums; the longest, Ubuntu's, has a few thousand."""

ALGORITHMS = {64: "sha256", 128: "sha512"}
"""By the number of hexadecimal digits."""


def published(url: str, name: str) -> str:
    """Return the digest that the list at *url* has for the file *name*, hexadecimal.

    The list is what sha256sum or sha512sum prints, or one digest alone.

    Raises:
        LabError: it is out of reach, or has none.
    """
    try:
        with _open(url) as answer:
            text = str(answer.read(LIST_LIMIT), errors="replace")
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        alone = len(lines) == len(words) == 1
        if (alone or words[-1].lstrip("*") == name) and _is_digest(words[0]):
            return words[0].lower()
    raise LabError(url, f"has no checksum of {name}", fix="its publisher may have moved it: look")


def download(url: str, file: Path, digest: str, progress: Progress) -> None:
    """Bring *file* to the content that has the *digest*; what is there of it already is kept.

    Raises:
        LabError: the server is out of reach, or sends something else; then nothing is kept.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    failed = 0
    while True:
        had = _size(file)
        try:
            _receive(url, file, progress)
        except (OSError, HTTPException) as error:
            failed = 0 if _size(file) > had else failed + 1
            if isinstance(error, HTTPError) or failed == ATTEMPTS:
                raise _unreachable(url, error) from error
        else:
            break
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, ALGORITHMS[len(digest)]).hexdigest()
    if found != digest:
        file.unlink()
        problem = f"what came has the checksum {found[:16]}..., its publisher says {digest[:16]}..."
        raise LabError(url, problem, fix="try again; if it stays so, do not use it")


def _receive(url: str, file: Path, progress: Progress) -> None:
    """Append to *file* what is missing of it; from the start where the server knows no ranges.

    Raises:
        ConnectionError: the connection ended early.
    """
    try:
        answer = _open(url, Range=f"bytes={_size(file)}-")
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # it is all here
        raise
    partial = answer.status == HTTPStatus.PARTIAL_CONTENT
    with answer, file.open("ab" if partial else "wb") as stream:
        total = stream.tell() + int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK):
            stream.write(chunk)
            progress.last = f"{stream.tell() / 1e6:.0f} of {total / 1e6:.0f} MB"
        if stream.tell() < total:
            raise ConnectionError(f"ended after {stream.tell()} of {total} bytes")


def _open(url: str, **headers: str) -> HTTPResponse:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the catalogue's
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=SILENCE_S)  # noqa: S310
    except HTTPError as error:
        error.close()  # it holds the connection
        raise
    return answer


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _is_digest(word: str) -> bool:
    return len(word) in ALGORITHMS and re.fullmatch(r"[0-9a-fA-F]+", word) is not None


def _unreachable(url: str, error: Exception) -> LabError:
    reason = getattr(error, "reason", error)
    fix = "check the network (a proxy is taken from https_proxy), and run it again: it goes on"
    return LabError(url, f"{reason}", fix=fix)
