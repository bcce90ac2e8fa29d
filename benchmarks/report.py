"""What was measured, as Markdown for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from questions import Promise, Section

PER_COPY = {"up_ms", "create_ms", "down_ms", "cpu_ms"}
"""Figures that are shown for one of the copies, not for all of them together."""


@dataclass(frozen=True)
class Row:
    """What came of one tool for one number of copies.

    Args:
        section: Name of the section.
        tool: Name of the tool.
        copies: How many labs.
        figure: What was measured; of all copies together.
        median: The median, or None where the tool is missing.
        samples: Every measurement.
        ratio: Times the first tool's median.
        missing: What is missing, and how to get it.
    """

    section: str
    tool: str
    copies: int
    figure: str
    median: float | None
    samples: tuple[float, ...]
    ratio: float | None
    missing: str


def page(
    title: str, head: str, sections: Sequence[Section], rows: Sequence[Row], kept: Sequence[Promise]
) -> str:
    """Return all that was measured.

    Args:
        title: The heading above it.
        head: When, where and how.
        sections: What was asked.
        rows: What came of it.
        kept: What labiac promises.
    """
    level = title.partition(" ")[0]
    tables = [
        table(f"{level}#", section, [row for row in rows if row.section == section.name])
        for section in sections
    ]
    return "\n\n".join([title, head, promises(kept, rows), *tables])


def table(level: str, section: Section, rows: Sequence[Row]) -> str:
    """Return what was measured of *section*: a table a figure, and what is missing."""
    parts = [f"{level} {section.title}", section.note]
    parts += [_figure(section, figure, rows) for figure in section.figures]
    parts += dict.fromkeys(
        f"{row.tool} was not measured: {row.missing}" for row in rows if row.missing
    )
    return "\n\n".join(parts)


def _figure(section: Section, figure: str, rows: Sequence[Row]) -> str:
    sizes = sorted({row.copies for row in rows})
    cells = {(row.tool, row.copies): _cell(row) for row in rows if row.figure == figure}
    heads = [f"{n} {'copy' if n == 1 else 'copies'}" for n in sizes]
    lines = [_line(section.figures[figure], *heads), "| --- |" + " ---: |" * len(sizes)]
    lines += [_line(tool, *(cells[tool, n] for n in sizes)) for tool in section.tools]
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Row) -> str:
    if row.median is None:
        return "-"
    value = row.median / (row.copies if row.figure in PER_COPY else 1)
    ratio = f" (x{_number(row.ratio)})" if row.ratio and row.ratio != 1 else ""
    return _number(value) + ratio


def _number(value: float) -> str:
    """Return three digits of *value*, or all that stand before its point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004


def promises(kept: Sequence[Promise], rows: Sequence[Row]) -> str:
    """Return which promises hold, for each number of copies."""
    lines = [_line("labiac promises", "copies", "measured", "holds"), "| --- | ---: | ---: | --- |"]
    for promise in kept:
        for copies, value, best in _values(promise, rows):
            measured = _number(value) + (f" ({promise.floor}: {_number(best)})" if best else "")
            kept_it = "yes" if promise.holds(value) else "no"
            lines.append(_line(promise.text, str(copies), measured, kept_it))
    return "\n".join(lines)


def _values(promise: Promise, rows: Sequence[Row]) -> Iterator[tuple[int, float, float | None]]:
    """Yield what was measured of *promise*, by number of copies.

    That is a ratio, or without a base the figure of one copy; beside it the ratio of its floor.
    """
    medians = {
        (row.tool, row.copies): row.median
        for row in rows
        if (row.section, row.figure) == (promise.section, promise.figure)
    }
    for copies in sorted({n for _, n in medians}):
        value = medians.get((promise.tool, copies))
        base = medians.get((promise.base, copies)) if promise.base else copies
        floor = medians.get((promise.floor, copies)) if promise.floor else None
        if value is not None and base:
            yield copies, value / base, value / floor if floor else None
