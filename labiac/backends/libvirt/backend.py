"""The backend on libvirt: a network a LAN, a domain a node."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from labiac.backends.base import Copy, Observed, Ran, Watch, ref_of
from labiac.backends.mark import copies, is_machine
from labiac.backends.refusals import another_kind, gone, missing, off
from labiac.errors import BackendError
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from labiac.backends.base import BaseImage, Features, Found, Ping
    from labiac.backends.libvirt.held import Held
    from labiac.backends.snapshots import Snapshots
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan


class LibvirtBackend:
    """Labs as virtual machines; see `labiac.backends.base`. Connects when first used."""

    name: ClassVar[str] = "libvirt"

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or Watch()

    @property
    def features(self) -> Features:
        """What the libvirt in use can do."""
        from labiac.backends.libvirt.features import features

        return features()

    def watched(self, watch: Watch) -> LibvirtBackend:
        """Return one that tells *watch* how far each machine is, and gives up with it."""
        return LibvirtBackend(watch)

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Changes nothing."""
        from labiac.backends.libvirt.check import problems

        return problems(plan)

    def version(self) -> str:
        """Return those of libvirt and of its hypervisor: ``libvirt 9.0.0, QEMU 7.2.22``.

        Raises:
            BackendError: libvirt can't be reached.
        """
        from labiac.backends.libvirt.connection import connect, told

        with told("libvirt"):
            connection = connect()
            daemon, hypervisor = map(_dotted, (connection.getLibVersion(), connection.getVersion()))
            return f"libvirt {daemon}, {connection.getType()} {hypervisor}"

    def free_mib(self) -> float:
        """Return how much is free in libvirt's pool, in MiB; infinite where nobody can tell."""
        from labiac.backends.libvirt.connection import connect
        from labiac.backends.libvirt.storage import free_mib

        try:
            return free_mib(connect())
        except BackendError:  # libvirt is not here, and may be where the class will be
            return math.inf

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or complete what labiac made of it before; a machine is ready then.

        Raises:
            ForeignError: an object of that name is not labiac's.
            BackendError: libvirt refused, or the guest does not get ready.
        """
        return self._made(copy, item)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        from labiac.backends.libvirt import machines

        return self._read(ref, machines.observed)

    def glance(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is outside, or None when it is gone."""
        from labiac.backends.libvirt import machines

        return self._read(ref, machines.glimpsed)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Make the item behind *ref* as in *now*, live where that is possible.

        Raises:
            BackendError: libvirt refused, the item is gone, or the guest does not get ready.
        """
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._held(ref)
        if ours is None:
            raise gone(f"libvirt {ref}")
        if type(was) is not type(now):
            raise another_kind(f"libvirt {ref}")
        return self._made(ours.mark.copy, now, was)

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success."""
        from labiac.backends.libvirt import machines, networks
        from labiac.backends.libvirt.connection import connect, told

        with told(ref):
            ours = self._held(ref)
            if ours is not None:
                part = machines if ours.mark.kind == "machine" else networks
                part.delete(connect(), ours)
            elif not is_machine(ref):
                networks.clear(ref)

    def start(self, ref: str) -> None:
        """Switch the machine *ref* on, and return when it is ready. On already is success.

        Raises:
            BackendError: it is gone, libvirt refused, or it does not get ready.
        """
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._machine(ref)
        self.create(ours.mark.copy, replace(ours.mark.machine, start=True))

    def stop(self, ref: str) -> None:
        """Shut the machine *ref* down; one that does not heed it is cut off. Off is success.

        Raises:
            BackendError: it is gone, or libvirt refused.
        """
        from labiac.backends.libvirt import boot
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._machine(ref)
            boot.stop(ours.object, ours.mark.item.name, self._watch)

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it.

        Raises:
            BackendError: the machine does not run, or the command takes longer than *timeout_s*.
        """
        from labiac.backends.libvirt import agent
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._running(ref)
            return agent.execute(ours.object, argv, timeout_s=timeout_s)

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Run *argv* there with this terminal's input and output; return its exit status.

        Raises:
            BackendError: the machine does not run, or can't begin it.
        """
        from labiac.backends.libvirt import attached
        from labiac.backends.libvirt.connection import told

        with told(ref):
            return attached.attach(self._running(ref).object, argv)

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of machine *ref* to *sink* as pcap; return the packet count.

        Raises:
            BackendError: the machine does not run, or can't capture on that NIC.
        """
        from labiac.backends.libvirt.capture import capture
        from labiac.backends.libvirt.connection import told

        with told(ref):
            there = self._running(ref).object
            return capture(there, nic, sink, packets=packets, seconds=seconds)

    def console(self, ref: str) -> None:
        """Be at the serial console of the machine *ref* until Ctrl-], or until it is off.

        Raises:
            BackendError: it does not run, this is no terminal, or somebody is at that console.
        """
        from labiac.backends.libvirt import console
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._running(ref)
            console.attach(ours.object, ours.mark.item.name)

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a guest does not answer us.
        """
        from labiac.backends.libvirt.connection import told
        from labiac.backends.libvirt.ping import measure

        def domain_of(name: str) -> Any:
            ours = self._held(ref_of(copy, "machine", name))
            return ours.object if ours is not None and ours.is_active else None

        with told(f"{copy.lab}/{copy.student}"):
            return measure(domain_of, pings, timeout_s=timeout_s, settle=settle)

    def bring(self, name: str) -> BaseImage:
        """Have the image *name* in the pool, unless it is there.

        Raises:
            BackendError: this machine has no such image, or libvirt refused.
        """
        from labiac.backends.libvirt import images
        from labiac.backends.libvirt.connection import connect, told

        with told(f"image {name}"):
            return images.bring(connect(), name)

    def brought(self, name: str, sha256: str) -> BaseImage | None:
        """Return the image *name* as it is in the pool, or None when it is not."""
        from labiac.backends.libvirt import images
        from labiac.backends.libvirt.connection import connect, told

        with told(f"image {name}"):
            return images.brought(connect(), name, sha256)

    def reset(self, ref: str) -> Observed:
        """Boot the machine *ref* from a new disk, and return when it is ready.

        Raises:
            BackendError: it is gone, libvirt refused, or the guest does not get ready.
        """
        from labiac.backends.libvirt import machines
        from labiac.backends.libvirt.connection import connect, told

        with told(ref):
            return machines.reset(connect(), self._machine(ref), self._watch)

    def snapshots(self, copy: Copy) -> Snapshots:
        """Return the snapshots of *copy*: memory and disk of all its machines."""
        from labiac.backends.libvirt.snapshots import Inventory
        from labiac.backends.snapshots import Snapshots

        return Snapshots(self, copy, lambda: Inventory(copy))

    def find(self) -> list[Found]:
        """Return every copy on this host, sorted by lab and student.

        Where nobody said which libvirt to use and there is none, there is nothing.

        Raises:
            BackendError: the libvirt that was chosen can't be reached.
        """
        from labiac.backends.libvirt.connection import connect, is_chosen, is_likely, told

        if not is_likely():
            return []
        from labiac.backends.libvirt.held import all_held

        try:
            with told("labs"):
                held = [(each.mark, _runs(each)) for each in all_held(connect())]
        except BackendError:
            if is_chosen():
                raise
            return []
        return copies(self.name, held)

    def _read(self, ref: str, observed: Callable[[Held], Observed]) -> Observed | None:
        from labiac.backends.libvirt import networks
        from labiac.backends.libvirt.connection import told

        with told(ref):
            ours = self._held(ref)
            if ours is None:
                return None
            return observed(ours) if ours.mark.kind == "machine" else networks.observed(ours)

    def _running(self, ref: str) -> Held:
        ours = self._machine(ref)
        if not ours.is_active:
            raise off(f"libvirt {ref}")
        return ours

    def _machine(self, ref: str) -> Held:
        ours = self._held(ref)
        if ours is None:
            raise missing(f"libvirt {ref}")
        return ours

    def _made(self, copy: Copy, item: Item, was: Item | None = None) -> Observed:
        from labiac.backends.libvirt import machines, networks
        from labiac.backends.libvirt.connection import connect, told

        with told(item.name):
            if isinstance(item, Machine):
                before = was if isinstance(was, Machine) else None
                return machines.create(connect(), copy, item, self._watch, was=before)
            return networks.create(connect(), copy, item)

    def _held(self, ref: str) -> Held | None:
        from labiac.backends.libvirt.connection import connect
        from labiac.backends.libvirt.held import held

        return held(connect(), ref)


def _dotted(number: int) -> str:
    """Return a version as people write it; libvirt says 9000000 for 9.0.0."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def _runs(ours: Held) -> bool:
    return ours.mark.kind == "machine" and ours.is_active
