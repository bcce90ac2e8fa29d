"""The inside of a guest, through its agent: look at it, and mend what differs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.guest import script, seen, steps
from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import library
from labiac.plan.nftables import ruleset

if TYPE_CHECKING:
    from labiac.plan.model import Machine

_ANSWER_S: Final = 30
_SILENT_S: Final = 10
"""How long an agent may be silent: it may be busy, or restarting."""


def look(domain: Any, planned: Machine) -> Machine | None:
    """Return *planned* as the guest has it inside, or None when it does not answer."""
    argv, rules = ["sh", "-c", script(planned)], ruleset(planned)
    end = time.monotonic() + _SILENT_S
    while True:
        try:
            ran = agent.execute(domain, argv, timeout_s=_ANSWER_S, stdin=rules.encode())
        except library().libvirtError as error:
            if not agent.is_silent(error):
                raise
            if time.monotonic() > end:
                return None
            time.sleep(1)
        else:
            return seen(planned, ran.stdout.decode(errors="replace"))


def mend(domain: Any, was: Machine, now: Machine) -> None:
    """Make the guest, which is *was* inside, what *now* says, while it runs."""
    for argv, data in steps(was, now):
        agent.execute(domain, argv, timeout_s=_ANSWER_S, stdin=data)
