"""Move this thread into network namespaces, and always back."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET: Final = 0x40000000


@contextmanager
def traveller() -> Iterator[Callable[[int], None]]:
    """Yield a function that moves this thread into an open network namespace; return home after.

    Raises:
        BackendError: a namespace can't be entered, or the way back is barred.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield _enter
    finally:
        try:
            _enter(home)
        finally:
            os.close(home)


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        reason = os.strerror(ctypes.get_errno())
        name = Path(f"/proc/self/fd/{namespace}").readlink()
        raise BackendError("netns", f"this thread can't enter network namespace {name}: {reason}")
