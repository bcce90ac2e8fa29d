"""Pings between containers: all at once, and those of a container by one command in it."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from labiac.backends.incus.command import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from labiac.backends.base import Ping
    from labiac.backends.incus.names import Place

QUIET_S: Final = 2.0
"""How long a ping may stay silent where nobody wants to wait for the last one."""
_ASK: Final = """
for address; do
  ping -n -q -c 1 -i 0.2 -w "$0" "$address" >/dev/null 2>&1 && echo "$address" &
done
wait
"""
_MARGIN_S: Final = 60
_AT_ONCE: Final = 16


def measure(
    running: Callable[[str], Place | None],
    pings: Sequence[Ping],
    *,
    timeout_s: float,
    settle: bool,
) -> list[bool]:
    """Return, in the order asked, whether each ping was answered.

    Args:
        running: Gives where the container of a machine is, by its name; None: it does not run.
        pings: What to ask.
        timeout_s: How long to repeat a ping that is not answered.
        settle: Whether to wait that long in any case.
    """
    wait_s = max(1, math.ceil(timeout_s if settle else min(timeout_s, QUIET_S)))
    sources = sorted({ping.source for ping in pings})

    def ask(source: str) -> set[tuple[str, str]]:
        place = running(source)
        mine = dict.fromkeys(ping.address for ping in pings if ping.source == source)
        heard = _ask(place, mine, wait_s) if place else set()
        return {(source, address) for address in heard}

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ping") as pool:
        answered = {each for found in pool.map(ask, sources) for each in found}
    return [(ping.source, ping.address) in answered for ping in pings]


def _ask(place: Place, addresses: Iterable[str], wait_s: int) -> set[str]:
    argv = ["sh", "-c", _ASK, str(wait_s), *addresses]
    return set(execute(place, argv, timeout_s=wait_s + _MARGIN_S).stdout.decode().split())
