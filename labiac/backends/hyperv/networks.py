"""LANs in Hyper-V: a switch each; for those of type host and nat the host has more around it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.base import Copy, Observed, ref_of
from labiac.backends.hyperv import host, marks, mirrors, switches
from labiac.backends.hyperv.shell import Statement, command, select
from labiac.backends.hyperv.switches import Around
from labiac.backends.mark import Mark
from labiac.errors import BackendError
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labiac.backends.hyperv.shell import Row
    from labiac.plan.model import Machine, Network

_SLOW_S: Final = 20.0
"""So long after a switch the host's own adapter in it may appear."""
_POLL_S: Final = 0.3
_ON_THE_HOST: Final = ("host", "nat")


def create(copy: Copy, item: Network) -> Observed:
    """Make *item*, or what is missing of it.

    Raises:
        ForeignError: its name on the host is another one's.
        BackendError: the host refused.
    """
    mark, where = Mark(copy, item, whole=item.type not in _ON_THE_HOST), f"hyperv {item.name}"
    rows = host.look(_named(item.host_name), *_around(item), where=where)
    named = [row for row in rows if row.keys() == set(switches.KEYS)]
    there = marks.ours(named, mark.ref)
    if there is None and named:
        raise marks.foreign(item.name, "switch", item.host_name, named[0])
    if there is None:
        (made,) = host.change(switches.added(item, mark.to_json()), where=where)
        if mark.whole:
            return Observed(mark.ref, item, running=True)
        _finish(mark, made, Around())
    else:
        _mend(mark, there, switches.around(rows), list(_mirrored(mark, there)))
    return observed(mark.ref) or Observed(mark.ref, item, running=False)


def _mirrored(mark: Mark, row: Row) -> Iterator[Statement]:
    """Yield what makes the adapters in a LAN copy their frames or not, if it is or was watched."""
    before = marks.mark_of(row)
    if mark.network.watched or (before and before.network.watched):
        rows = host.look(*mirrors.reads(*mark.copy.whose), where=f"hyperv {mark.item.name}")
        yield from mirrors.changes(list(mirrors.ports(mark, mark.network, rows)))


def _mend(mark: Mark, row: Row, was: Around, mirrored: Sequence[Statement]) -> None:
    """Bring a LAN's switch, what *was* around it and its ports to what they are to be."""
    item, before = mark.network, marks.mark_of(row)
    kind = list(switches.retyped(_switch(row), str(row["SwitchType"]), item))
    same = before == replace(mark, whole=True) and not any(switches.changes(was, item))
    if same and not kind and not mirrored:
        return
    begun = _switch(row) | command("Set-VMSwitch", Notes=mark.to_json())
    host.change(begun, *kind, *mirrored, where=f"hyperv {item.name}")
    _finish(mark, row, was)


def _finish(mark: Mark, row: Row, was: Around) -> None:
    """Bring what *was* around a switch to what it is to be; say in its mark that it is whole."""
    if mark.network.type in _ON_THE_HOST:
        _wait(mark.network)
    whole = _switch(row) | command("Set-VMSwitch", Notes=replace(mark, whole=True).to_json())
    changes = (*switches.changes(was, mark.network), *switches.parted(mark.network))
    host.change(*changes, whole, where=f"hyperv {mark.item.name}")


def observed(ref: str) -> Observed | None:
    """Return the LAN behind *ref* as it is now, or None when Hyper-V has it no more."""
    row = _found(ref)
    mark = marks.mark_of(row) if row else None
    if row is None or mark is None:
        return None
    lan, (lab, student) = mark.network, mark.copy.whose
    reads = [*_around(lan), *(mirrors.reads(lab, student) if lan.watched else ())]
    rows = host.look(*reads, where=f"hyperv {lan.name}")
    item = switches.observed(lan, str(row["SwitchType"]), switches.around(rows))
    copied = all(port.is_now == port.wanted for port in mirrors.ports(mark, lan, rows))
    return Observed(ref, replace(item, watched=lan.watched and copied), running=mark.whole)


def delete(ref: str, remove: Callable[[str], None]) -> None:
    """Delete a LAN; *remove* first deletes each machine still plugged into it. Gone is fine."""
    rows = _with_machines(ref)
    row = marks.ours(rows, ref)
    mark = marks.mark_of(row) if row else None
    if row is None or mark is None:
        return
    for machine in _machines(mark.copy, rows):
        if any(nic.network == mark.item.name for nic in machine.machine.nics):
            remove(machine.ref)
    _remove(row, mark)


def delete_unused(ref: str) -> None:
    """Delete labiac's own network unless its copy has a machine left there. Gone is fine."""
    rows = _with_machines(ref)
    row = marks.ours(rows, ref)
    mark = marks.mark_of(row) if row else None
    if row and mark and not any(each.machine.management for each in _machines(mark.copy, rows)):
        _remove(row, mark)


def _with_machines(ref: str) -> list[Row]:
    """Return what tells of the network behind *ref*, and of the machines of its copy."""
    lab, student, _, name = ref.split("/")
    guests = command("Get-VM", Name=[host_name(lab, student, "*")]) | select(*marks.KEYS)
    return host.look(_named(host_name(lab, student, name)), guests, where=f"hyperv {name}")


def _machines(copy: Copy, rows: Sequence[Row]) -> Iterator[Mark]:
    """Yield the marks of the machines of *copy* among *rows*."""
    for mark in filter(None, map(marks.mark_of, rows)):
        if mark.kind == "machine" and mark.copy.whose == copy.whose:
            yield mark


def _remove(row: Row, mark: Mark) -> None:
    where = f"hyperv {mark.item.name}"
    was = switches.around(host.look(*_around(mark.network), where=where))
    nat = [command("Remove-NetNat", Name=mark.item.host_name, Confirm=False)] if was.nat else []
    switch = _switch(row) | command("Remove-VMSwitch", Force=True, Confirm=False)
    host.change(*nat, switch, where=where)


def mark_of(ref: str) -> Mark | None:
    """Return the mark of the LAN behind *ref*, or None when it is not there."""
    row = _found(ref)
    return marks.mark_of(row) if row else None


def reads_all(lab: str, student: str) -> Statement:
    """Return what reads the switches of one copy, and those whose names begin as theirs do."""
    return _named(host_name(lab, student, "*"))


def lans(copy: Copy, machine: Machine, rows: Sequence[Row]) -> dict[str, Network]:
    """Return the LANs of *machine* that are there by those *rows*, by name."""
    found = {}
    for name in _lans(machine):
        row = marks.ours(rows, ref_of(copy, "network", name))
        mark = marks.mark_of(row) if row else None
        if mark:
            found[name] = mark.network
    return found


def insist(copy: Copy, machine: Machine, rows: Sequence[Row]) -> dict[str, Network]:
    """Return the LANs of *machine*, which are all there, by name.

    Raises:
        BackendError: one of them is not there, or its name on the host is another's too.
    """
    found = lans(copy, machine, rows)
    for name in _lans(machine):
        where = f"hyperv {machine.name}"
        if name not in found:
            raise BackendError(where, f"its LAN {name} is not there", fix="labiac up makes it")
        named = [row for row in rows if row.get("Name") == found[name].host_name]
        if len([row for row in named if row.keys() == set(switches.KEYS)]) > 1:
            problem = f"there are two switches {found[name].host_name}: which one is not said"
            raise BackendError(where, problem, fix="rename or remove the one that is not labiac's")
    return found


def _lans(machine: Machine) -> list[str]:
    return sorted({nic.network for nic in machine.nics if nic.attach == "lan"})


def _named(name: str) -> Statement:
    return command("Get-VMSwitch", Name=name) | select(*switches.KEYS)


def _switch(row: Row) -> Statement:
    return Statement((command("Get-VMSwitch", Id=UUID(str(row["Id"]))),))


def _found(ref: str) -> Row | None:
    lab, student, _, name = ref.split("/")
    rows = host.look(_named(host_name(lab, student, name)), where=f"hyperv {name}")
    return marks.ours(rows, ref)


def _around(item: Network) -> list[Statement]:
    return switches.reads_around(item) if item.type in _ON_THE_HOST else []


def _wait(item: Network) -> None:
    """Wait for the host's own adapter in a new switch."""
    seen = command("Get-NetAdapter", Name=switches.alias(item)) | select("Name", "Status")
    end = time.monotonic() + _SLOW_S
    while not host.look(seen, where=f"hyperv {item.name}"):
        if time.monotonic() > end:
            problem = f"the host has no adapter {switches.alias(item)} after {_SLOW_S:g} s"
            raise BackendError(f"hyperv {item.name}", problem, fix="run labiac up again")
        time.sleep(_POLL_S)
