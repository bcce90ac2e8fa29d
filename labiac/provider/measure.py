"""Does the live lab do what was forecast? Asked again until it does, or time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.backends.base import Copy, Measures, Ping, ref_of
from labiac.plan.model import Machine, Network, Plan
from labiac.provider.forecast import OK, answer, ends, named

if TYPE_CHECKING:
    from collections.abc import Collection

    from labiac.backends.base import Backend, Observed
    from labiac.provider.forecast import Forecast
    from labiac.provider.lifecycle import Task

ROUND_S = 2.0
"""How long one round of pings may take: what a cancelled run waits at most."""

PAUSE_S = 0.2
"""Rest between two rounds, for a lab that answers at once, and wrongly."""

SILENT = "no answer, though every node is as planned"


@dataclass(frozen=True)
class Live:
    """A lab as it runs, and what was forecast of it."""

    backend: Backend
    copy: Copy
    forecast: Forecast

    def wrong(self, task: Task, pairs: Collection[str], timeout_s: float) -> dict[str, str]:
        """Return those of *pairs* that do not do what was forecast, each with what it does.

        Measures until there are none, *timeout_s* have passed, or the task is cancelled; at least
        once. What a backend cannot measure is taken to be as forecast.

        Raises:
            BackendError: the host refused.
        """
        if not isinstance(self.backend, Measures):
            return {}
        end = time.monotonic() + timeout_s
        left, silent = list(pairs), ""
        while left:
            task.say(f"measuring {len(pairs)} pairs{silent}")
            answered = self._answered(self.backend, left)
            left = [pair for pair in left if (pair in answered) != self._promised(pair)]
            silent = f", {len(left)} not as forecast yet"
            if left and (time.monotonic() >= end or task.cancelled.wait(PAUSE_S)):
                break
        return self._diagnosed(left) if left else {}

    def _promised(self, pair: str) -> bool:
        return self.forecast.pairs[pair] == OK

    def _answered(self, backend: Measures, pairs: Collection[str]) -> set[str]:
        """Return the pairs of which every ping is answered in this round."""
        asked = [
            (pair, Ping(ends(pair)[0], address))
            for pair in pairs
            for address in self.forecast.pings.get(pair, ())
        ]
        pings = [ping for _, ping in asked]
        heard = backend.measure(self.copy, pings, timeout_s=ROUND_S, settle=False)
        failed = {pair for (pair, _), ok in zip(asked, heard, strict=True) if not ok}
        return {pair for pair, _ in asked} - failed

    def _diagnosed(self, pairs: Collection[str]) -> dict[str, str]:
        """Return what each of *pairs* does, with the reason that the nodes, as they are, give."""
        from labiac.reach.matrix import matrix

        found = self._observed()
        dead = {name: why for name, why in found.items() if isinstance(why, str)}
        reasons = {named(pair): answer(pair) for pair in matrix(self._as_it_is(found))}
        return {pair: self._what(pair, dead, reasons) for pair in pairs}

    def _what(self, pair: str, dead: dict[str, str], reasons: dict[str, str]) -> str:
        if not self._promised(pair):
            return OK
        for name in (*ends(pair), *dead):
            if name in dead:
                return dead[name]
        reason = reasons.get(pair, OK)
        return SILENT if reason == OK else reason

    def _observed(self) -> dict[str, Observed | str]:
        """Return every item of the lab by name as it is now, or what is the matter with it."""
        kinds = {"network": self.forecast.subnets, "machine": self.forecast.addresses}
        found: dict[str, Observed | str] = {}
        for kind, names in kinds.items():
            for name in names:
                observed = self.backend.read(ref_of(self.copy, kind, name))
                gone = f"{name} is gone" if observed is None else f"{name} does not run"
                found[name] = observed if observed and observed.running else gone
        return found

    def _as_it_is(self, found: dict[str, Observed | str]) -> Plan:
        items = [each.item for each in found.values() if not isinstance(each, str)]
        return Plan(
            self.copy.lab,
            self.copy.student,
            self.backend.name,
            tuple(item for item in items if isinstance(item, Network)),
            tuple(item for item in items if isinstance(item, Machine)),
            (),
        )
