"""Nodes on libvirt: a domain each, its disk, its seed, and what its console said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labiac.backends.base import Copy, Observed
from labiac.backends.libvirt import boot
from labiac.backends.libvirt import domain as xml
from labiac.backends.libvirt.accelerator import accelerator
from labiac.backends.libvirt.connection import found, library
from labiac.backends.libvirt.files import Files
from labiac.backends.libvirt.held import Held, held, note
from labiac.backends.libvirt.marks import mark_of
from labiac.backends.libvirt.still import wake
from labiac.backends.mark import Mark
from labiac.errors import ForeignError

if TYPE_CHECKING:
    from labiac.backends.base import Watch
    from labiac.plan.model import Machine


def create(connection: Any, copy: Copy, item: Machine, watch: Watch) -> Observed:
    """Make *item* so, whatever there is of it, and return when its guest is ready.

    A guest that runs and would boot the same goes on running; else it restarts, and its disk stays.

    Raises:
        ForeignError: a domain of that name is not labiac's.
        BackendError: the guest does not get ready, or *watch* is cancelled.
    """
    mark = Mark(copy, item, whole=False)
    ours = held(connection, mark.ref)
    if ours is None and found(connection.lookupByName, item.host_name) is not None:
        problem = f"there is a domain {item.host_name} that is not labiac's"
        fix = f"virsh undefine {item.host_name}, or rename the lab"
        raise ForeignError(f"libvirt {item.name}", problem, fix=fix)
    if ours is not None:
        wake(ours.object)
    kind, files = accelerator(connection), Files(connection, item)
    running = ours is not None and _would_boot_the_same(ours, item)
    if ours is not None and not running:
        _retire(ours, item, files, watch)
    there = connection.defineXML(xml.domain(item, mark, files.host(kind)))
    if running:
        plug(there, item)
    else:
        if not files.has_disk():
            _forget_snapshots(there)
        files.make(item)
        there.create()
    boot.wait(there, item.name, timeout_s=boot.LIMIT_S[kind], console=files.console, watch=watch)
    done = replace(mark, whole=True)
    note(there, done)
    return observed(Held(there, done))


def delete(connection: Any, ours: Held) -> None:
    """Delete a machine: what runs, its files, and last what says that they are labiac's."""
    boot.cut_off(ours.object)
    Files(connection, ours.mark.machine).remove()
    ours.object.undefineFlags(library().VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


def observed(ours: Held) -> Observed:
    """Return a machine as it is now; one that is not whole, or stands still, does not run."""
    live = ours.live
    item = xml.observed(ours.mark.machine, ours.mark.copy, live)
    return Observed(ours.mark.ref, item, running=ours.mark.whole and _runs(ours.object, live))


def plug(domain: Any, item: Machine) -> None:
    """Put every cable of a *domain* that runs in or out, as in *item*."""
    live = domain.XMLDesc()
    now = xml.cables(live)
    for nic in item.nics:
        if now[nic.mac] != xml.plugged(nic):
            domain.updateDeviceFlags(xml.card_of(live, nic), library().VIR_DOMAIN_AFFECT_LIVE)


def _forget_snapshots(domain: Any) -> None:
    """Forget all snapshots of *domain*: they went with its disk."""
    for each in domain.listAllSnapshots():
        each.delete(library().VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)


def _would_boot_the_same(ours: Held, item: Machine) -> bool:
    """Return whether the guest runs, on the hardware and the seed that *item* has."""
    live = ours.live
    booted = mark_of(live)
    if not _runs(ours.object, live) or booted is None or booted.machine.seed != item.seed:
        return False
    return xml.hardware(xml.observed(booted.machine, booted.copy, live)) == xml.hardware(item)


def _runs(domain: Any, live: str) -> bool:
    """Return whether a guest runs, and is plugged into switches that are there.

    A network that was stopped and started again knows nothing of the guests that were in it.
    """
    state, _reason = domain.state()
    if state != library().VIR_DOMAIN_RUNNING:
        return False
    return all(_is_port(domain.connect(), *port) for port in xml.ports(live))


def _is_port(connection: Any, network: str, port: str) -> bool:
    lan = found(connection.networkLookupByName, network)
    return lan is not None and found(lan.portLookupByUUIDString, port) is not None


def _retire(ours: Held, item: Machine, files: Files, watch: Watch) -> None:
    """End a guest that is to boot anew, and take its disk when that is to be another one."""
    was = ours.mark.machine
    if (was.image, was.disk_gib) == (item.image, item.disk_gib):
        boot.stop(ours.object, item.name, watch)
    else:
        boot.cut_off(ours.object)
        files.remove_disk()
