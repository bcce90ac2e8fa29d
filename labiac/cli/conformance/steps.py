"""What is tried, a function a step: it returns what came of it, in a few words, or raises."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple

from labiac.backends.base import Captures, Executes, Measures, Ping, Starts
from labiac.backends.snapshots import KeepsSnapshots
from labiac.cli.changes import drift_text, previewed
from labiac.cli.conformance.trial import FAR, CannotError
from labiac.cli.deploy import counted
from labiac.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.backends.base import Ran
    from labiac.cli.conformance.trial import Trial

NEAR = "pc1"
"""The PC on which most is tried."""
COMMAND_S = 60.0
CAPTURE_S = 30.0
PAUSE_S = 0.2
"""Between pings that somebody shall overhear."""
WITNESS = "/var/tmp/labiac-conformance"  # noqa: S108 -- on a machine that exists for this alone
"""A file that a snapshot does not have, and that is gone when one goes back to it."""


class Step(NamedTuple):
    """Something to try.

    Args:
        name: What it is called.
        work: Does it.
        needs: Steps without which it makes no sense.
        last: Whether it is there to leave nothing behind, whatever happened before.
    """

    name: str
    work: Callable[[Trial], str]
    needs: tuple[str, ...] = ()
    last: bool = False


def check(trial: Trial) -> str:
    """The backend is there, and can make the lab."""
    return trial.insist()


def pulumi(trial: Trial) -> str:
    """Pulumi's command line is there; else labiac gets one, which can take minutes."""
    from labiac.fleet.pulumi_cli import find

    del trial
    return f"Pulumi {find().version}"


def preview(trial: Trial) -> str:
    """A preview tells what will be made, and makes nothing.

    Raises:
        LabError: it makes something.
    """
    plan = trial.plan()
    found = previewed(trial.previewed(plan), plan, trial.backend.features)
    made = trial.left()
    if made:
        raise LabError("preview", f"it made {', '.join(made)}")
    return f"{len(found.changes)} to create"


def create(trial: Trial) -> str:
    """LANs and machines are made; machines that boot are left off."""
    return counted(trial.up(trial.plan()))


def unchanged(trial: Trial) -> str:
    """What was made is what was planned: a refresh finds no drift, a second up nothing to do.

    Raises:
        LabError: one of them does.
    """
    found = trial.refresh()
    if found:
        raise LabError("refresh", "finds drift", detail="\n".join(map(drift_text, found)))
    changes = trial.up(trial.plan()).changes
    if changes.keys() - {"same"}:
        raise LabError("up", f"changes {changes} where nothing changed")
    return f"{changes['same']} the same"


def boot(trial: Trial) -> str:
    """The machines are switched on, get ready, and reach each other as forecast.

    Raises:
        CannotError: they run from when they are made.
    """
    if trial.running:
        raise CannotError("its nodes run from when they are made")
    trial.running = True
    try:
        trial.insist()
        done = counted(trial.up(trial.plan()))
    except BaseException:
        trial.running = False  # what follows is tried on machines that are off
        raise
    asked = isinstance(trial.backend, Executes)
    return done if asked else f"{done}; switched on, and nobody can ask whether they are ready"


def matrix(trial: Trial) -> str:
    """Every PC pings every other, and the lab's checks hold.

    Raises:
        CannotError: there is no way to.
        LabError: not as forecast.
    """
    from labiac.cli.verify import found_of

    if not isinstance(trial.backend, Measures):
        raise CannotError("it measures nothing")
    found = found_of(trial.plan(), trial.backend)
    wrong = [f"{pair.source} -> {pair.target}: {pair.reason}" for pair in found.lost]
    wrong += [f"{each.check}: {each.reason}" for each in found.checks if not each.ok]
    if not found.ok:
        raise LabError("verify", "not as forecast", detail="\n".join(wrong))
    return f"{len(found.live)} pairs as forecast, {len(found.checks)} checks hold"


def execute(trial: Trial) -> str:
    """Commands run on every machine, and it is the right one.

    Raises:
        CannotError: there is no way to.
        LabError: one is another.
    """
    if not isinstance(trial.backend, Executes):
        raise CannotError("it runs no commands on its nodes")
    names = [machine.name for machine in trial.plan().machines]
    for name in names:
        said = _on(trial, name, "uname", "-n").stdout.decode(errors="replace").strip()
        if said != name:
            raise LabError(f"exec {name}", f"the node calls itself {said!r}")
    return f"on {len(names)} nodes"


def capture(trial: Trial) -> str:
    """The packets of a ping are seen at the NIC of whom it is for.

    Raises:
        CannotError: there is no way to.
        LabError: none is.
    """
    backend = trial.backend
    if not isinstance(backend, Captures):
        raise CannotError("it captures nothing")
    if not isinstance(backend, Measures):
        raise CannotError("it pings nobody, so there is nothing to be seen")
    nic = trial.machine(FAR).nics[0]
    ping = Ping(NEAR, nic.addresses[0].partition("/")[0])
    packets = io.BytesIO()
    with ThreadPoolExecutor(1) as aside:
        seen = aside.submit(
            backend.capture, trial.ref(FAR), nic.name, packets, packets=2, seconds=CAPTURE_S
        )
        while not wait([seen], timeout=PAUSE_S).done:
            backend.measure(trial.copy, [ping], timeout_s=COMMAND_S, settle=True)
    if not seen.result():
        raise LabError(f"capture {FAR}", f"no packet in {CAPTURE_S:g} s")
    return f"{seen.result()} packets, {len(packets.getvalue())} bytes of pcap"


def power(trial: Trial) -> str:
    """A machine is shut down and switched on again.

    Raises:
        CannotError: there is no way to.
    """
    if not isinstance(trial.backend, Starts):
        raise CannotError("its nodes have no power switch: they run from when they are made")
    begun = time.monotonic()
    trial.backend.stop(trial.ref(NEAR))
    stopped = time.monotonic()
    trial.backend.start(trial.ref(NEAR))
    return f"off in {stopped - begun:.1f} s, on in {time.monotonic() - stopped:.1f} s"


def snapshot(trial: Trial) -> str:
    """The whole lab is kept, changed, and made what it was.

    Raises:
        CannotError: there is no way to.
        LabError: what was done after the snapshot is still there after going back to it.
    """
    backend = trial.backend
    if not isinstance(backend, KeepsSnapshots):
        raise CannotError("it keeps no snapshots")
    if not isinstance(backend, Executes):
        raise CannotError("no command runs on its nodes that would show what a snapshot holds")
    snapshots = backend.snapshots(trial.copy)
    begun = time.monotonic()
    snapshots.take("conformance")
    taken = time.monotonic()
    _on(trial, NEAR, "touch", WITNESS)
    changed = time.monotonic()
    snapshots.restore("conformance")
    restored = time.monotonic()
    left = _on(trial, NEAR, "ls", WITNESS, status=2).stdout
    snapshots.forget("conformance")
    if left:
        raise LabError("snapshot restore", "what was done since then is still there")
    return f"taken in {taken - begun:.1f} s, restored in {restored - changed:.1f} s"


def change(trial: Trial) -> str:
    """A cable is pulled out: a preview says what that costs, and up does it."""
    return _changed(trial, plugged_in=False)


def change_back(trial: Trial) -> str:
    """The cable is plugged in again."""
    return _changed(trial, plugged_in=True)


def drift(trial: Trial) -> str:
    """A machine that somebody deletes behind labiac's back is missed.

    Raises:
        LabError: it is not.
    """
    trial.backend.delete(trial.ref(FAR))
    found = trial.refresh()
    if not any((each["item"], each["now"]) == (FAR, "gone") for each in found):
        raise LabError("refresh", f"{FAR} was deleted, and it does not say so")
    return f"{FAR} is gone, {len(found)} differ"


def repair(trial: Trial) -> str:
    """And an up makes it anew.

    Raises:
        LabError: it does not.
    """
    result = trial.up(trial.plan())
    if trial.backend.read(trial.ref(FAR)) is None:
        raise LabError("up", f"{FAR} is still gone")
    return counted(result)


def destroy(trial: Trial) -> str:
    """All of it is deleted, from state alone.

    Raises:
        CannotError: nothing was made.
    """
    if not trial.begun:
        raise CannotError("nothing was made")
    return trial.destroy()


def nothing_left(trial: Trial) -> str:
    """Nothing that labiac made is on the host.

    Raises:
        CannotError: nothing was made.
        LabError: something is left.
    """
    if not trial.begun:
        raise CannotError("nothing was made")
    left = trial.left()
    if left:
        fix = f"labiac destroy --lab {trial.copy.lab} --student {trial.student}"
        raise LabError("destroy", f"{', '.join(left)} is left", fix=fix)
    return ""


_UP = ("create", "boot")
STEPS: Sequence[Step] = (
    Step("check", check),
    Step("pulumi", pulumi),
    Step("preview", preview, ("check", "pulumi")),
    Step("create", create, ("check", "pulumi")),
    Step("unchanged", unchanged, ("create",)),
    Step("boot", boot, ("create",)),
    Step("matrix", matrix, _UP),
    Step("exec", execute, _UP),
    Step("capture", capture, _UP),
    Step("power", power, _UP),
    Step("snapshot", snapshot, _UP),
    Step("change", change, ("create",)),
    Step("change back", change_back, ("create",)),
    Step("drift", drift, ("create",)),
    Step("repair", repair, ("create",)),
    Step("destroy", destroy, last=True),
    Step("nothing left", nothing_left, last=True),
)
"""In the order in which they are tried."""


def _on(trial: Trial, name: str, *argv: str, status: int = 0) -> Ran:
    """Return what came of a command on a node that ends with *status*, or with zero.

    Raises:
        LabError: it ended otherwise.
    """
    if not isinstance(trial.backend, Executes):
        raise CannotError("it runs no commands on its nodes")
    ran = trial.backend.execute(trial.ref(name), argv, timeout_s=COMMAND_S)
    if ran.status not in {0, status}:
        said = ran.stderr.decode(errors="replace").strip()
        raise LabError(f"exec {name}", f"{argv[0]} exited {ran.status}", detail=said)
    return ran


def _changed(trial: Trial, *, plugged_in: bool) -> str:
    """Make the change, and return what it cost: ``pc4 live; 1 update in 0.4 s``."""
    plan = trial.plan(plugged_in=plugged_in)
    found = previewed(trial.previewed(plan), plan, trial.backend.features)
    costs = ", ".join(f"{each.item} {each.effect}" for each, _ in found.changes)
    if not costs:
        raise LabError("preview", "it does not see the change")
    return f"{costs}; {counted(trial.up(plan))}"
