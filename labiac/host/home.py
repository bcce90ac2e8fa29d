"""Where labiac keeps what outlives a command: images, its Pulumi CLI, state, measurements."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def home() -> Path:
    """Return labiac's own folder: LABIAC_HOME, else ``labiac`` in the user's data folder."""
    if own := os.environ.get("LABIAC_HOME"):
        return Path(own).expanduser().absolute()
    return data() / "labiac"


def data() -> Path:
    """Return the folder where programs keep this user's data.

    Source:
        XDG Base Directory Specification: an unset, empty or relative XDG_DATA_HOME means
        ``~/.local/share``.
    """
    own = Path(os.environ.get("XDG_DATA_HOME", ""))
    return own if own.is_absolute() else Path.home() / ".local/share"


def keep(file: Path, text: str, *, once: bool = False) -> None:
    """Write *file* whole or not at all, for the user alone; with *once* the first writer wins."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    own = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(own, "w") as stream:
            stream.write(text)
        if once:
            file.hardlink_to(partial)
        else:
            partial.replace(file)
    except FileExistsError:
        pass
    finally:
        partial.unlink(missing_ok=True)
