"""A student's nodes brought to the end of a stage, once what is on them is kept.

Kept is what a student can have changed and a kernel can tell: addresses, routes, forwarding, and
the rules of nftables, those of other tables too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from labiac.backends.base import Executes, ref_of
from labiac.errors import LabError
from labiac.host.home import home, keep
from labiac.plan.document import to_data
from labiac.plan.model import Machine
from labiac.plan.nftables import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labiac.backends.base import Backend, Copy

NFT_S = 10.0
_RULES = ("nft", "list", "ruleset")
_NO_RULES = ("nft", "flush", "ruleset")


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a student.

    Args:
        was: As it is.
        goal: As it is when the stage is done.
        rules: What nftables has on it; empty where it has none.
    """

    was: Machine
    goal: Machine
    rules: str

    @property
    def has_tables(self) -> bool:
        """Whether nftables has a table there that is not the goal's."""
        heads = {line for line in self.rules.splitlines() if line.startswith("table ")}
        ours = {f"table inet {TABLE} {{"} if self.goal.policy or self.goal.translation else set()
        return bool(heads - ours)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was on a student's nodes, and the file that keeps it."""

    nodes: tuple[Node, ...]
    file: Path


def kept(backend: Backend, copy: Copy, goals: Sequence[Machine], stage: str) -> Kept:
    """Return what is on the nodes of *goals* now, once a file in labiac's own folder keeps it.

    Args:
        backend: What they run on.
        copy: Whose they are.
        goals: The nodes as they are when the stage is done.
        stage: Its name.

    Raises:
        LabError: one of them does not run, or the host refused.
        OSError: labiac's own folder cannot be written.
    """
    nodes = tuple(_read(backend, copy, goal) for goal in goals)
    now = datetime.now().astimezone()
    said = {
        "lab": copy.lab,
        "student": copy.student,
        "stage": stage,
        "when": now.isoformat(timespec="seconds"),
        "nodes": [{"node": to_data(each.was), "nftables": each.rules} for each in nodes],
    }
    folder = home() / "stages" / copy.lab / copy.student
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{now:%Y%m%d-%H%M%S.%f}-before-{stage}.json"
    keep(file, json.dumps(said, indent=2, ensure_ascii=False))
    return Kept(nodes, file)


def restored(backend: Backend, copy: Copy, here: Kept) -> list[str]:
    """Make the nodes of *here* what they are when the stage is done; return which changed.

    Raises:
        LabError: the host refused.
    """
    changed = []
    for node in here.nodes:
        ref = ref_of(copy, "machine", node.goal.name)
        was = node.was
        if node.has_tables and isinstance(backend, Executes):
            backend.execute(ref, _NO_RULES, timeout_s=NFT_S)
            was = replace(was, policy=None, translation=None)
        if node.has_tables or was != node.goal:
            backend.update(ref, was, node.goal)
            changed.append(node.goal.name)
    return changed


def _read(backend: Backend, copy: Copy, goal: Machine) -> Node:
    ref = ref_of(copy, "machine", goal.name)
    observed = backend.read(ref)
    if observed is None or not observed.running or not isinstance(observed.item, Machine):
        fix = f"labiac up {copy.lab} --student {copy.student} makes it anew"
        raise LabError(f"{goal.name} of {copy.lab} ({copy.student})", "does not run", fix=fix)
    rules = ""
    if isinstance(backend, Executes):
        ran = backend.execute(ref, _RULES, timeout_s=NFT_S)
        rules = ran.stdout.decode(errors="replace") if ran.status == 0 else ""
    # What a stage does not say of a node is no matter of it: its MAC, its file of hosts.
    return Node(observed.item, replace(goal, hosts=observed.item.hosts), rules)
