"""The practical N times on labiac's netns backend, without Pulumi.

    python benchmarks/labiac_lab.py N

Prints one line of JSON, in milliseconds. Each copy is another student's, as in a class.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import pings

for module in ("carrier", "ping"):  # imported when first used; what start-up costs is told apart
    import_module(f"labiac.backends.netns.{module}")


def main() -> None:
    """Create, ping, destroy; print what each took."""
    plans = [plan_file("three-lans", f"bench{number}") for number in range(int(sys.argv[1]))]
    questions = [Ping(*ping) for asked in pings(plans[0]).values() for ping in asked]
    backend = open_backend("netns")
    start = time.monotonic()
    for plan in plans:
        for item in (*plan.networks, *plan.machines):
            backend.create(Copy(plan.lab, plan.student), item)
    built = time.monotonic()
    missing = 0
    for plan in plans:
        copy = Copy(plan.lab, plan.student)
        missing += backend.measure(copy, questions, timeout_s=30, settle=True).count(False)
    answered = time.monotonic()
    for plan in plans:
        copy = Copy(plan.lab, plan.student)
        for kind, items in (("machine", plan.machines), ("network", plan.networks)):
            for item in items:
                backend.delete(ref_of(copy, kind, item.name))
    destroyed = time.monotonic()
    took = {"create_ms": built - start, "ping_ms": answered - built}
    took["destroy_ms"] = destroyed - answered
    print(json.dumps({name: 1000 * s for name, s in took.items()} | {"missing": missing}))


if __name__ == "__main__":
    main()
