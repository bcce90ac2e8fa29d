"""What the reports tell, whatever their form."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.reach.finding import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from labiac.cli.verdict import Verdict
    from labiac.plan.checks import Check
    from labiac.plan.model import Plan

AGREES = "the lab is as predicted, the student's own work aside"
"""What the comparison with the predicted matrix is called beside the checks."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, of whose copy, and when."""

    plan: Plan
    when: datetime
    found: Verdict

    @property
    def disagreement(self) -> str:
        """Which pairs, the first few, are not as predicted though they should be."""
        if self.found.agree:
            return ""
        differ = (("gained", self.found.gained), ("lost", self.found.lost))
        return "; ".join(
            f"{word} {shortened([' -> '.join(pair.ends) for pair in pairs])}"
            for word, pairs in differ
            if pairs
        )


def called(check: Check) -> str:
    """Return what people call *check*: its title, or else what it says."""
    said = check.title or str(check)
    return f"{check.stage}: {said}" if check.stage else said


def told(evidence: Mapping[str, Any]) -> str:
    """Return *evidence* as text, a line or a paragraph each."""
    return "\n".join(f"{key}: {_value(key, value)}" for key, value in evidence.items())


def _value(key: str, value: Any) -> str:
    if key == "argv":
        return shlex.join(value)
    return value.rstrip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
