"""Where labiac keeps what outlives a command: its Pulumi CLI, and the state of labs."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return labiac's own folder: LABIAC_HOME, else ``labiac`` in the user's data folder.

    Source:
        XDG Base Directory Specification: an unset, empty or relative XDG_DATA_HOME means
        ``~/.local/share``.
    """
    if own := os.environ.get("LABIAC_HOME"):
        return Path(own).expanduser().absolute()
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (data if data.is_absolute() else Path.home() / ".local/share") / "labiac"
