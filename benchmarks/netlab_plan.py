"""Plan a topology file by netlab's own Python API: read, transformed, nothing written.

    ~/.cache/labiac-bench/netlab/bin/python benchmarks/netlab_plan.py WARM_UP TOPOLOGY

Runs under the Python of netlab's virtual environment. Prints one line of JSON, in milliseconds;
the small topology WARM_UP is planned first, so that everything is imported.
"""

from __future__ import annotations

import json
import sys
import time

from netsim.augment.main import transform
from netsim.utils.read import load


def plan(file: str) -> None:
    """Do what ``netlab create`` does before it writes its files."""
    transform(load(file))


def main() -> None:
    """Plan both files; print what the second took."""
    warm_up, topology = sys.argv[1:]
    plan(warm_up)
    start = time.monotonic()
    plan(topology)
    print(json.dumps({"wall_ms": 1000 * (time.monotonic() - start)}))


if __name__ == "__main__":
    main()
