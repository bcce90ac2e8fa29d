"""Be on a machine: its network, its files of ``/etc``, its host name; and who else is there."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from labiac.backends.netns import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labiac.backends.netns.ground import Ground
    from labiac.plan.model import Machine

T = TypeVar("T")


def on(ground: Ground, machine: Machine, work: Callable[[], T]) -> T:
    """Return what *work* returns in a thread that is on *machine*, and ends there.

    Processes that *work* starts are on the machine too. No other thread notices.

    Raises:
        BackendError: the machine's namespace is gone.
        BaseException: whatever *work* raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def trip() -> None:
        try:
            settle_in(ground, machine)
            results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=trip, name=f"on {machine.host_name}")
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return results[0]


def settle_in(ground: Ground, machine: Machine) -> None:
    """Move this thread onto *machine* for good, as ``ip netns exec`` does with a process.

    Raises:
        BackendError: the machine's namespace is gone.
    """
    _guest_book(ground, machine).touch()
    with ground.spaces.opened(machine.host_name) as space:
        kernel.setns(space)
    kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_HOSTNAME)
    kernel.mount("", "/", flags=kernel.SLAVE | kernel.RECURSIVE)
    with suppress(PermissionError):  # inside some containers; /sys shows the host's links then
        kernel.mount(machine.host_name, "/sys", "sysfs")
    own = ground.places.etc / machine.host_name
    for name in os.listdir(own) if own.is_dir() else ():  # noqa: PTH208  # names are what is needed
        if os.path.exists(f"/etc/{name}"):  # noqa: PTH110  # a mount needs something to stand on
            kernel.mount(f"{own}/{name}", f"/etc/{name}", flags=kernel.BIND)
    if machine.speaker and os.path.exists("/run/frr"):  # noqa: PTH110
        kernel.mount(f"{own}/frr", "/run/frr", flags=kernel.BIND)
    kernel.set_hostname(machine.name)


def residents(ground: Ground, machine: Machine) -> Iterator[int]:
    """Yield the number of each process that was started on *machine*.

    Whoever only looks in from the host (a measurement, ``nsenter --net``) sees the host's files,
    and is none.
    """
    inode = ground.spaces.inode(machine.host_name)
    ours = os.stat("/proc/self/ns/mnt").st_ino  # noqa: PTH116
    for name in os.listdir("/proc") if inode else ():  # noqa: PTH208
        if name.isdigit():
            with suppress(OSError):  # it has ended, or is another user's
                if (
                    os.stat(f"/proc/{name}/ns/net").st_ino == inode  # noqa: PTH116
                    and os.stat(f"/proc/{name}/ns/mnt").st_ino != ours  # noqa: PTH116
                ):
                    yield int(name)


def visited(ground: Ground, machine: Machine) -> bool:
    """Return whether anybody ever was on *machine*: else it has no processes, and left none."""
    return _guest_book(ground, machine).exists()


def end_residents(ground: Ground, machine: Machine) -> None:
    """Kill every process that was started on *machine*, as switching it off would."""
    for _ in range(_ROUNDS):
        found = list(residents(ground, machine))
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, 9)
        if not found:
            break


def forget_visits(ground: Ground, machine: Machine) -> None:
    """Note that nobody is on *machine*, and that nothing is left of who was."""
    _guest_book(ground, machine).unlink(missing_ok=True)


def _guest_book(ground: Ground, machine: Machine) -> Path:
    return ground.folder.file("machine", machine.name, "used")


_ROUNDS = 20
"""How often to look again for processes that were just being started by others."""
