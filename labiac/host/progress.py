"""Says on stderr what takes long: how long already, and what it said last."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from types import TracebackType

REFRESH_S = 1
"""Seconds between two looks at a terminal."""

REPORT_S = 20
"""Seconds between two lines where stderr is a log: it grows, nothing overwrites it."""


class Progress:
    """Shows *what* goes on for as long as the ``with`` block lasts.

    A block that ends within a second shows nothing, nor does one around another. Assign the
    latest news to `last`.
    """

    _open: ClassVar[list[Progress]] = []

    def __init__(self, what: str) -> None:
        self.last = ""
        self._what = what
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        """Start showing."""
        self._started = time.monotonic()
        self._open.append(self)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and leave a terminal's line as it was found."""
        self._stop.set()
        self._thread.join()
        self._open.remove(self)

    def _show(self) -> None:
        while not self._stop.wait(REFRESH_S if self._terminal else REPORT_S):
            if self._open[-1] is not self:
                continue
            text = f"{self._what}: {time.monotonic() - self._started:.0f} s  {self.last}"
            if self._terminal:
                width = shutil.get_terminal_size().columns - 1
                sys.stderr.write(f"\r\x1b[K{text[:width]}")
            else:
                sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
