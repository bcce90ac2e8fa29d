"""Signals that ask this process to end: heard, where something must be put in order first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def heeded() -> Iterator[list[int]]:
    """Collect the signals that ask this process to end, instead of ending anywhere at all.

    Only the main thread is told of any; elsewhere none comes.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    asks = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in asks}
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
