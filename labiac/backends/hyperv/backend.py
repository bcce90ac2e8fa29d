"""The backend on Hyper-V: a machine a node, a switch a LAN."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Final

from labiac.backends.base import Features, Observed, Watch, ref_of
from labiac.backends.mark import copies, is_machine
from labiac.backends.refusals import another_kind, off
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from labiac.backends.base import BaseImage, Copy, Found, Ping, Ran
    from labiac.backends.exports import Exported
    from labiac.backends.snapshots import Snapshots
    from labiac.backends.ssh import Door
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan

FEATURES: Final = Features(
    boots=True, live=frozenset({"forwards", "host_addresses", "ipv4", "ipv6", "watched"})
)
"""What the host has around a LAN's switch, and what its ports copy.

Of a machine nothing: its seed says the same.
"""


class HyperV:
    """Labs as Hyper-V's machines and switches; see `labiac.backends.base`."""

    name: ClassVar[str] = "hyperv"
    features: ClassVar[Features] = FEATURES
    exports: ClassVar[str] = "folder"

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or Watch()

    def watched(self, watch: Watch) -> HyperV:
        """Return one that tells *watch* how far each machine is, and gives up with it."""
        return HyperV(watch)

    def version(self) -> str:
        """Return which Windows the host is, and which PowerShell.

        Raises:
            BackendError: there is no host, or it does not answer.
        """
        from labiac.backends.hyperv import host

        return host.version()

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Changes nothing."""
        from labiac.backends.hyperv.check import problems

        return problems(plan)

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or complete what labiac made of it before.

        Raises:
            ForeignError: an object of that name is not labiac's.
            BackendError: the host refused.
        """
        from labiac.backends.hyperv import machines, networks

        if isinstance(item, Machine):
            return machines.create(copy, item, self._watch)
        return networks.create(copy, item)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        from labiac.backends.hyperv import machines, networks

        return machines.observed(ref) if is_machine(ref) else networks.observed(ref)

    def glance(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is outside, or None when it is gone."""
        from labiac.backends.hyperv import machines, networks

        return machines.glimpsed(ref) if is_machine(ref) else networks.observed(ref)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Make the item behind *ref* as in *now*; a machine that must change for it restarts.

        Raises:
            BackendError: the host refused, or the item is gone.
        """
        from labiac.backends.hyperv import machines, marks, networks

        if type(was) is not type(now):
            raise another_kind(f"hyperv {ref}")
        mark = (machines if is_machine(ref) else networks).mark_of(ref)
        if mark is None:
            raise marks.gone(ref)
        return self.create(mark.copy, now)

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success."""
        from labiac.backends.hyperv import machines, networks

        if is_machine(ref):
            machines.delete(ref)
        else:
            networks.delete(ref, machines.delete)

    def start(self, ref: str) -> None:
        """Switch the machine *ref* on, and return when it is ready. On already is success.

        Raises:
            BackendError: it is gone, the host refused, or the guest does not get ready.
        """
        from labiac.backends.hyperv import machines

        machines.start(ref, self._watch)

    def stop(self, ref: str) -> None:
        """Shut the machine *ref* down; one that does not heed it is cut off. Off is success.

        Raises:
            BackendError: it is gone.
        """
        from labiac.backends.hyperv import machines

        machines.stop(ref)

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* anew, with a new disk; on again if it was.

        Raises:
            BackendError: it is gone, the host refused, or the guest does not get ready.
        """
        from labiac.backends.hyperv import machines

        return machines.reset(ref, self._watch)

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
            BackendError: it does not run, labiac has no way into it, or it can't capture there.
        """
        import os

        from labiac.backends import pcap, ssh

        door = self._door(ref)
        argv = ssh.command(door, pcap.tcpdump(nic, packets))
        return pcap.capture(argv, os.environ, sink, where=door.where, seconds=seconds)

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a guest does not answer us, or labiac has no way into it.
        """
        from labiac.backends import ssh
        from labiac.backends.hyperv import machines
        from labiac.backends.within import Runs, measure

        def runs(name: str) -> Runs | None:
            ref = ref_of(copy, "machine", name)
            door = machines.door(ref) if machines.mark_of(ref) else None
            return partial(ssh.execute, door) if door else None

        return measure(runs, pings, timeout_s=timeout_s, settle=settle)

    def bring(self, name: str) -> BaseImage:
        """Have the image *name* where machines boot from it, unless it is there.

        Raises:
            BackendError: this machine has no such image, or the host refused.
        """
        from labiac.backends.hyperv import images

        return images.bring(name)

    def brought(self, name: str, sha256: str) -> BaseImage | None:
        """Return the image *name* as it is there, or None when it is not."""
        from labiac.backends.hyperv import images

        return images.brought(name, sha256)

    def free_mib(self) -> float:
        """Return how much is free where disks of machines lie, in MiB; infinite on a share."""
        from labiac.backends.hyperv import files

        return files.free_mib()

    def snapshots(self, copy: Copy) -> Snapshots:
        """Return the snapshots of *copy*: memory and disk of all its machines."""
        from labiac.backends.hyperv.snapshots import Inventory
        from labiac.backends.snapshots import Snapshots

        return Snapshots(self, copy, lambda: Inventory(copy))

    def export(self, copy: Copy, place: str) -> Exported:
        """Write all machines of *copy* to the folder *place* of the host; of none, in labiac's own.

        Raises:
            UsageError: *place* is none.
            BackendError: the copy is not up, one of its machines is on, there is such a folder, or
                the host refused.
        """
        from labiac.backends.hyperv import exported

        return exported.export(copy, place)

    def find(self) -> list[Found]:
        """Return every copy on the host, sorted by lab and student.

        Raises:
            BackendError: there is a host, and it does not answer.
        """
        from labiac.backends.hyperv import host, marks
        from labiac.backends.hyperv.shell import RefusedError

        if not host.name() or find_spec("psrpcore") is None:
            return []  # labiac has made nothing there from here
        try:
            made = [(mark, str(row.get("State")) == "Running") for mark, row in marks.found()]
        except RefusedError as error:
            if error.failure.is_unknown_command:
                return []  # Windows without Hyper-V
            raise
        return copies(self.name, made)

    @staticmethod
    def _door(ref: str) -> Door:
        """Return the way into the machine *ref*, which must run."""
        from labiac.backends.hyperv import machines

        if (door := machines.door(ref)) is None:
            raise off(f"hyperv {ref}")
        return door
