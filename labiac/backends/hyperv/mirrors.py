"""The mirroring of ports: on a watched LAN, who does not listen is a source of copies. Pure.

What is a source is a setting of each adapter, and that a LAN is watched is the LAN's. So the LAN
sets it at the machines that are there, which run on meanwhile; one made later sets it itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from labiac.backends.hyperv import adapters, marks
from labiac.backends.hyperv.adapters import Mirroring, mirroring_of
from labiac.backends.hyperv.shell import Statement, command, select
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.hyperv.shell import Row
    from labiac.backends.mark import Mark
    from labiac.plan.model import Network


class Port(NamedTuple):
    """An adapter in a LAN: of which machine, and what it is and is to be there."""

    machine: UUID
    name: str
    is_now: str
    wanted: Mirroring


def reads(lab: str, student: str) -> list[Statement]:
    """Return what reads the machines of one copy, those with such names too, and their adapters."""
    machines = Statement((command("Get-VM", Name=[host_name(lab, student, "*")]),))
    cards = machines | command("Get-VMNetworkAdapter") | select(*adapters.KEYS)
    return [machines | select(*marks.KEYS), cards]


def ports(lan: Mark, now: Network, rows: Sequence[Row]) -> Iterator[Port]:
    """Yield the adapters, by *rows*, of the copy's machines in *lan*, which is to be *now*."""
    cards = [row for row in rows if row.keys() == set(adapters.KEYS)]
    for row in rows:
        mark = marks.mark_of(row) if row.keys() == set(marks.KEYS) else None
        if mark is None or mark.kind != "machine" or mark.copy.whose != lan.copy.whose:
            continue
        nics = {nic.name: nic for nic in mark.machine.nics if nic.network == now.name}
        for card in cards:
            nic = nics.get(str(card["Name"]))
            if nic and card["VMId"] == row["Id"] and card["SwitchName"] == now.host_name:
                wanted = mirroring_of(nic, now)
                is_now = str(card["PortMirroringMode"])
                yield Port(UUID(str(row["Id"])), nic.name, is_now, wanted)


def changes(found: Sequence[Port]) -> Iterator[Statement]:
    """Yield what makes each adapter of *found* what it is to be."""
    for port in found:
        if port.is_now != port.wanted:
            adapter = command("Get-VM", Id=port.machine) | command(
                "Get-VMNetworkAdapter", Name=port.name
            )
            yield adapter | command("Set-VMNetworkAdapter", PortMirroring=port.wanted)
