"""A simulated Hyper-V host to try labiac on: ``tools/hyperv.py``.

Prints the path of its PowerShell, for LABIAC_HYPERV. It keeps what is made on it in a file, and
runs nothing: machines are on or off, and that is all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.backends.hyperv.simulated import install

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labiac" / "hyperv"

if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    script, _ = install(CACHE)
    sys.stdout.write(f"{script}\n")
