"""In which order tests run, and which of pytest-xdist's processes runs which.

The tests of a file stay together, for they share their labs; those of the contract, by backend.
What boots guests comes last, the longest last of all, and one process begins at that end: its
guests have a processor, the other processes do all else, and whoever is done first helps.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.workermanage import WorkerController

KINDS = ("slow", "incus", "libvirt")
"""Marks of the tests that take their time, the longest last."""
CONTRACT = re.compile(r"(.*/test_contract\.py)::.*\[(\w+)")


def unit(nodeid: str) -> str:
    """Return what stays together with that test: its file, or the contract on its backend."""
    found = CONTRACT.match(nodeid)
    return "::".join(found.groups()) if found else nodeid.partition("::")[0]


def sort(items: list[pytest.Item]) -> None:
    """Put the longest units last; the tests of a unit, and units alike, stay in their order."""
    tests = Counter(unit(item.nodeid) for item in items)
    kinds: dict[str, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        kind = max((KINDS.index(each) + 1 for each in marks & {*KINDS}), default=0)
        kinds[unit(item.nodeid)] = max(kind, kinds.get(unit(item.nodeid), 0))
    items.sort(key=lambda item: (kinds[name := unit(item.nodeid)], tests[name], name))


class BothEnds(LoadFileScheduling):
    """Units go to the first process from the end of the queue, and to the others from its start."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        queue = self.workqueue
        queue.move_to_end(
            next(reversed(queue) if node is self.nodes[0] else iter(queue)), last=False
        )
        super()._assign_work_unit(node)
