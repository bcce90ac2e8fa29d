"""What users choose for all guests of a host: variables, each with a few values."""

from __future__ import annotations

import os
from typing import Final, Literal

from labiac.errors import BackendError

Screen = Literal["none", "vnc"]

SCREEN: Final = "LABIAC_LIBVIRT_SCREEN"


def chosen(variable: str, *values: str) -> str:
    """Return which of *values* the user chose by *variable*; the first one where it is not set.

    Raises:
        BackendError: the choice is none of them.
    """
    value = os.environ.get(variable) or values[0]
    if value not in values:
        problem = f"{value!r} is none of {', '.join(values)}"
        raise BackendError(variable, problem, fix="use one of them, or unset it")
    return value


def screen() -> Screen:
    """Return whether guests have a screen, which VNC shows on their host.

    Raises:
        BackendError: the choice is none.
    """
    return "vnc" if chosen(SCREEN, "none", "vnc") == "vnc" else "none"
