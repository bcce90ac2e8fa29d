"""The file that a stack's state lies in, where that is on this machine.

Source:
    Pulumi's file backend (``pkg/backend/diy``) keeps the state before the last one beside it, and
    one of each operation in its history. Where the disk is full, it cuts off the one it writes.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

from labiac.errors import LabError
from labiac.host.home import keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WRITES: Final = 4
"""How often an operation leaves the whole state: itself, the one before, history and backup."""
_KIB: Final = 1 << 10
_SPARE_KIB: Final = 1 << 10
"""What an operation writes besides: locks, what was measured, and what it makes more of."""


def read(file: Path) -> dict[str, Any]:
    """Return the state in *file*, or the last whole one before it where it was cut off.

    Nothing is an empty state, too.
    """
    if not file.exists():
        return {}
    return _state(file) or next(filter(None, map(_state, _earlier(file))), {})


def mend(file: Path) -> bool:
    """Put the last whole state in the place of one that was cut off; return whether it was.

    Where none is whole, nothing was ever kept, and the stack begins anew.
    """
    if not file.exists() or _state(file):
        return False
    if whole := read(file):
        keep(file, json.dumps(whole))
    else:
        file.unlink(missing_ok=True)
    return True


def need_room(file: Path) -> None:
    """See that there is room for what an operation writes.

    Raises:
        LabError: there is not.
    """
    folder = next(each for each in file.parents if each.exists())
    size_kib = file.stat().st_size // _KIB if file.exists() else 0
    needed, left = _SPARE_KIB + _WRITES * size_kib, shutil.disk_usage(folder).free // _KIB
    if left < needed:
        raise LabError(
            str(folder),
            f"{left} KiB are left on its disk, and labiac keeps up to {needed} KiB more there",
            fix="make room there, or say where else: LABIAC_HOME=FOLDER",
        )


def _state(file: Path) -> dict[str, Any]:
    """Return the state in *file*, or an empty one where it is not whole."""
    try:
        said = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _earlier(file: Path) -> Iterator[Path]:
    """Yield where earlier states are, the latest first."""
    yield file.with_name(f"{file.name}.bak")
    history = file.parents[2] / "history" / file.parent.name / file.stem
    yield from sorted(history.glob("*.checkpoint.json"), reverse=True)
