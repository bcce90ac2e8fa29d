"""The same backend for an ordinary user, who is root only inside a user namespace.

A small process a copy, the holder, keeps the copy's namespaces alive. What happens in there is
done by workers: processes that have entered the holder's namespaces and run the backend of
`labiac.backends.netns.backend`, called over a pipe. Without a holder nothing of a copy runs; its
marks can still be read and removed from outside.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import labiac
from labiac.backends import run
from labiac.backends.base import Features, Found, Observed, Ran
from labiac.backends.netns import marks, places
from labiac.backends.netns.backend import FEATURES, NetnsBackend
from labiac.backends.netns.holder import IN_A_SPACE, Holder, Holders
from labiac.errors import BackendError, Problem

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from labiac.backends.base import Copy, Ping
    from labiac.plan.model import Item, Plan

_WORKER: Final = (sys.executable, "-m", "labiac.backends.netns.worker")
_CHUNK: Final = 1 << 16


class UserBackend:
    """Labs as network namespaces in a user namespace a copy; see `labiac.backends.base`."""

    name: ClassVar[str] = "netns"
    features: ClassVar[Features] = FEATURES

    def __init__(self, base: Path) -> None:
        self._base = base
        self._places = places.under(base)
        self._holders = Holders(base / "holders")
        self._outside = NetnsBackend(self._places)
        self._idle: list[tuple[Holder, Worker]] = []
        self._guard = threading.Lock()

    def check(self, plan: Plan) -> list[Problem]:
        """Return every reason that *plan* can't be made here. Leaves nothing behind."""
        from labiac.backends.netns.check import for_users, no_user_spaces

        barred = no_user_spaces()
        if barred:
            return [barred, *for_users(plan)]
        with Worker(IN_A_SPACE, self._base) as worker:
            found: list[Problem] = worker.call("check", plan)
        return [*for_users(plan), *found]

    def create(self, copy: Copy, item: Item) -> Observed:
        """Create *item*, or adopt and complete what labiac made of it before.

        Raises:
            BackendError: the kernel refused.
        """
        try:
            with self._holders.needed(copy) as holder:
                observed: Observed = self._ask(holder, "create", copy, item)
        except BaseException:
            self._end_if_empty(copy)
            raise
        return observed

    def read(self, ref: str) -> Observed | None:
        """Return the item behind *ref* as it is now, or None when it is gone."""
        observed: Observed | None = self._call(places.parse(ref).copy, "read", ref)
        return observed

    def update(self, ref: str, was: Item, now: Item) -> Observed:
        """Change in place only what differs between *was* and *now*.

        Raises:
            BackendError: the kernel refused, or the item is gone.
        """
        observed: Observed = self._call(places.parse(ref).copy, "update", ref, was, now)
        return observed

    def delete(self, ref: str) -> None:
        """Delete *ref* and what labiac made for it. Already gone is success.

        The holder goes with the last item of its copy.
        """
        copy = places.parse(ref).copy
        self._call(copy, "delete", ref)
        self._end_if_empty(copy)

    def reset(self, ref: str) -> Observed:
        """Make the machine *ref* as it was when it was new; its networks and neighbours stay.

        Raises:
            BackendError: the kernel refused, or the machine is gone.
        """
        observed: Observed = self._call(places.parse(ref).copy, "reset", ref)
        return observed

    def settled(self, *, timeout_s: float) -> bool:
        """Wait until the kernel has taken down all that was deleted; return whether it has."""
        with Worker(IN_A_SPACE, self._base) as worker:
            return bool(worker.call("settled", timeout_s=timeout_s))

    def execute(self, ref: str, argv: Sequence[str], *, timeout_s: float) -> Ran:
        """Run *argv* on the machine *ref* and return what came of it.

        Raises:
            BackendError: the machine is gone, or the command takes longer than *timeout_s*.
        """
        copy = places.parse(ref).copy
        ran: Ran = self._call(copy, "execute", ref, list(argv), timeout_s=timeout_s)
        return ran

    def attach(self, ref: str, argv: Sequence[str]) -> int:
        """Become *argv* on the machine *ref*; return only when there is no way to.

        Raises:
            BackendError: the copy does not run.
        """
        with self._holders.using(places.parse(ref).copy) as holder:
            if holder is None:
                raise _not_up(ref)
            os.environ.update(_environment())
            return run.become([*holder.enter, *_WORKER, str(self._base), ref, *argv])

    def capture(self, ref: str, nic: str, sink: BinaryIO, *, packets: int, seconds: float) -> int:
        """Write what passes *nic* of machine *ref* to *sink* as pcap; return the packet count.

        Raises:
            BackendError: the copy does not run, or the machine has no such NIC.
        """
        with self._holders.using(places.parse(ref).copy) as holder:
            if holder is None:
                raise _not_up(ref)
            read_end, write_end = os.pipe()
            with os.fdopen(read_end, "rb", buffering=0) as source:
                with os.fdopen(write_end, "wb", buffering=0):
                    worker = Worker(holder.enter, self._base, write_end)
                with worker:
                    worker.ask("capture", ref, nic, write_end, packets=packets, seconds=seconds)
                    _pour(source, sink)
                    return int(worker.answer())

    def measure(
        self, copy: Copy, pings: Sequence[Ping], *, timeout_s: float, settle: bool
    ) -> list[bool]:
        """Return, in the order asked, whether each ping was answered.

        Raises:
            BackendError: a namespace can't be entered.
        """
        asked = list(pings)
        answers: list[bool] = self._call(
            copy, "measure", copy, asked, timeout_s=timeout_s, settle=settle
        )
        return answers

    def find(self) -> list[Found]:
        """Return every copy of this user's, sorted by lab and student."""
        root = self._places.marks
        return [
            Found(copy, self.name, self._call(copy, "nodes", copy), marks.refs(root, copy))
            for copy in marks.copies(root)
        ]

    def _end_if_empty(self, copy: Copy) -> None:
        """End the holder of *copy*, and the workers with it, when nothing is left of the copy."""
        folder = marks.Folder(self._places.marks, copy)
        if not folder.path.exists():
            with self._holders.ending(copy, unless=folder.path.exists):
                self._dismiss(copy)

    def _call(self, copy: Copy, method: str, *arguments: Any, **options: Any) -> Any:
        """Call the backend in the namespaces of *copy*, or out here when they are gone."""
        with self._holders.using(copy) as holder:
            if holder is None:
                return getattr(self._outside, method)(*arguments, **options)
            return self._ask(holder, method, *arguments, **options)

    def _ask(self, holder: Holder, method: str, *arguments: Any, **options: Any) -> Any:
        with self._borrowed(holder) as worker:
            return worker.call(method, *arguments, **options)

    @contextlib.contextmanager
    def _borrowed(self, holder: Holder) -> Iterator[Worker]:
        """Yield a worker that nobody else uses meanwhile; it is kept for the next call."""
        with self._guard:
            mine = [entry for entry in self._idle if entry[0] == holder]
            if mine:
                self._idle.remove(mine[-1])
        worker = mine[-1][1] if mine else Worker(holder.enter, self._base)
        try:
            yield worker
        except BackendError:
            if worker.lost:
                worker.close()
                raise
            self._keep(holder, worker)
            raise
        except BaseException:
            worker.close()
            raise
        self._keep(holder, worker)

    def _keep(self, holder: Holder, worker: Worker) -> None:
        with self._guard:
            self._idle.append((holder, worker))

    def _dismiss(self, copy: Copy) -> None:
        """End the idle workers of *copy*, who would keep its namespaces alive."""
        with self._guard:
            gone = [entry for entry in self._idle if entry[0].copy == (copy.lab, copy.student)]
            self._idle = [entry for entry in self._idle if entry not in gone]
        for _, worker in gone:
            worker.close()


class Worker:
    """A process in a copy's namespaces that answers calls of the backend's methods.

    What goes over the pipe is pickled: both ends are this program, run by this user.
    """

    def __init__(self, enter: Sequence[str], base: Path, *keep: int) -> None:
        argv = [*enter, *_WORKER, str(base)]
        self._process: subprocess.Popen[bytes] = run.partner(
            argv, environment={**os.environ, **_environment()}, pass_fds=keep
        )
        self.lost = False
        self.close = weakref.finalize(self, _end, self._process)
        """End the process, and wait for that. It happens to a forgotten worker, too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what *method* of the backend returns in there; raise what it raises."""
        self.ask(method, *arguments, **options)
        return self.answer()

    def ask(self, method: str, *arguments: Any, **options: Any) -> None:
        """Send a call; `answer` gets what comes of it."""
        pipe = self._process.stdin
        try:
            if pipe:
                pickle.dump((method, arguments, options), pipe)
                pipe.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def answer(self) -> Any:
        """Return what came of the call, or raise it.

        Raises:
            BackendError: the worker was killed meanwhile.
        """
        pipe = self._process.stdout
        try:
            fine, result = pickle.load(pipe) if pipe else (False, self._lost())  # noqa: S301
        except (EOFError, pickle.UnpicklingError) as error:
            raise self._lost() from error
        if fine:
            return result
        raise result

    def _lost(self) -> BackendError:
        self.lost = True
        return BackendError("netns", "a process of labiac in the lab was killed", fix="try again")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), process:
        process.kill()


def _environment() -> dict[str, str]:
    """Return what lets a worker find this very labiac."""
    own = str(Path(labiac.__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))}


def _pour(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy what comes from *source* to *sink* until either has had enough."""
    with contextlib.suppress(BrokenPipeError):
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
            sink.flush()


def _not_up(ref: str) -> BackendError:
    return BackendError(f"netns {ref}", "its lab does not run", fix="bring it up: labiac up")
