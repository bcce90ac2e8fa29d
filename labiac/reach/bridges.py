"""Transparent bridges: which segments they make one broadcast domain, and by which way."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.model import Machine, Nic

Segment = tuple[str, str | None]
"""A LAN, and the VLAN in it or None."""


class Plug(NamedTuple):
    """A cable of a bridge, by which frames pass it: its machine and its NIC."""

    machine: Machine
    nic: Nic


class Bridges:
    """The bridges of a lab.

    Args:
        machines: Those of a plan; what is no bridge is of no account.
    """

    def __init__(self, machines: Iterable[Machine]) -> None:
        self._cables: dict[Segment, list[tuple[Plug, Plug, Segment]]] = defaultdict(list)
        for machine in machines:
            if machine.role == "bridge":
                self._add(machine)
        self._domains: dict[Segment, Segment] = {}
        for segment in self._cables:
            for joined in (segment, *self._ways(segment)):
                self._domains.setdefault(joined, segment)

    def domain(self, segment: Segment) -> Segment:
        """Return the segment that stands for all that *segment* is joined with."""
        return self._domains.get(segment, segment)

    def between(self, start: Segment, end: Segment) -> tuple[Plug, ...]:
        """Return the plugs that a frame passes on its way, in order; none on one segment."""
        ways = self._ways(start)
        passed: list[Plug] = []
        while end != start:
            into, out, end = ways[end]
            passed += (out, into)
        return tuple(reversed(passed))

    def _add(self, machine: Machine) -> None:
        plugs = [Plug(machine, nic) for nic in machine.nics]
        wired = [each for each in plugs if each.nic.attach == "lan" and each.nic.connected]
        for into in wired:
            for out in wired:
                if into is not out:
                    start, end = ((each.nic.network, None) for each in (into, out))
                    self._cables[start].append((into, out, end))

    def _ways(self, start: Segment) -> dict[Segment, tuple[Plug, Plug, Segment]]:
        """Return, of each segment joined with *start*, the last bridge and where it comes from."""
        found: dict[Segment, tuple[Plug, Plug, Segment]] = {}
        queue = deque([start])
        while queue:
            segment = queue.popleft()
            for into, out, end in self._cables.get(segment, ()):
                if end != start and end not in found:
                    found[end] = into, out, segment
                    queue.append(end)
        return found
