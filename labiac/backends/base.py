"""What a backend must do: five methods. Whatever only some can do is a Protocol of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from labiac.errors import Problem
    from labiac.plan.model import Item, Plan


@dataclass(frozen=True, slots=True)
class Copy:
    """Whose copy of which lab an item belongs to.

    Args:
        lab: Name of the lab.
        student: Name of the student, as the plan has it (already safe as a part of a name).
        owner: What brought it up (a Pulumi URN, ``labiac``); part of the mark, for people.
        host: Which machine of a cluster shall have it, when it is made; empty: any.
    """

    lab: str
    student: str
    owner: str = "labiac"
    host: str = field(default="", compare=False)

    @property
    def whose(self) -> tuple[str, str]:
        """What tells it from all other copies, whatever brought it up: its lab and its student."""
        return self.lab, self.student


@dataclass(frozen=True, slots=True)
class Features:
    """What a backend can do, as data: diffs, plans and documentation read it.

    Args:
        boots: Whether its machines boot an operating system of their own (and read a seed).
        live: Fields of a machine or network that it changes while the machine runs.
        hot: Attachments and models that a NIC must have, one of each, to be plugged into a machine
            that runs; None where any will do.
    """

    boots: bool
    live: frozenset[str]
    hot: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """An item as the host reports it: what differs from the plan is drift.

    Args:
        ref: What `Backend.read` and `Backend.delete` take: enough to find the item again.
        item: The item as it is. What a host cannot tell is as the mark remembers it.
        running: Whether it works: a node that died, or a switch that is gone, does not.
    """

    ref: str
    item: Item
    running: bool


class Backend(Protocol):
    """Turns plan items into host objects, one at a time.

    The caller creates networks before the machines plugged into them and deletes in the reverse
    order. Every method may be called again after a crash with the same arguments, and calls
    about different items may come at the same time from several threads or processes.
    """

    name: ClassVar[str]

    @property
    def features(self) -> Features:
        """What it can do."""
        ...

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason this backend cannot realise *plan* here. Changes nothing."""

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or adopt and complete what labiac made of it before.

        Raises:
            ForeignError: an object of that name is not labiac's.
            BackendError: the host refused.
        """

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Change in place only what differs between *was* and *now*.

        Raises:
            BackendError: the host refused, or the item is gone.
        """

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success.

        A network takes with it the machines that are still plugged into it: the caller has
        deleted all that it knows of, so these are what a killed run left behind.
        """


@dataclass(frozen=True)
class Watch:
    """Who waits for a backend: nobody, unless somebody is named.

    Args:
        say: Takes a line of news, which the next one replaces.
        cancelled: Set when nobody waits any longer.
    """

    say: Callable[[str], None] = field(default=lambda _news: None)
    cancelled: Event = field(default_factory=Event)


@runtime_checkable
class Watched(Protocol):
    """A backend whose machines take a while to get ready."""

    def watched(self, watch: Watch) -> Self:
        """Return this backend as one that tells *watch* how far each machine is.

        Once that is cancelled it waits no longer: a `BackendError` says so, and the same call goes
        on later where it left off.
        """


@runtime_checkable
class Starts(Protocol):
    """A backend whose machines can be switched off, and are still there."""

    def start(self, ref: str) -> None:
        """Switch the machine *ref* on, and return when it is ready. On already is success.

        Raises:
            BackendError: it is gone, or does not get ready.
        """

    def stop(self, ref: str) -> None:
        """Shut the machine *ref* down; one that does not heed it is cut off. Off is success.

        Raises:
            BackendError: it is gone.
        """


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ran on a node: its exit status and what it said."""

    status: int
    stdout: bytes
    stderr: bytes


@runtime_checkable
class Executes(Protocol):
    """A backend that runs commands on its machines."""

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it."""

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Run *argv* there with this terminal's input and output; return its exit status.

        May not return: the calling process can become the command.
        """


@runtime_checkable
class Consoles(Protocol):
    """A backend whose machines have a console: a terminal that needs no network."""

    def console(self, ref: str) -> None:
        """Connect this terminal to the console of the machine *ref*, until the user leaves it.

        Raises:
            BackendError: it does not run, or somebody else is at its console.
        """


@runtime_checkable
class Captures(Protocol):
    """A backend that records the packets of a NIC."""

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of machine *ref* to *sink* as pcap; return the packet count.

        Zero *packets* or *seconds* means no such limit; ends cleanly on a broken pipe.
        """


@dataclass(frozen=True, slots=True)
class Ping:
    """One question: does *address* answer when *source* pings it?

    Args:
        source: Name of the machine that asks.
        address: IPv4 or IPv6 address, without a prefix.
    """

    source: str
    address: str


@runtime_checkable
class Measures(Protocol):
    """A backend that pings from its machines."""

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        All at once, and repeated until answered: a first ping may be lost while neighbours are
        looked up. Those that stay silent are given up after *timeout_s*; with *settle* false a
        ping is given up early, once repeats stop changing the picture.
        """


@runtime_checkable
class Settles(Protocol):
    """A backend whose host goes on tearing down after `Backend.delete` has returned."""

    def settled(self, *, timeout_s: float) -> bool:
        """Wait until all that was deleted is gone; return whether it is, after *timeout_s*."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image where machines boot from it.

    Args:
        name: What lab files call it.
        sha256: Hash of the content that was brought there, hexadecimal.
        format: ``qcow2``, ``vdi``, ``vhdx``.
        size: Bytes that it takes there.
    """

    name: str
    sha256: str
    format: str
    size: int


@runtime_checkable
class BootsImages(Protocol):
    """A backend whose machines boot from base images, which all copies share."""

    def bring(self, name: str) -> BaseImage:
        """Have the image *name* of this machine where others boot from it, unless it is there.

        Raises:
            BackendError: this machine has no such image, or the host refused.
        """

    def brought(self, name: str, sha256: str) -> BaseImage | None:
        """Return the image *name* as it is there, or None when it is not.

        Args:
            name: What lab files call it.
            sha256: Hash of its content; of none it is that of this machine's image.
        """


@runtime_checkable
class Resets(Protocol):
    """A backend that makes one machine anew, with nothing of what was done on it."""

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* as it was when it was new; its networks and neighbours stay.

        Raises:
            BackendError: it is gone, or the host refused.
        """


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole copy at one moment, as a backend keeps it.

    Args:
        name: What its user calls it.
        taken: When, in seconds since 1970.
        plan: Hash of what the copy was then: its networks and machines.
        nodes: Names of its machines then.
        lost: Those of them whose part is not kept any more, or never was: it can't be restored.
        differs: How the copy was then and is deployed now, a line a difference: it can't be
            restored either while there are any.
    """

    name: str
    taken: float
    plan: str
    nodes: tuple[str, ...]
    lost: tuple[str, ...]
    differs: tuple[str, ...]


@runtime_checkable
class Glances(Protocol):
    """A backend for which to look into a machine takes longer than to find it."""

    def glance(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as `Backend.read` does, with its inside as planned."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lab copy that a backend has on this host.

    Args:
        copy: Whose copy of which lab.
        backend: Name of the backend.
        nodes: Name of each machine, and whether it runs.
        refs: All that labiac made of it, in the order in which to delete it.
    """

    copy: Copy
    backend: str
    nodes: tuple[tuple[str, bool], ...]
    refs: tuple[str, ...]


def glance(backend: Backend, ref: str) -> Observed | None:
    """Return the item behind *ref* as it is, at least outside, or None when it is gone."""
    return backend.glance(ref) if isinstance(backend, Glances) else backend.read(ref)


@runtime_checkable
class Lists(Protocol):
    """A backend that finds what labiac made on this host, without a lab file."""

    def find(self) -> list[Found]:
        """Return every copy on this host, sorted by lab and student."""


def ref_of(copy: Copy, kind: str, name: str) -> str:
    """Return the ref of an item: ``lab/student/kind/name``, the same on every backend."""
    return f"{copy.lab}/{copy.student}/{kind}/{name}"
