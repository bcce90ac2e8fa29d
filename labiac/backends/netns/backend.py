"""The backend on Linux network namespaces, for a process that may make them."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from labiac.backends.base import Copy, Features, Found, Observed, Ran
from labiac.backends.netns import files, kernel, machines, marks, networks, places
from labiac.backends.netns.ground import Ground
from labiac.backends.netns.marks import Folder
from labiac.backends.netns.spaces import Spaces
from labiac.backends.refusals import another_kind, gone, missing
from labiac.errors import BackendError
from labiac.plan.model import Machine, Network
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from labiac.backends.base import Ping
    from labiac.backends.netns.places import Places
    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan

FEATURES: Final = Features(
    boots=False,
    live=frozenset(
        {
            *("forwards", "hosts", "nics", "policy", "role", "routes", "routing", "services"),
            *("speaker", "translation"),
            *("host_addresses", "host_routes", "interface", "ipv4", "ipv6", "type", "vlans"),
            "watched",
        }
    ),
)


class NetnsBackend:
    """Labs as network namespaces of this host; see `labiac.backends.base`."""

    name: ClassVar[str] = "netns"
    features: ClassVar[Features] = FEATURES

    def __init__(self, where: Places = places.ROOT) -> None:
        self._places = where
        self._spaces = Spaces(where.spaces)

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Leaves nothing behind."""
        from labiac.backends.netns.check import problems

        return problems(plan, self._places.marks)

    def version(self) -> str:
        """Return that of the kernel, and who makes the namespaces."""
        rights = "an ordinary user" if os.geteuid() else "root"
        return f"Linux {os.uname().release}, as {rights}"

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or adopt and complete what labiac made of it before.

        Raises:
            ForeignError: a namespace or an interface of that name is not labiac's.
            BackendError: the kernel refused.
        """
        places.safe(item.host_name)
        with self._locked(copy, item.name) as ground:
            try:
                if isinstance(item, Machine):
                    return machines.create(ground, item, copy.owner)
                return networks.create(ground, item, copy.owner)
            except BaseException:
                ground.tidy()
                raise

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        found = places.parse(ref)
        folder = Folder(self._places.marks, found.copy)
        if not folder.path.is_dir():  # reading makes nothing, not even a lock
            return None
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is None:
                ground.tidy()
                return None
            if found.kind == "machine":
                return machines.read(ground, mark)
            return networks.read(ground, mark)

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Change in place only what differs between *was* and *now*.

        Raises:
            BackendError: the kernel refused, or the item is gone.
        """
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is None:
                ground.tidy()
                raise gone(f"netns {ref}")
            if isinstance(was, Machine) and isinstance(now, Machine):
                return machines.update(ground, mark, was, now)
            if isinstance(was, Network) and isinstance(now, Network):
                return networks.update(ground, mark, now)
            raise another_kind(f"netns {ref}")

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success.

        Returns before the kernel has taken it all down; `settled` waits for that.
        """
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read(found.kind, found.name)
            if mark is None:
                ground.folder.remove(found.kind, found.name)
                files.forget(ground, found.name)
            elif found.kind == "machine":
                machines.delete(ground, mark)
            else:
                for orphan in machines.plugged_into(ground, found.name):
                    machines.delete(ground, orphan)
                networks.delete(ground, mark)
            ground.tidy()

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* as it was when it was new; its networks and neighbours stay.

        Raises:
            BackendError: the kernel refused, or the machine is gone.
        """
        found = places.parse(ref)
        with self._locked(found.copy, found.name) as ground:
            mark = ground.folder.read("machine", found.name)
            if mark is None:
                ground.tidy()
                raise BackendError(f"netns {ref}", "it is gone", fix="labiac up makes it")
            machines.delete(ground, mark)
            try:
                return machines.create(ground, machines.item(mark), mark.owner)
            except BaseException:
                ground.tidy()
                raise

    def settled(self, *, timeout_s: float) -> bool:
        """Wait until the kernel has taken down all that was deleted; return whether it has."""
        from labiac.backends.netns.barrier import wait

        return wait(time.monotonic() + timeout_s)

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it.

        Raises:
            BackendError: the machine is gone, or the command takes longer than *timeout_s*.
        """
        from labiac.backends import run
        from labiac.backends.netns import node

        ground, machine = self._machine(ref)
        where = ground.where(machine.name)
        return node.on(ground, machine, lambda: run.run(argv, where=where, timeout_s=timeout_s))

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Become *argv* on the machine *ref*; return only when there is no such command.

        Raises:
            BackendError: the machine is gone.
        """
        from labiac.backends import run
        from labiac.backends.netns import node

        ground, machine = self._machine(ref)
        node.settle_in(ground, machine)
        return run.become(argv)

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of machine *ref* to *sink* as pcap; return the packet count.

        Raises:
            BackendError: the machine is gone, or has no such NIC.
        """
        from labiac.backends.netns.capture import capture

        ground, machine = self._machine(ref)
        with ground.spaces.opened(machine.host_name) as space:
            return capture(space, nic, sink, packets=packets, seconds=seconds)

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a namespace can't be entered.
        """
        from labiac.backends.netns.carrier import wait_for_carriers
        from labiac.backends.netns.ping import measure

        folder = Folder(self._places.marks, copy)
        if folder.forget_dying():  # the dead shall not answer
            self.settled(timeout_s=timeout_s)
        switch = places.switch_space(copy)
        if self._spaces.inode(switch):
            with self._spaces.opened(switch) as descriptor:
                wait_for_carriers([descriptor])
        made = folder.names("machine")
        sources = {ping.source for ping in pings}.intersection(made)
        kernel.allow_files(3 * len(sources))  # a namespace each, and a socket for either family
        with ExitStack() as stack:
            opened = {
                name: stack.enter_context(self._spaces.opened(space))
                for name in sources
                if self._spaces.inode(space := host_name(copy.lab, copy.student, name))
            }
            if opened:
                folder.note_talk()
            return measure(opened, pings, timeout_s=timeout_s, settle=settle)

    def find(self) -> list[Found]:
        """Return every copy on this host, sorted by lab and student."""
        return [
            Found(copy, self.name, self.nodes(copy), marks.refs(self._places.marks, copy))
            for copy in marks.copies(self._places.marks)
        ]

    def nodes(self, copy: Copy) -> tuple[tuple[str, bool], ...]:
        """Return the name of each machine of *copy*, and whether it runs."""
        ground = Ground(self._places, self._spaces, Folder(self._places.marks, copy))
        known = [ground.folder.read("machine", name) for name in ground.folder.names("machine")]
        return tuple((mark.item.name, machines.alive(ground, mark)) for mark in known if mark)

    def _machine(self, ref: str) -> tuple[Ground, Machine]:
        found = places.parse(ref)
        ground = Ground(self._places, self._spaces, Folder(self._places.marks, found.copy))
        mark = ground.folder.read("machine", found.name) if found.kind == "machine" else None
        if mark is None:
            raise missing(f"netns {ref}")
        return ground, machines.item(mark)

    @contextmanager
    def _locked(self, copy: Copy, name: str) -> Iterator[Ground]:
        """Have a copy to ourselves for a while; what the host refuses becomes a BackendError."""
        folder = Folder(self._places.marks, copy)
        try:
            with folder.locked():
                yield Ground(self._places, self._spaces, folder)
        except OSError as error:
            raise BackendError(
                f"netns {copy.lab}/{copy.student} {name}",
                f"{os.strerror(error.errno or 0)}: {error.filename or error}",
            ) from error
