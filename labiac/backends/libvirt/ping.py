"""Pings between guests, through their agents: all at once, and those of a guest by its own."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.base import Ran
from labiac.backends.libvirt import agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from labiac.backends.base import Ping

QUIET_S: Final = 2.0
"""How long a ping may stay silent where nobody wants to wait for the last one."""
_POLL_S: Final = 0.1
_MARGIN_S: Final = 60
"""What a busy guest may need beside, to start its pings and to tell what came of them."""
_AT_ONCE: Final = 16


def measure(
    domain_of: Callable[[str], Any], pings: Sequence[Ping], *, timeout_s: float, settle: bool
) -> list[bool]:
    """Return, in the order asked, whether each ping was answered.

    Args:
        domain_of: Gives the domain of a machine by its name; None where it does not run.
        pings: What to ask.
        timeout_s: How long to repeat a ping that is not answered.
        settle: Whether to wait that long in any case.
    """
    wait_s = max(1, math.ceil(timeout_s if settle else min(timeout_s, QUIET_S)))
    sources = sorted({ping.source for ping in pings})

    def ask(source: str) -> dict[Ping, bool]:
        mine = dict.fromkeys(ping for ping in pings if ping.source == source)
        domain = domain_of(source)
        return dict.fromkeys(mine, False) if domain is None else _ask(domain, mine, wait_s)

    answered: dict[Ping, bool] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ping") as pool:
        for found in pool.map(ask, sources):
            answered |= found
    return [answered[ping] for ping in pings]


def _ask(domain: Any, pings: Iterable[Ping], wait_s: int) -> dict[Ping, bool]:
    """Start all pings of one guest, then collect what came of them."""
    running = {
        ping: agent.start(domain, ["ping", "-n", "-q", "-c", "1", "-w", str(wait_s), ping.address])
        for ping in pings
    }
    answered = dict.fromkeys(running, False)
    end = time.monotonic() + wait_s + _MARGIN_S
    while running and time.monotonic() < end:
        for ping, process in list(running.items()):
            ran = process if isinstance(process, Ran) else agent.outcome(domain, process)
            if ran is not None:
                answered[ping] = ran.status == 0
                del running[ping]
        time.sleep(_POLL_S if running else 0)
    return answered
