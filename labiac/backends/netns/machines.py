"""Machines: a namespace each, with its cables, files and services. The caller has the lock."""

from __future__ import annotations

import errno
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from labiac.backends.base import Observed
from labiac.backends.netns import (
    cables,
    dump,
    files,
    marks,
    neighbours,
    netlink,
    observe,
    rules,
    services,
    settings,
    wiring,
)
from labiac.backends.netns.places import Ref
from labiac.backends.refusals import gone
from labiac.plan.model import SWITCHING, Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark
    from labiac.backends.netns.netlink import Socket
    from labiac.plan.model import Nic


def create(ground: Ground, machine: Machine, owner: str) -> Observed:
    """Make *machine*; complete or change what is there of it already."""
    mark = ground.folder.read("machine", machine.name)
    _refuse_foreign(ground, mark, machine)
    if mark and alive(ground, mark):
        was = item(mark) if machine.student else observe.machine(ground, mark, item(mark))
        return _change(ground, replace(mark, owner=owner), was, machine)
    if mark:
        delete(ground, mark)
    mark = marks.begin(machine, owner)
    try:
        return _make(ground, mark, machine)
    except BaseException:
        delete(ground, mark)
        raise


def read(ground: Ground, mark: Mark) -> Observed | None:
    """Return the machine as it is, or None when its namespace is gone."""
    planned = item(mark)
    if not ground.spaces.inode(planned.host_name):
        return None
    if not alive(ground, mark):
        return _observed(ground, planned, running=False)
    running = services.alive(mark, planned)
    live = observe.machine(ground, mark, planned)
    routing = live.routing if services.routes_itself(mark, planned) else "none"
    return _observed(ground, replace(live, services=running, routing=routing))


def update(ground: Ground, mark: Mark, was: Machine, now: Machine) -> Observed:
    """Change what differs between *was* and *now*, and nothing else.

    Raises:
        BackendError: the machine is gone, or the kernel refused.
    """
    if not alive(ground, mark):
        raise gone(ground.where(now.name))
    return _change(ground, mark, was, now)


def delete(ground: Ground, mark: Mark) -> None:
    """Delete a machine and all that was made for it."""
    machine = item(mark)
    ground.folder.complete(replace(mark, state="making"))  # whole no more, if we come no further
    services.end(ground, machine)
    cables.leave(ground, machine)
    ground.folder.note_dying()
    ground.spaces.delete(machine.host_name)
    files.remove(ground, machine)
    ground.folder.remove("machine", machine.name)


def plugged_into(ground: Ground, network: str) -> list[Mark]:
    """Return the machines that have a cable to *network*."""
    known = [ground.folder.read("machine", name) for name in ground.folder.names("machine")]
    return [m for m in known if m and any(nic.network == network for nic in item(m).nics)]


def alive(ground: Ground, mark: Mark) -> bool:
    """Return whether the machine of *mark* is there, and all of it was made."""
    inode = ground.spaces.inode(item(mark).host_name)
    return mark.whole and mark.space == inode != 0


def item(mark: Mark) -> Machine:
    """Return the machine that *mark* is about.

    Raises:
        TypeError: it is about a network.
    """
    if not isinstance(mark.item, Machine):
        raise TypeError(mark.item)
    return mark.item


def _refuse_foreign(ground: Ground, mark: Mark | None, machine: Machine) -> None:
    name = machine.host_name
    if mark is None or item(mark).host_name != name:
        foreign = ground.spaces.taken(name) or not files.ours(ground, machine)
    else:
        foreign = mark.whole and ground.spaces.inode(name) not in {0, mark.space}
    if foreign:
        raise ground.foreign(machine.name, name)


def _make(ground: Ground, mark: Mark, machine: Machine) -> Observed:
    ground.folder.begin(mark)
    files.write(ground, machine)
    settle = partial(settings.settle_new, machine)
    with ground.spaces.create(machine.host_name, settle) as sock:
        rules.load(ground, None, machine)  # before it has a cable: nothing slips through
        cables.plug(ground, machine, machine.nics, sock)
        index = {nic.name: dump.index(sock, nic.name) for nic in machine.nics}
        refused = _configure(ground, sock, index, None, machine)
    inode = ground.spaces.inode(machine.host_name)
    neighbours.announce(ground, None, machine)
    mark = replace(mark, state="made", space=inode, refused=refused)
    return _finish(ground, mark, machine)


def _change(ground: Ground, mark: Mark, was: Machine, now: Machine) -> Observed:
    """Patch the machine: NICs that stay keep working, and so does every route over them."""
    rules.drop(ground, item(mark), now)  # as long as the mark knows of them
    ground.folder.replace(mark.about(now))  # from here on, a crash shows as drift
    files.write(ground, now)
    rules.load(ground, was, now)
    if _network(was) != _network(now):
        before = {nic.name: nic for nic in was.nics} if _switching(was) == _switching(now) else {}
        stay = [nic for nic in now.nics if _same_card(ground, before.get(nic.name), nic)]
        kept = tuple(before[nic.name] for nic in stay)
        with ground.spaces.inside(now.host_name) as sock:
            settings.settle(was, now)
            old = {nic.name for nic in (*was.nics, *now.nics)} - {nic.name for nic in stay}
            gone = [netlink.delete_link(name, errno.ENODEV) for name in sorted(old)]
            ground.insist(now.name, sock.send(gone))
        cables.unplug(ground, was, [nic for nic in was.nics if nic.name in old])
        with ground.spaces.socket(now.host_name) as sock:
            cables.plug(ground, now, [nic for nic in now.nics if nic not in stay], sock)
            cables.move(ground, now, [nic for nic in stay if _plug(before[nic.name]) != _plug(nic)])
            index = {name: link.number for name, link in dump.links(sock).items()}
            refused = _configure(ground, sock, index, replace(was, nics=kept), now)
        neighbours.announce(ground, was, now)
        mark = replace(mark, refused=refused)
    return _finish(ground, mark, now)


def _configure(
    ground: Ground, sock: Socket, index: Mapping[str, int], was: Machine | None, now: Machine
) -> tuple[str, ...]:
    """Send what leads from *was* to *now*; return the routes that the kernel refused.

    A next hop on no connected subnet is a mistake that an exercise may contain: as with ``ip
    route add``, that route does not exist, and the machine works without it.
    """
    refused = sock.send(wiring.configure(was, now, index))
    routes = [refusal for refusal in refused if refusal.message.type == netlink.NEWROUTE]
    ground.insist(now.name, [refusal for refusal in refused if refusal not in routes])
    return tuple(refusal.message.what.removeprefix("route ") for refusal in routes)


def _finish(ground: Ground, mark: Mark, machine: Machine) -> Observed:
    """Start what shall run, complete the mark, and say what is there."""
    running = services.converge(ground, mark, machine)
    ground.folder.complete(replace(mark.about(machine), services=running))
    return _observed(ground, machine)


def _observed(ground: Ground, machine: Machine, *, running: bool = True) -> Observed:
    return Observed(str(Ref(ground.copy, "machine", machine.name)), machine, running)


def _network(machine: Machine) -> tuple[object, ...]:
    return machine.nics, machine.routes, machine.forwards, _switching(machine), machine.switch


def _switching(machine: Machine) -> str:
    """Return what *machine* is if it passes on frames, else nothing."""
    return machine.role if machine.role in SWITCHING else ""


def _same_card(ground: Ground, was: Nic | None, now: Nic) -> bool:
    """Return whether *was* can become *now* without being replaced."""
    if was is None:
        return False
    if _plug(was) == _plug(now):
        return True
    return not cables.outwards(ground, was) and not cables.outwards(ground, now)


def _plug(nic: Nic) -> tuple[object, ...]:
    """Return where the cable of *nic* leads, and how."""
    trunk = tuple(sub.id for sub in nic.trunk)
    where = nic.attach, nic.network, nic.connected, nic.listens
    return *where, nic.vlan, nic.native, trunk, nic.forwards
