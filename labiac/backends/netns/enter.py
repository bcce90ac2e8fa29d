"""Move this thread into network namespaces, and always back."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import kernel
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_thread: Final = threading.local()


@contextmanager
def traveller() -> Iterator[Callable[[int], None]]:
    """Yield a function that moves this thread into an open network namespace; return home after.

    Raises:
        BackendError: a namespace can't be entered, or the way back is barred, now or once before.
            A thread that didn't come home does no more: it would do it in somebody's lab.
    """
    if getattr(_thread, "lost", False):
        raise BackendError("netns", "this thread is lost in a lab", fix="start labiac again")
    home = os.open(kernel.HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield _enter
    finally:
        _thread.lost = True
        try:
            _enter(home)
            _thread.lost = False
        finally:
            os.close(home)


def _enter(namespace: int) -> None:
    try:
        kernel.setns(namespace)
    except OSError as error:
        name = Path(f"/proc/self/fd/{namespace}").readlink()
        problem = f"this thread can't enter network namespace {name}"
        raise BackendError("netns", problem, detail=str(error)) from error
