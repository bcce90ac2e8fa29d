"""Labs as Linux network namespaces: no hypervisor, no image, no root needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labiac.backends.netns.backend import NetnsBackend
    from labiac.backends.netns.user import UserBackend

_CAPABILITIES: Final = 1 << 21 | 1 << 12
"""CAP_SYS_ADMIN and CAP_NET_ADMIN."""


def open() -> NetnsBackend | UserBackend:  # noqa: A001  # what every backend calls it
    """Return the backend for what this process may do: all of it, or what ordinary users may."""
    if os.geteuid() == 0 and _capabilities() & _CAPABILITIES == _CAPABILITIES:
        from labiac.backends.netns.backend import NetnsBackend

        return NetnsBackend()
    from labiac.backends.netns.user import UserBackend

    return UserBackend(_base())


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _base() -> Path:
    """Return the folder of this user's labs: in memory where the system gives users some."""
    session = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    if os.access(session, os.W_OK):
        return Path(session) / "labiac"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "labiac"
