"""The backend on Incus: a bridge a LAN, a system container a node, a project a copy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from labiac.backends.base import Copy, Features, Observed, Ran, Watch
from labiac.backends.incus.machines import FEATURES
from labiac.backends.mark import copies, is_machine
from labiac.backends.refusals import another_kind, gone, missing, off
from labiac.errors import BackendError
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from labiac.backends.access import Access
    from labiac.backends.base import BaseImage, Found, Ping
    from labiac.backends.incus.held import Held
    from labiac.backends.snapshots import Snapshots
    from labiac.backends.spare import Spare
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan


class IncusBackend:
    """Labs as system containers; see `labiac.backends.base`. Connects when first used."""

    name: ClassVar[str] = "incus"
    features: ClassVar[Features] = FEATURES

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or Watch()

    def watched(self, watch: Watch) -> IncusBackend:
        """Return one that tells *watch* how far each machine is, and gives up with it."""
        return IncusBackend(watch)

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Changes nothing."""
        from labiac.backends.incus.check import problems

        return problems(plan)

    def version(self) -> str:
        """Return that of Incus: ``Incus 6.0.4``.

        Raises:
            BackendError: it can't be reached, or does not say.
        """
        from labiac.backends.incus.api import get, path_of

        return f"Incus {get(path_of())['environment']['server_version']}"

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or complete what labiac made of it before; a machine is ready then.

        Raises:
            ForeignError: an object of that name is not labiac's.
            BackendError: Incus refused, or the container does not get ready.
        """
        return self._made(copy, item)

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        from labiac.backends.incus import machines, networks

        ours = _held(ref)
        if ours is None:
            return None
        return machines.observed(ours) if ours.mark.kind == "machine" else networks.observed(ours)

    def glance(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is outside, or None when it is gone."""
        from labiac.backends.incus import machines, networks

        ours = _held(ref)
        if ours is None:
            return None
        return machines.glimpsed(ours) if ours.mark.kind == "machine" else networks.observed(ours)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Make the item behind *ref* as in *now*, live where that is possible.

        Raises:
            BackendError: Incus refused, the item is gone, or it does not get ready.
        """
        ours = _held(ref)
        if ours is None:
            raise gone(f"incus {ref}")
        if type(was) is not type(now):
            raise another_kind(f"incus {ref}")
        return self._made(ours.mark.copy, now, was)

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success."""
        from labiac.backends.incus import lans, machines, networks

        ours = _held(ref)
        if ours is not None:
            (machines if ours.mark.kind == "machine" else networks).delete(ours)
        elif is_machine(ref):
            lans.sweep_behind(*_named(ref))

    def start(self, ref: str) -> None:
        """Switch the machine *ref* on, and return when it is ready. On already is success.

        Raises:
            BackendError: it is gone, Incus refused, or it does not get ready.
        """
        from labiac.backends.incus import machines

        machines.start(_machine(ref), self._watch)

    def stop(self, ref: str) -> None:
        """Shut the machine *ref* down; one that does not heed it is cut off. Off is success.

        Raises:
            BackendError: it is gone, or Incus refused.
        """
        from labiac.backends.incus import machines

        machines.stop(_machine(ref))

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* anew from its image, and return when it is ready.

        Raises:
            BackendError: it is gone, Incus refused, or it does not get ready.
        """
        from labiac.backends.incus import machines

        return machines.reset(_machine(ref), self._watch)

    def snapshots(self, copy: Copy) -> Snapshots:
        """Return the snapshots of *copy*: disks of all machines; what ran boots when restored."""
        from labiac.backends.incus.snapshots import Inventory
        from labiac.backends.snapshots import Snapshots

        return Snapshots(self, copy, lambda: Inventory(copy, self._watch))

    def grant(self, copy: Copy) -> Access:
        """Return a way to *copy* alone for somebody's own Incus client.

        Raises:
            BackendError: the copy is not up, Incus does not listen, or a node opens its host.
        """
        from labiac.backends.incus import access

        return access.grant(copy)

    def revoke(self, copy: Copy) -> int:
        """Close all ways to *copy*, and return how many there were."""
        from labiac.backends.incus import access

        return access.revoke(copy)

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it.

        Raises:
            BackendError: the machine does not run, or the command takes longer than *timeout_s*.
        """
        from labiac.backends.incus.command import execute

        return execute(_running(ref).place, argv, timeout_s=timeout_s)

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Become *argv* on the machine *ref*, by the incus command; return if there is none.

        Raises:
            BackendError: the machine does not run.
        """
        from labiac.backends.incus.command import attach

        return attach(_running(ref).place, argv)

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of the machine *ref* to *sink* as pcap; return the packet count.

        Raises:
            BackendError: the machine does not run, or it has no such NIC.
        """
        from labiac.backends.incus.capture import capture

        return capture(_running(ref).place, nic, sink, packets=packets, seconds=seconds)

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a container does not answer us.
        """
        from labiac.backends.base import ref_of
        from labiac.backends.incus.command import execute
        from labiac.backends.within import Runs, measure

        def runs(name: str) -> Runs | None:
            ours = _held(ref_of(copy, "machine", name))
            return partial(execute, ours.place) if ours and ours.is_active else None

        return measure(runs, pings, timeout_s=timeout_s, settle=settle)

    def bring(self, name: str) -> BaseImage:
        """Have the image *name* in Incus, unless it is there.

        Raises:
            BackendError: this machine has no such image, or Incus refused.
        """
        from labiac.backends.incus import images

        return images.bring(name)

    def brought(self, name: str, sha256: str) -> BaseImage | None:
        """Return the image *name* as it is in Incus, or None when it is not."""
        from labiac.backends.incus import images

        return images.brought(name, sha256)

    def misplaced(self, host: str) -> str:
        """Return why no copy can be made on the member or group *host* now, or the empty string."""
        from labiac.backends.incus.cluster import misplaced

        return misplaced(host)

    def spare(self) -> dict[str, Spare]:
        """Return what each member of the cluster has left; of an Incus alone, nothing."""
        from labiac.backends.incus.cluster import spare

        return spare()

    def find(self) -> list[Found]:
        """Return every copy in this Incus, sorted by lab and student.

        Where nobody said which one to use and there is none, there is nothing.

        Raises:
            BackendError: the Incus that was chosen can't be reached.
        """
        from labiac.backends.incus import api
        from labiac.backends.incus.held import all_held

        if api.address() is None:
            return []
        try:
            there = [(each.mark, each.is_active) for each in all_held()]
        except BackendError:
            if api.is_chosen():
                raise
            return []
        return copies(self.name, there)

    def _made(self, copy: Copy, item: Item, was: Item | None = None) -> Observed:
        from labiac.backends.incus import machines, networks

        if isinstance(item, Machine):
            before = was if isinstance(was, Machine) else None
            return machines.create(copy, item, self._watch, was=before)
        return networks.create(copy, item)


def _held(ref: str) -> Held | None:
    from labiac.backends.incus.held import held

    return held(ref, *_named(ref))


def _named(ref: str) -> tuple[Copy, str]:
    lab, student, _, name = ref.split("/")
    return Copy(lab, student), name


def _machine(ref: str) -> Held:
    ours = _held(ref)
    if ours is None:
        raise missing(f"incus {ref}")
    return ours


def _running(ref: str) -> Held:
    ours = _machine(ref)
    if not ours.is_active:
        raise off(f"incus {ref}")
    return ours
