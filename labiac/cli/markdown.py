"""A comparison of two labs as Markdown, to paste into a merge request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.cli.comparison import disturbances, entries, for_good, tally
from labiac.cli.draw.marked import marked
from labiac.cli.draw.mermaid import mermaid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.cli.comparison import Comparison


def markdown(found: Comparison) -> str:
    """Return *found* as Markdown, with a newline at its end."""
    lines = [f"### {found.new.lab}: {tally(found)}", ""]
    changes = [change for change, _ in found.changes]
    if changes:
        lines += ["```mermaid", *mermaid(marked(found)).splitlines(), "```", ""]
        lines += _folded("What changes", _fenced(_changed(found)))
    on = found.new.backend
    disturbed = [f"- {who}: {pairs}" for who, pairs in disturbances(found)]
    if disturbed:
        lines += _folded(f"Whom it disturbs while it happens, on {on}", [*disturbed, ""])
    turned = [f"{sign} {pairs}: {reason}" for sign, reason, pairs in for_good(found)]
    if turned:
        lost = sum(not pair.now for pair in found.turned)
        title = f"For good: {lost} pairs lost, {len(found.turned) - lost} gained"
        lines += _folded(title, _fenced(turned))
    return "\n".join(lines).rstrip() + "\n"


def _changed(found: Comparison) -> Iterator[str]:
    """Yield lines of a diff block: the first character gives each its colour."""
    for entry in entries(change for change, _ in found.changes):
        whole = entry.sign in "+-"
        head = entry.sign if whole else f"! {entry.sign}"
        yield f"{head} {entry.title}   {entry.effect}".rstrip()
        for line in entry.lines:
            yield f"{entry.sign}     {line}" if whole else f"{line[0]}     {line[2:]}"


def _fenced(lines: Iterable[str]) -> list[str]:
    return ["```diff", *lines, "```", ""]


def _folded(title: str, lines: list[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "</details>", ""]
