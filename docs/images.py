"""Draws the pictures of these pages, from the lab files on them: ``python docs/images.py``."""
# ruff: noqa: INP001 -- a script beside its pages, not a package

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labiac.backends import open_backend
from labiac.cli.comparison import compare
from labiac.cli.diff import drawn
from labiac.cli.draw.graph import rendered
from labiac.cli.draw.live import live
from labiac.cli.draw.picture import plain
from labiac.cli.draw.topology import topology
from labiac.fleet.measured import MeasuredPair
from labiac.plan.resolve import plan_file, resolve
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data
from labiac.schema.yaml import parse

if TYPE_CHECKING:
    from labiac.plan.model import Plan

DOCS = Path(__file__).parent
FOLDER = DOCS / "images"


def images() -> dict[str, bytes]:
    """Return the content of each picture, by the name of its file."""
    before, after = (on_page("reviewing.md", f"{name}.yaml") for name in ("before", "after"))
    return {
        "three-lans.svg": rendered(plain(topology(plan_file("three-lans"))), "svg"),
        "office.svg": rendered(plain(topology(on_page("drawings.md", "office.yaml"))), "svg"),
        "campus.svg": rendered(plain(topology(campus())), "svg"),
        "change.svg": drawn(compare(before, after, open_backend("netns").features), "svg"),
        "live.svg": measured(plan_file("three-lans")),
    }


def on_page(page: str, title: str) -> Plan:
    """Return the plan of the lab file called *title* on *page*."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fence = rf'^```yaml title="{title}"\n(.*?)^```$'
    (found,) = re.findall(fence, text, re.MULTILINE | re.DOTALL)
    return resolve(from_data(parse(found, title)[0]))


def campus() -> Plan:
    """Return a lab of 50 nodes: eight routers in a ring, and four LANs of PCs."""
    lans = [f"ring{number}" for number in range(1, 9)]
    routers = {f"r{n}": {"lans": [lans[n - 1], lans[n % 8]]} for n in range(1, 9)}
    pcs: dict[str, Any] = {}
    for number, (router, count) in enumerate({"r1": 20, "r3": 8, "r4": 6, "r6": 8}.items(), 11):
        lans.append(f"lan{number}")
        routers[router]["lans"].append(lans[-1])
        pcs |= {f"pc{len(pcs) + n}": {"lan": lans[-1]} for n in range(1, count + 1)}
    parts = {"lans": {lan: {} for lan in lans}, "routers": routers, "pcs": pcs}
    return resolve(from_data({"name": "campus", **parts}))


def measured(plan: Plan) -> bytes:
    """Return *plan* as it is drawn after r1 has lost its route."""
    lost = [replace(node, routes=()) if node.name == "r1" else node for node in plan.machines]
    now = {pair.ends: pair for pair in matrix(replace(plan, machines=tuple(lost)))}
    outcomes = [
        MeasuredPair(
            *was.ends, was.ok, is_.ok, students=False, planned=was.path, path=is_.path, reason=""
        )
        for was in matrix(plan)
        for is_ in [now[was.ends]]
    ]
    agree = sum(outcome.agrees for outcome in outcomes)
    note = f"as measured 14:03, 2 minutes ago: {agree} of {len(outcomes)} pairs as predicted"
    running = [node.name for node in plan.machines]
    return rendered(live(topology(plan), outcomes, running, [note]), "svg")


if __name__ == "__main__":
    for name, content in images().items():
        (FOLDER / name).write_bytes(content)
