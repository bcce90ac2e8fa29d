"""Brings a lab up in a process of its own, and does what the test wants to survive.

``python crash.py kill|wait NODE``: when NODE is about to be made, dies at once, or waits.
"""

import json
import os
import signal
import sys
import time
from functools import partial

from labiac.backends.base import Copy
from labiac.backends.memory import Memory
from labiac.fleet.engine import Engine
from labiac.plan.resolve import resolve
from labiac.provider.program import run
from labiac.schema.load import from_data

LAB = {
    "name": "small",
    "lans": {"lan1": {}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}},
}


def main(what: str, node: str) -> None:
    make = Memory.create

    def create(self, copy, item):
        if item.name == node and what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif item.name == node:
            sys.stdout.write("waiting\n")
            sys.stdout.flush()
            time.sleep(2)
        return make(self, copy, item)

    Memory.create = create
    plan = resolve(from_data(LAB), "ana", "memory")
    result = Engine(Copy(plan.lab, plan.student)).up(partial(run, plan))
    json.dump({"ok": result.ok, "cancelled": result.cancelled}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
