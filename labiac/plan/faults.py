"""What is wrong with a lab that only its plan can tell: numbers, and names that have none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labiac.errors import DescriptionError

if TYPE_CHECKING:
    from labiac.schema.fault import Fault
    from labiac.schema.lab import Lab
    from labiac.schema.source import Path


@dataclass
class Faults:
    """Gathers what is wrong while a lab is worked out, so that all of it is told at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, path: Path, problem: str, fix: str) -> None:
        """Note that what *path* says cannot be."""
        self.found.append((path, problem, fix))

    def insist(self, lab: Lab) -> None:
        """Refuse *lab* if anything is wrong with it.

        Raises:
            DescriptionError: with all that was found, each at its line.
        """
        if self.found:
            raise DescriptionError([lab.source.problem(*fault) for fault in self.found])
