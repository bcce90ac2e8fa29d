"""This terminal as a guest's: every key goes there, until one that leaves it."""

from __future__ import annotations

import os
import sys
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVE: Final = b"\x1d"
"""Ctrl-], which leaves a console, as with telnet and virsh."""


def insist(where: str) -> None:
    """Refuse to be at the console of *where* without a terminal.

    Raises:
        BackendError: there is none.
    """
    if not (os.isatty(0) and os.isatty(1)):
        fix = "labiac exec FILE NODE -- COMMAND runs a command, and takes its input from anywhere"
        raise BackendError(where, "a console needs a terminal", fix=fix)


@contextmanager
def at_console(name: str) -> Iterator[None]:
    """Hand every key on as it is, and say how to leave; in the end the terminal is as before."""
    before = termios.tcgetattr(0)
    sys.stderr.write(f"console of {name}: Ctrl-] leaves it\n")
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        sys.stderr.write(f"\nleft the console of {name}\n")
