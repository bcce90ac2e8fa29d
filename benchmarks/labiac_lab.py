"""The practical N times on labiac's netns backend, without Pulumi.

    python benchmarks/labiac_lab.py N AT_ONCE

Prints one line of JSON, in milliseconds. Each copy is another student's, as in a class; AT_ONCE of
them are worked on at a time, a thread each, and the items of one after the other.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import pings

if TYPE_CHECKING:
    from labiac.plan.model import Plan

for module in ("carrier", "ping"):  # imported when first used; what start-up costs is told apart
    import_module(f"labiac.backends.netns.{module}")


def main() -> None:
    """Create, ping, destroy; print what each took."""
    copies, at_once = int(sys.argv[1]), int(sys.argv[2])
    plans = [plan_file("three-lans", f"bench{number}") for number in range(copies)]
    questions = [Ping(*ping) for asked in pings(plans[0]).values() for ping in asked]
    backend = open_backend("netns")

    def create(plan: Plan) -> None:
        for item in (*plan.networks, *plan.machines):
            backend.create(Copy(plan.lab, plan.student), item)

    def missing(plan: Plan) -> int:
        copy = Copy(plan.lab, plan.student)
        return backend.measure(copy, questions, timeout_s=30, settle=True).count(False)

    def destroy(plan: Plan) -> None:
        copy = Copy(plan.lab, plan.student)
        for kind, items in (("machine", plan.machines), ("network", plan.networks)):
            for item in items:
                backend.delete(ref_of(copy, kind, item.name))

    with ThreadPoolExecutor(at_once) as pool:
        each = map if at_once == 1 else pool.map
        start = time.monotonic()
        list(each(create, plans))
        built = time.monotonic()
        silent = sum(each(missing, plans))
        answered = time.monotonic()
        list(each(destroy, plans))
        destroyed = time.monotonic()
    took = {"create_ms": built - start, "ping_ms": answered - built}
    took["destroy_ms"] = destroyed - answered
    print(json.dumps({name: 1000 * s for name, s in took.items()} | {"missing": silent}))


if __name__ == "__main__":
    main()
