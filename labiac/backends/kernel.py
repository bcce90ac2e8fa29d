"""What the kernel of this machine was made without, as far as it says."""

from __future__ import annotations

import gzip
import platform
from functools import cache
from pathlib import Path
from typing import Final

_OWN: Final = Path("/proc/config.gz")


def lacks(option: str) -> bool:
    """Return whether the kernel says that it has no *option*, like ``CONFIG_VLAN_8021Q``."""
    options = _configured()
    return bool(options) and option not in options


@cache
def _configured() -> frozenset[str]:
    """Return the options that are built in or modules; none where the kernel does not tell."""
    beside = Path(f"/boot/config-{platform.release()}")
    try:
        text = gzip.decompress(_OWN.read_bytes()) if _OWN.exists() else beside.read_bytes()
    except OSError:
        return frozenset()
    lines = text.decode().splitlines()
    return frozenset(line[:-2] for line in lines if line.endswith(("=y", "=m")))
