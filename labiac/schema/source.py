"""Where each part of a lab file was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labiac.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Keys and indexes from the top of the file: ``("routers", "r1", "nics", 0, "lan")``."""


@dataclass(frozen=True)
class Source:
    """The name of a file, and the line of each path in it.

    Args:
        name: The file as the user named it; empty for a lab written in Python.
        lines: Line of each path, counted from 1.
    """

    name: str = ""
    lines: dict[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """Return ``file:line`` of *path*, or of the nearest part above it that was written."""
        for length in range(len(path), -1, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return f"{self.name}:{line}"
        return self.name

    def problem(self, path: Path, problem: str, fix: str = "", level: str = "error") -> Problem:
        """Return a problem with what *path* says."""
        return Problem(self.where(path), dotted(path), problem, fix, level)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return *problems* in the order of the file's lines."""
    return tuple(sorted(problems, key=_line))


def _line(problem: Problem) -> int:
    tail = problem.where.rpartition(":")[2]
    return int(tail) if tail.isdigit() else 0


def dotted(path: Path) -> str:
    """Return *path* as people write it: ``routers.r1.nics[0].lan``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")
