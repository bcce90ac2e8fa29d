"""What goes where: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labiac.errors import LabError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell reports it."""

WIDTH = 160
"""Columns to use where the output is no terminal and nobody says COLUMNS."""


def write_json(document: Any) -> None:
    """Print *document* as the one JSON document of this command."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_failure(problems: Iterable[Problem]) -> None:
    """Print, as the one JSON document of this command, why it could not be done."""
    write_json({"ok": False, "problems": [problem_data(problem) for problem in problems]})


def problem_data(problem: Problem) -> dict[str, str]:
    """Return *problem* as programs read it."""
    return {
        "level": problem.level,
        "where": problem.where,
        "field": problem.field,
        "problem": problem.problem,
        "fix": problem.fix,
    }


def note(text: str) -> None:
    """Say *text* to the person, beside the result, and over a line of progress."""
    sys.stdout.flush()
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{text}\n")


def emit(content: bytes, output: Path | None) -> None:
    """Write *content* to the file *output*, or to stdout.

    Raises:
        LabError: the file cannot be written, or stdout is a terminal and this no text.
    """
    if output is not None:
        try:
            output.write_bytes(content)
        except OSError as error:
            raise unwritable(output, error) from None
        note(f"wrote {output}")
    elif b"\0" in content and sys.stdout.isatty():
        fix = "add -o lab.png, or pipe it into a viewer"
        raise LabError("stdout", "a PNG would only garble a terminal", fix=fix)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def unwritable(output: Path, error: OSError) -> LabError:
    """Return what to say where the file *output* cannot be written because of *error*."""
    problem = f"it cannot be written: {error.strerror}"
    return LabError(str(output), problem, fix="choose another place with -o")


def console() -> Console:
    """Return where tables and drawings go: stdout, with colours only on a terminal."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, emoji=False, markup=False, width=WIDTH if piped else None)
