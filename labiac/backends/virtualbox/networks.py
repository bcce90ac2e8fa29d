"""LANs in VirtualBox: NAT networks and the host's own adapters are made, all others are names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.backends.base import Copy, Observed, ref_of
from labiac.backends.mark import Mark
from labiac.backends.virtualbox import adapters, marks
from labiac.backends.virtualbox import network as natnets
from labiac.backends.virtualbox.cards import Wire, wire_of
from labiac.backends.virtualbox.info import blocks
from labiac.backends.virtualbox.manage import manage
from labiac.errors import BackendError, ForeignError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from labiac.plan.model import Machine, Network


def create(copy: Copy, item: Network) -> Observed:
    """Make *item*, or what is missing of it.

    Raises:
        ForeignError: its name, or its address on the host, is another one's.
        BackendError: VirtualBox refused.
    """
    mark = Mark(copy, item, whole=False)
    if item.type in ("nat", "host") and marks.mark_of(mark.ref) is None:
        _refuse_others(item)
    marks.claim(mark)
    if item.type == "nat":
        for call in natnets.changes(_natnet(item), item):
            manage(*call, where=f"virtualbox {item.name}")
    elif item.type == "host":
        adapters.make(item)
    marks.claim(Mark(copy, item, whole=True))
    return Observed(mark.ref, item, running=True)


def observed(mark: Mark) -> Observed | None:
    """Return a LAN as it is now, or None when VirtualBox has it no more."""
    item = mark.network
    if item.type == "nat":
        there = _natnet(item)
        if there is None:
            return None
        item = natnets.observed(item, there)
        return Observed(mark.ref, item, running=mark.whole and there["Enabled"] == "Yes")
    if item.type == "host" and not adapters.adapter(item):
        return None
    return Observed(mark.ref, item, running=mark.whole)


def delete(mark: Mark, remove: Callable[[Mark], None]) -> None:
    """Delete a LAN, last its mark; *remove* first deletes each machine still plugged into it."""
    item = mark.network
    for guest in list(_plugged(mark)):
        remove(guest)
    if item.type == "nat" and _natnet(item) is not None:
        manage("natnetwork", "remove", "--netname", item.host_name)
    if item.type == "host":
        adapters.remove(item)
    marks.drop(mark)


def wires(copy: Copy, machine: Machine) -> dict[str, Wire]:
    """Return what the LANs of *machine* are, by their names; one that is gone is nothing."""
    found = {}
    for name in _lans(machine):
        mark = marks.mark_of(ref_of(copy, "network", name))
        found[name] = _wire(mark.network) if mark else Wire("null")
    return found


def insist(copy: Copy, machine: Machine) -> None:
    """Refuse a *machine* whose LANs are not there.

    Raises:
        BackendError: one of them is not.
    """
    for name in _lans(machine):
        if marks.mark_of(ref_of(copy, "network", name)) is None:
            problem = f"its LAN {name} is not there"
            raise BackendError(f"virtualbox {machine.name}", problem, fix="labiac up makes it")


def _lans(machine: Machine) -> list[str]:
    return sorted({nic.network for nic in machine.nics if nic.attach == "lan"})


def _wire(lan: Network) -> Wire:
    return wire_of(lan, adapters.adapter(lan) if lan.type == "host" else "")


def _refuse_others(item: Network) -> None:
    if item.type == "nat" and _natnet(item) is not None:
        raise ForeignError(
            f"virtualbox {item.name}",
            f"there is a NAT network {item.host_name} that is not labiac's",
            fix=f"VBoxManage natnetwork remove --netname {item.host_name}, or rename the lab",
        )
    if item.type == "host" and (adapter := adapters.adapter(item)):
        raise ForeignError(
            f"virtualbox {item.name}",
            f"the host has {adapters.address(item).ip} on {adapter} already, which is not labiac's",
            fix=f"VBoxManage hostonlyif remove {adapter}, or choose another subnet",
        )


def _natnet(item: Network) -> Mapping[str, str] | None:
    """Return what VirtualBox says of the NAT network of *item*, or None."""
    said = blocks(manage("natnetwork", "list", item.host_name))
    return next((each for each in said if each["Name"] == item.host_name), None)


def _plugged(lan: Mark) -> Iterator[Mark]:
    for mark in marks.marks():
        ours = mark.copy.whose == lan.copy.whose and mark.kind == "machine"
        if ours and any(nic.network == lan.item.name for nic in mark.machine.nics):
            yield mark
