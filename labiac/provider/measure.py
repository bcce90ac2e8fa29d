"""Does the live lab do what was forecast? Asked again until it does, or time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.backends.base import Copy, Measures, Ping
from labiac.backends.live import answered, as_it_is
from labiac.provider.forecast import OK, ends

if TYPE_CHECKING:
    from collections.abc import Collection

    from labiac.backends.base import Backend
    from labiac.plan.model import Plan
    from labiac.provider.forecast import Forecast
    from labiac.provider.lifecycle import Task

ROUND_S = 2.0
"""How long one round of pings may take: what a cancelled run waits at most."""

UNKNOWN = "no answer, and no address or route says why"
"""The reason where the nodes, as they are, promise an answer: `labiac why` compares the rest."""

PAUSE_S = 0.2
"""Rest between two rounds, for a lab that answers at once, and wrongly."""


@dataclass(frozen=True)
class Live:
    """A lab as it runs, and what was forecast of it."""

    backend: Backend
    copy: Copy
    forecast: Forecast

    def wrong(self, task: Task, pairs: Collection[str], timeout_s: float) -> dict[str, str]:
        """Return those of *pairs* that do not do what was forecast, each with what it does.

        Measures until there are none, *timeout_s* have passed, or the task is cancelled; at least
        once. What can't be measured, on its backend or while it is off, is taken to be as forecast.

        Raises:
            BackendError: the host refused.
        """
        if not isinstance(self.backend, Measures):
            return {}
        end = time.monotonic() + timeout_s
        left, silent = [pair for pair in pairs if pair in self.forecast.pings], ""
        while left:
            task.say(f"measuring {len(pairs)} pairs{silent}")
            asked = {pair: self._pings(pair) for pair in left}
            heard = answered(self.backend, self.copy, asked, timeout_s=ROUND_S)
            left = [pair for pair in left if (pair in heard) != self._promised(pair)]
            silent = f", {len(left)} not as forecast yet"
            if left and (time.monotonic() >= end or task.cancelled.wait(PAUSE_S)):
                break
        return self._diagnosed(left) if left else {}

    def _promised(self, pair: str) -> bool:
        return self.forecast.pairs[pair] == OK

    def _pings(self, pair: str) -> list[Ping]:
        return [Ping(ends(pair)[0], address) for address in self.forecast.pings.get(pair, ())]

    def _diagnosed(self, pairs: Collection[str]) -> dict[str, str]:
        """Return what each of *pairs* does, with the reason that the nodes, as they are, give."""
        from labiac.reach.matrix import matrix

        now = as_it_is(self.backend, self.copy, self.forecast.subnets, self.forecast.addresses)
        reasons = {pair.ends: pair.reason for pair in matrix(now.plan)}
        return {
            pair: now.reason(
                *ends(pair), self._lost(pair, now.plan) or reasons.get(ends(pair)) or UNKNOWN
            )
            if self._promised(pair)
            else OK
            for pair in pairs
        }

    def _lost(self, pair: str, now: Plan) -> str:
        """Return which address *pair* asks for that its node, of the plan *now*, has no more."""
        target = ends(pair)[1]
        held = {
            address.partition("/")[0]
            for machine in now.machines
            if machine.name == target
            for address in machine.addresses()
        }
        gone = (each.address for each in self._pings(pair) if each.address not in held)
        return next((f"{target} has no address {address}" for address in gone), "")
