"""Measure labiac beside its floor and its rivals, in one run on one machine.

    make bench, make bench-libvirt, make bench-incus
    python benchmarks/run.py [--guests | --containers] [--json] [--write] [--only SECTION] [--quick]

Progress goes to stderr. The tools of a section take turns, so that what slows the machine down for
a while hits them all, and each waits until the machine is quiet; the figures are medians.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shlex
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from report import Row, page
from rivals import PROJECT
from timing import MissingError, room_for_neighbours, wait_for_quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from questions import Section
    from rivals import Figures

PARTS = {
    "questions": "# Benchmarks",
    "guest_questions": "## Virtual machines",
    "container_questions": "## System containers",
}
"""The parts of the page, in order, by what asks for them."""
PAGE = PROJECT / "docs" / "benchmarks.md"


def measure(section: Section, copies: int, turns: int) -> Iterator[Row]:
    """Run the tools of *section* in *turns* on *copies* labs."""
    found: dict[str, list[Figures]] = defaultdict(list)
    missing: dict[str, str] = {}
    for turn in range(turns):
        for tool in (tool for tool in section.tools if tool not in missing):
            print(f"{section.name}, {copies} copies, turn {turn + 1}: {tool}", file=sys.stderr)
            if os.geteuid() == 0:
                wait_for_quiet()
            try:
                found[tool].append(section.tools[tool](copies))
            except (MissingError, RuntimeError) as error:
                missing[tool] = str(error).strip()
    for figure in section.figures:
        base = None
        for tool in section.tools:
            samples = tuple(each[figure] for each in found[tool] if figure in each)
            median = statistics.median(samples) if samples else None
            base = base or median
            ratio = median / base if median is not None and base else None
            why = missing.get(tool, "")
            yield Row(section.name, tool, copies, figure, median, samples, ratio, why)


def beside(old: str, new: str) -> str:
    """Return the page *old* with the part that *new* is in its place."""
    parts: dict[str, list[str]] = {title: [] for title in PARTS.values()}
    for text in (old, new):
        title = ""
        for line in text.splitlines():
            if line in parts:
                title, parts[line] = line, []
            parts[title].append(line)
    return "\n\n".join("\n".join(part).rstrip() for part in parts.values() if part) + "\n"


def machine() -> str:
    """Return what this ran on, in a line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{cpu}, {os.cpu_count()} CPUs, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description="Measure labiac beside its rivals.")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    kinds = parser.add_mutually_exclusive_group()
    for name, kind in (("guests", "virtual machines"), ("containers", "system containers")):
        what = f"{name.removesuffix('s')}_questions"
        kinds.add_argument(
            f"--{name}", dest="asked", action="store_const", const=what, help=f"of {kind}"
        )
    parser.add_argument("--only", metavar="SECTION", action="append", help="nothing else")
    parser.add_argument("--quick", action="store_true", help="one turn each")
    options = parser.parse_args()
    name = options.asked or "questions"
    asked = import_module(name)
    sections = [each for each in asked.SECTIONS if not options.only or each.name in options.only]
    if not sections:
        parser.error(f"--only takes one of {', '.join(each.name for each in asked.SECTIONS)}")
    with room_for_neighbours():
        rows = [
            row
            for section in sections
            for copies, turns in section.turns.items()
            for row in measure(section, copies, 1 if options.quick else turns)
        ]
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    command = shlex.join(["python", "benchmarks/run.py", *sys.argv[1:]])
    head = (
        f"Measured {when} by `{command}` on {machine()}. Medians; in brackets, times the first "
        "line of a table."
    )
    text = page(PARTS[name], head, sections, rows, asked.PROMISES)
    if options.json:
        data = {"date": when, "machine": machine(), "command": command}
        print(json.dumps({**data, "rows": [asdict(row) for row in rows]}))
    else:
        print(text)
    if options.write:
        PAGE.write_text(beside(PAGE.read_text(), text))


if __name__ == "__main__":
    main()
