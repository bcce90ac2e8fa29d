"""Which nodes packets visit on the live lab: what traceroute does, with the node's own ping."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from labiac.backends.base import Copy, ref_of

if TYPE_CHECKING:
    from labiac.backends.base import Executes
    from labiac.plan.model import Plan

HOP_S = 1
"""How long a node on the way may take to report itself."""
PROBES = 3
"""So often it is asked to, as traceroute does: routers limit how many reports they send a second.

Source:
    Linux, icmp_ratelimit: one a second to each destination, after six at once.
"""
_REPORTER = re.compile(r"^From ([0-9a-f.:]*[0-9a-f])", re.MULTILINE)
"""Who says that a packet's hops are used up, in the words of ``ping -n``."""


def way(
    plan: Plan, backend: Executes, source: str, target: str, *, timeout_s: float
) -> tuple[str, ...]:
    """Return the nodes that packets from *source* to *target* visit, as those report themselves.

    Of packets that may go one hop, two hops and so on, each is reported by the node where it ends.
    A node that stays silent is ``*``, an address of nobody stands as it is. What is not reached
    within *timeout_s* is ``...``.

    Raises:
        BackendError: the source is gone.
    """
    from labiac.reach.matrix import pings

    owners = {
        address.partition("/")[0]: machine.name
        for machine in plan.machines
        for address in machine.addresses()
    }
    ref = ref_of(Copy(plan.lab, plan.student), "machine", source)
    address = pings(plan, [(source, target)])[source, target][0].address
    deadline = time.monotonic() + timeout_s
    found = [source]
    for hops in range(1, len(plan.machines) + 1):
        argv = ["ping", "-n", "-c1", f"-W{HOP_S}", f"-t{hops}", address]
        reporter = None
        for _ in range(PROBES):
            if time.monotonic() > deadline:
                return (*found, "...", target)
            ran = backend.execute(ref, argv, timeout_s=HOP_S + 1)
            if ran.status == 0:
                return (*found, target)
            reporter = _REPORTER.search(ran.stdout.decode(errors="replace"))
            if reporter:
                break
        found.append(owners.get(reporter[1], reporter[1]) if reporter else "*")
    return (*found, target)
