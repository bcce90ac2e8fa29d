"""Nodes on libvirt: a domain each, its disk, its seed, and what its console said."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from labiac.backends.base import Copy, Observed
from labiac.backends.guest import changed
from labiac.backends.guest import observed as inside
from labiac.backends.libvirt import boot, forwards, guest, hotplug, storage, switches
from labiac.backends.libvirt import domain as xml
from labiac.backends.libvirt.accelerator import accelerator
from labiac.backends.libvirt.cards import cards
from labiac.backends.libvirt.connection import library, own_user
from labiac.backends.libvirt.files import Files
from labiac.backends.libvirt.held import Held, held_or_free, note
from labiac.backends.libvirt.hotplug import is_known
from labiac.backends.libvirt.still import wake
from labiac.backends.mark import Mark
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from labiac.backends.base import Watch

_ROUNDS = 4
"""How often to look again: networkd, too, answers what happens to a link, a moment after it."""


def create(
    connection: Any, copy: Copy, item: Machine, watch: Watch, *, was: Machine | None = None
) -> Observed:
    """Make *item* so, whatever there is of it, and return when its guest is ready.

    A guest that runs becomes it while it runs, where it can; else it restarts, and its disk stays.

    Args:
        connection: To libvirt.
        copy: Whose copy it is of.
        item: What it shall be.
        watch: Hears how far it is.
        was: What it was until now, if only what differs is to change inside a guest that runs.

    Raises:
        ForeignError: a domain of that name is not labiac's.
        BackendError: the guest does not get ready, or *watch* is cancelled.
    """
    mark = Mark(copy, item, whole=False)
    ours = held_or_free(connection, mark)
    if (user := own_user()) is not None:
        switches.plug(copy, item, user)
    if ours is not None:
        wake(ours.object)
    kind, files = accelerator(connection), Files(connection, item)
    on = ours is not None and _is_on(ours.object)
    runs = ours is not None and on and hotplug.follows(ours, item)
    if ours is not None and not runs:
        _retire(ours, item, files, watch)
    there = connection.defineXML(xml.domain(item, mark, files.host(kind)))
    done = replace(mark, whole=True)
    if not (on or item.start):
        _equip(there, item, files)
        note(there, done)
        return observed(Held(there, done))
    if not runs:
        _boot(there, item, files)
    limit_s = boot.LIMIT_S[kind]
    boot.wait(there, item.name, timeout_s=limit_s, console=files.console, watch=watch)
    if runs and not hotplug.turn(there, mark, files, watch):
        boot.stop(there, item.name, watch)
        _boot(there, item, files)
        boot.wait(there, item.name, timeout_s=limit_s, console=files.console, watch=watch)
    forwards.settle(there, item)
    note(there, done)
    found = observed(Held(there, done))
    if not found.running or not isinstance(found.item, Machine):
        return found
    goal = changed(found.item, was, item) if was and runs else item
    return _mended(Held(there, done), found, goal, item)


def delete(connection: Any, ours: Held) -> None:
    """Delete a machine: what runs, its files, and last what says that they are labiac's."""
    boot.cut_off(ours.object)
    if (user := own_user()) is not None:
        switches.unplug(ours.mark.copy, ours.mark.machine, user)
    Files(connection, ours.mark.machine).remove()
    ours.object.undefineFlags(library().VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


def reset(connection: Any, ours: Held, watch: Watch) -> Observed:
    """Make a machine anew, with a new disk; on again if it was, and its snapshots are gone.

    Raises:
        BackendError: there is no image for a new disk, the guest does not get ready, or *watch* is
            cancelled.
    """
    item = ours.mark.machine
    storage.base(storage.pool(connection), item.image)  # where it can't be had the old disk stays
    start = item.start or _is_on(ours.object)
    boot.cut_off(ours.object)
    Files(connection, item).remove_disk()
    return create(connection, ours.mark.copy, replace(item, start=start), watch)


def observed(ours: Held) -> Observed:
    """Return a machine as it is now, inside too, if it may be looked at."""
    return inside(glimpsed(ours), partial(guest.look, ours.object))


def glimpsed(ours: Held) -> Observed:
    """Return a machine as libvirt has it; one that is not whole, or stands still, does not run."""
    live = ours.live
    item = xml.observed(ours.mark.machine, ours.mark.copy, live, own_user())
    running = ours.mark.whole and _runs(ours.object, live)
    if running:
        item = forwards.observed(ours.object, item)
    return Observed(ours.mark.ref, item, running=running)


def _mended(ours: Held, found: Observed, goal: Machine, item: Machine) -> Observed:
    """Make a guest *goal* inside, which is what there shall be of *item*; return it as it is."""
    for _ in range(_ROUNDS):
        if not isinstance(found.item, Machine) or not found.running or found.item == goal:
            break
        guest.mend(ours.object, found.item, goal)
        found = observed(ours)
    return replace(found, item=item) if found.item == goal else found


def _boot(domain: Any, item: Machine, files: Files) -> None:
    """Start *domain*, with all that its guest reads."""
    _equip(domain, item, files)
    domain.create()


def _equip(domain: Any, item: Machine, files: Files) -> None:
    """Make all that the guest of *domain* reads when it boots; a disk that is there stays."""
    if not files.has_disk():
        _forget_snapshots(domain)
    files.make(item)


def _forget_snapshots(domain: Any) -> None:
    """Forget all snapshots of *domain*: they went with its disk."""
    for each in domain.listAllSnapshots():
        each.delete(library().VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)


def _runs(domain: Any, live: str) -> bool:
    """Return whether a guest runs, and is plugged into switches that know it."""
    connection = domain.connect()
    return _is_on(domain) and all(is_known(connection, card) for card in cards(live).values())


def _is_on(domain: Any) -> bool:
    state, _reason = domain.state()
    return bool(state == library().VIR_DOMAIN_RUNNING)


def _retire(ours: Held, item: Machine, files: Files, watch: Watch) -> None:
    """End a guest that is to boot anew, and take its disk when that is to be another one."""
    was = ours.mark.machine
    if (was.image, was.disk_gib) == (item.image, item.disk_gib):
        boot.stop(ours.object, item.name, watch)
    else:
        boot.cut_off(ours.object)
        files.remove_disk()
