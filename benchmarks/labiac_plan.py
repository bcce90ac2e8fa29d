"""Plan a lab file by labiac's own Python API: read, checked, planned, nothing written.

    python benchmarks/labiac_plan.py WARM_UP FILE

Prints one line of JSON, in milliseconds; the small lab WARM_UP is planned first, so that everything
is imported.
"""

from __future__ import annotations

import json
import sys
import time

from labiac.plan.resolve import plan_file


def main() -> None:
    """Plan both files; print what the second took."""
    warm_up, file = sys.argv[1:]
    plan_file(warm_up)
    start = time.monotonic()
    plan_file(file)
    print(json.dumps({"wall_ms": 1000 * (time.monotonic() - start)}))


if __name__ == "__main__":
    main()
