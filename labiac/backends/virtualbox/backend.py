"""The backend on VirtualBox: a machine a node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from labiac.backends.base import Copy, Features, Observed, Watch, ref_of
from labiac.backends.mark import copies
from labiac.backends.refusals import another_kind, gone, off
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from labiac.backends.base import BaseImage, Found, Ping, Ran
    from labiac.backends.exports import Exported
    from labiac.backends.mark import Mark
    from labiac.backends.snapshots import Snapshots
    from labiac.backends.ssh import Door
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan

FEATURES: Final = Features(boots=True, live=frozenset({"nics.promiscuous", "watched"}))
"""Who listens is promiscuous, and the LAN need not know of it.

A cable and the LAN of a NIC too are changed live, but the guest's seed says them as well."""


class VirtualBox:
    """Labs as VirtualBox's machines; see `labiac.backends.base`."""

    name: ClassVar[str] = "virtualbox"
    features: ClassVar[Features] = FEATURES
    exports: ClassVar[str] = "ova"

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or Watch()

    def watched(self, watch: Watch) -> VirtualBox:
        """Return one that tells *watch* how far each machine is, and gives up with it."""
        return VirtualBox(watch)

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Changes nothing."""
        from labiac.backends.virtualbox.check import problems

        return problems(plan)

    def version(self) -> str:
        """Return that of VirtualBox: ``VirtualBox 7.2.2r170484``.

        Raises:
            BackendError: there is none, or it does not say.
        """
        from labiac.backends.virtualbox.manage import full_version

        return f"VirtualBox {full_version()}"

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or complete what labiac made of it before.

        Raises:
            ForeignError: an object of that name is not labiac's.
            BackendError: VirtualBox refused.
        """
        from labiac.backends.virtualbox import machines, networks

        if isinstance(item, Machine):
            return machines.create(copy, item, self._watch)
        return networks.create(copy, item)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        from labiac.backends.virtualbox import machines

        return _read(ref, machines.observed)

    def glance(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is outside, or None when it is gone."""
        from labiac.backends.virtualbox import machines

        return _read(ref, machines.glimpsed)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Make the item behind *ref* as in *now*; a machine that must change for it restarts.

        Raises:
            BackendError: VirtualBox refused, or the item is gone.
        """
        mark = self._made(ref)
        if type(was) is not type(now):
            raise another_kind(f"virtualbox {ref}")
        return self.create(mark.copy, now)

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success."""
        from labiac.backends.virtualbox import machines, marks, networks

        mark = marks.mark_of(ref)
        if mark is None:
            return
        if mark.kind == "machine":
            machines.delete(mark)
        else:
            networks.delete(mark, machines.delete)

    def start(self, ref: str) -> None:
        """Switch the machine *ref* on, and return when it is ready. On already is success.

        Raises:
            BackendError: it is gone, VirtualBox refused, or the guest does not get ready.
        """
        from labiac.backends.virtualbox import machines

        machines.start(self._made(ref), self._watch)

    def stop(self, ref: str) -> None:
        """Shut the machine *ref* down; one that does not heed it is cut off. Off is success.

        Raises:
            BackendError: it is gone.
        """
        from labiac.backends.virtualbox import machines

        machines.stop(self._made(ref))

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* anew, with a new disk; on again if it was.

        Raises:
            BackendError: it is gone, or VirtualBox refused.
        """
        from labiac.backends.virtualbox import machines

        return machines.reset(self._made(ref), self._watch)

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it.

        Raises:
            BackendError: it does not run, labiac has no way into it, or the command takes longer
                than *timeout_s*.
        """
        from labiac.backends import ssh

        return ssh.execute(self._door(ref), argv, timeout_s=timeout_s)

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Become *argv* on the machine *ref*, with this terminal; return if that can't begin.

        Raises:
            BackendError: it does not run, or labiac has no way into it.
        """
        from labiac.backends import ssh

        return ssh.attach(self._door(ref), argv)

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of machine *ref* to *sink* as pcap; return the packet count.

        Raises:
            BackendError: it does not run, or it can't be captured there.
        """
        import os

        from labiac.backends import pcap, ssh
        from labiac.backends.virtualbox import trace

        mark = self._made(ref)
        if mark.machine.management is None:
            return trace.capture(mark, nic, sink, packets=packets, seconds=seconds)
        door = self._door(ref)
        argv = ssh.command(door, pcap.tcpdump(nic, packets))
        return pcap.capture(argv, os.environ, sink, where=door.where, seconds=seconds)

    def console(self, ref: str) -> None:
        """Be at the serial console of the machine *ref* until Ctrl-], or until it is off.

        Raises:
            BackendError: it does not run, or this is no terminal.
        """
        from labiac.backends.virtualbox import console, machines

        mark = self._made(ref)
        console.attach(mark.machine, machines.insist_on(mark).console)

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a guest does not answer us, or labiac has no way into it.
        """
        from labiac.backends import ssh
        from labiac.backends.virtualbox import machines, marks
        from labiac.backends.within import Runs, measure

        def runs(name: str) -> Runs | None:
            mark = marks.mark_of(ref_of(copy, "machine", name))
            door = machines.door(mark) if mark else None
            return partial(ssh.execute, door) if door else None

        return measure(runs, pings, timeout_s=timeout_s, settle=settle)

    def bring(self, name: str) -> BaseImage:
        """Have the image *name* where machines boot from it, unless it is there.

        Raises:
            BackendError: this machine has no such image, or VirtualBox refused.
        """
        from labiac.backends.virtualbox import images

        return images.bring(name)

    def brought(self, name: str, sha256: str) -> BaseImage | None:
        """Return the image *name* as it is there, or None when it is not."""
        from labiac.backends.virtualbox import images

        return images.brought(name, sha256)

    def snapshots(self, copy: Copy) -> Snapshots:
        """Return the snapshots of *copy*: memory and disk of all its machines."""
        from labiac.backends.snapshots import Snapshots
        from labiac.backends.virtualbox.snapshots import Inventory

        return Snapshots(self, copy, lambda: Inventory(copy))

    def export(self, copy: Copy, place: str) -> Exported:
        """Write all machines of *copy* to the file *place*, an OVA.

        Raises:
            BackendError: the copy is not up, one of its machines is on, or VirtualBox refused.
        """
        from labiac.backends.virtualbox import appliance

        return appliance.export(copy, place)

    def find(self) -> list[Found]:
        """Return every copy on this host, sorted by lab and student.

        Raises:
            BackendError: there are some, and VirtualBox does not answer.
        """
        from labiac.backends.virtualbox import marks
        from labiac.backends.virtualbox.manage import manage

        made = list(marks.marks())
        running = manage("list", "runningvms") if made else ""
        return copies(self.name, ((mark, f"{{{mark.uuid}}}" in running) for mark in made))

    def _door(self, ref: str) -> Door:
        """Return the way into the machine *ref*, which must run."""
        from labiac.backends.virtualbox import machines

        if (door := machines.door(self._made(ref))) is None:
            raise off(f"virtualbox {ref}")
        return door

    @staticmethod
    def _made(ref: str) -> Mark:
        """Return the mark of what was made."""
        from labiac.backends.virtualbox import marks

        mark = marks.mark_of(ref)
        if mark is None:
            raise gone(f"virtualbox {ref}")
        return mark


def _read(ref: str, observed: Callable[[Mark], Observed | None]) -> Observed | None:
    from labiac.backends.virtualbox import marks, networks

    mark = marks.mark_of(ref)
    if mark is None:
        return None
    return observed(mark) if mark.kind == "machine" else networks.observed(mark)
