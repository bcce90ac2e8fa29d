"""Run ``labiac`` with the arguments of this script, and say last what it took, as JSON.

The CPU is that of labiac and all that it started; the memory is labiac's own.
"""

from __future__ import annotations

import json
import resource
import sys

from labiac.cli import main

if __name__ == "__main__":
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    own = resource.getrusage(resource.RUSAGE_SELF)
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + started.ru_utime + started.ru_stime
    print(json.dumps({"cpu_s": cpu_s, "rss_mib": own.ru_maxrss / 1024}))
    sys.exit(status)
