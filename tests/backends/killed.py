"""Work that is killed before a step of choice, in a process of its own."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Counts what a process does to the host, and kills it before a step of choice."""

    def __init__(self, last: int) -> None:
        self.left = last

    def take(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def count(self, owner: object, *names: str) -> None:
        """Count each call of what *owner* has under *names* from now on, for good."""
        for name in names:
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, function):
        def counted(*arguments, **options):
            self.take()
            return function(*arguments, **options)

        return counted


def killed(step: int, watch: Callable[[Steps], None], work: Callable[[], object]) -> bool:
    """Do *work* in a process that is killed before its step number *step*; was it?

    Args:
        step: Counted from 1.
        watch: Makes the steps count in that process.
        work: What is cut off.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            watch(Steps(step))
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
