"""Bridges and switches: which segments they make one broadcast domain, and by which way."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.model import DEFAULT_VLAN, SWITCHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.model import Machine, Nic

Segment = tuple[str, str | None]
"""A LAN or a switch, and the VLAN in it; None is the one of frames that name none.

On a cable to a switch no VLAN has a name: there it is the 802.1Q ID of a frame's tag.
"""


class Plug(NamedTuple):
    """A cable of a bridge or switch, by which frames pass it: its machine and its NIC."""

    machine: Machine
    nic: Nic


class Bridges:
    """The bridges and switches of a lab.

    Args:
        machines: Those of a plan; what is neither is of no account.
    """

    def __init__(self, machines: Iterable[Machine]) -> None:
        self._cables: dict[Segment, list[tuple[Plug, Segment]]] = defaultdict(list)
        self._places: dict[Segment, Segment] = {}
        for machine in machines:
            if machine.role in SWITCHING:
                self._add(machine)
        self._domains: dict[Segment, Segment] = {}
        for segment in self._cables:
            if segment not in self._domains:
                self._domains.update(dict.fromkeys((segment, *self._ways(segment)), segment))

    def domain(self, segment: Segment) -> Segment:
        """Return the segment that stands for all that *segment* is joined with."""
        return self._domains.get(segment, segment)

    def place(self, segment: Segment) -> Segment:
        """Return where a NIC in *segment* is: at a switch that takes such frames, its VLAN."""
        return self._places.get(segment, segment)

    def between(self, start: Segment, end: Segment) -> tuple[Plug, ...]:
        """Return the plugs that a frame passes on its way, in order; none on one segment."""
        ways = self._ways(start)
        passed: list[Plug] = []
        while end != start:
            plug, end = ways[end]
            passed.append(plug)
        return tuple(reversed(passed))

    def _add(self, machine: Machine) -> None:
        for nic in machine.nics:
            if nic.attach == "lan" and nic.connected:
                plug = Plug(machine, nic)
                for outside, inside in _joints(machine, nic):
                    self._cables[outside].append((plug, inside))
                    self._cables[inside].append((plug, outside))
                    if machine.switch:
                        self._places[outside] = inside

    def _ways(self, start: Segment) -> dict[Segment, tuple[Plug, Segment]]:
        """Return, of each segment joined with *start*, the last plug and where it comes from."""
        found: dict[Segment, tuple[Plug, Segment]] = {}
        queue = deque([start])
        while queue:
            segment = queue.popleft()
            for plug, end in self._cables.get(segment, ()):
                if end != start and end not in found:
                    found[end] = plug, segment
                    queue.append(end)
        return found


def _joints(machine: Machine, nic: Nic) -> Iterator[tuple[Segment, Segment]]:
    """Yield the segments outside and inside of *machine* that *nic* joins."""
    if machine.switch is None:
        yield (nic.network, None), ("", machine.name)  # no LAN, and no switch, has no name
        return
    default = {vlan.name for vlan in machine.switch.vlans if vlan.id == DEFAULT_VLAN}
    tags = [(None, nic.vlan or nic.native), *((str(sub.id), sub.vlan) for sub in nic.trunk)]
    for tag, vlan in tags:
        if vlan:
            yield (nic.network, tag), (machine.name, None if vlan in default else vlan)
