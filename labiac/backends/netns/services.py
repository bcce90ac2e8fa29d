"""Programs that run in the background on a machine as long as it is there."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.netns import node
from labiac.backends.netns.process import start_time
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark
    from labiac.plan.model import Item, Service

_TAG: Final = "LABIAC_SERVICE"
_END_S: Final = 2.0
"""How long a process that was killed may take to be gone."""
_POLL_S: Final = 0.001
Running = tuple[tuple[str, int, int], ...]


def converge(ground: Ground, mark: Mark, machine: Machine) -> Running:
    """Start what *machine* shall run and does not, end what it shall not run any more.

    Returns:
        Name, process number and start time of each that runs now.
    """
    wanted = _programs(machine)
    if not wanted and not mark.services:
        return ()
    same = {service.name for service, _ in _programs(mark.item).items() & wanted.items()}
    kept = tuple(line for line in mark.services if _runs(line) and line[0] in same)
    here = {name for name, _, _ in kept}
    missing = [service for service in wanted if service.name not in here]
    _end_strays(ground, machine, {process for _, process, _ in kept})
    if machine.speaker is None and getattr(mark.item, "speaker", None):
        _forget_learned(ground, machine)
    if not missing:
        return kept
    return kept + node.on(
        ground, machine, lambda: tuple(_start(ground, machine, service) for service in missing)
    )


def _programs(item: Item) -> dict[Service, str]:
    """Return what *item* runs: its services, its routing protocol; and what each is configured."""
    own = dict.fromkeys(getattr(item, "services", ()), "")
    if not isinstance(item, Machine) or item.speaker is None:
        return own
    from labiac.backends.netns import routing

    return {**own, **routing.services(item)}


def _forget_learned(ground: Ground, machine: Machine) -> None:
    """Delete the routes that a routing protocol left which runs no more."""
    from labiac.backends.netns import routing

    with ground.spaces.socket(machine.host_name) as sock:
        routing.forget(sock)


def alive(mark: Mark, machine: Machine) -> tuple[Service, ...]:
    """Return the services of *machine* that run."""
    here = {line[0] for line in mark.services if _runs(line)}
    return tuple(service for service in machine.services if service.name in here)


def routes_itself(mark: Mark, machine: Machine) -> bool:
    """Return whether the routing protocol of *machine*, if it has one, runs as a whole."""
    here = {line[0] for line in mark.services if _runs(line)}
    daemons = _programs(machine).keys() - set(machine.services)
    return all(daemon.name in here for daemon in daemons)


def end(ground: Ground, machine: Machine) -> None:
    """End every process on *machine*, and remove the logs of its services."""
    if not node.visited(ground, machine):
        return
    node.end_residents(ground, machine)
    for name in os.listdir(ground.folder.text):  # noqa: PTH208  # a pattern takes longer to compile
        if name.startswith(f"machine.{machine.name}.") and name.endswith(".log"):
            (ground.folder.path / name).unlink(missing_ok=True)
    node.forget_visits(ground, machine)


def _start(ground: Ground, machine: Machine, service: Service) -> tuple[str, int, int]:
    where = ground.where(f"{machine.name} {service.name}")
    if machine.speaker:
        from labiac.backends.netns import routing

        routing.before_start(service)
    log = ground.folder.file("machine", machine.name, f"{service.name}.log")
    process = run.background(service.command, where=where, log=log, tag=(_TAG, service.name))
    return service.name, process, start_time(process)


def _end_strays(ground: Ground, machine: Machine, known: set[int]) -> None:
    """End services that run without being known: removed, changed, or lost in a crash.

    Their ports and files are free then, for those that are started next.
    """
    ended = []
    for process in node.residents(ground, machine):
        with suppress(OSError):
            tagged = f"{_TAG}=".encode() in Path(f"/proc/{process}/environ").read_bytes()
            if tagged and os.getsid(process) not in known:
                os.kill(process, 9)
                ended.append(process)
    end = time.monotonic() + _END_S
    while any(map(start_time, ended)) and time.monotonic() < end:
        time.sleep(_POLL_S)


def _runs(line: tuple[str, int, int]) -> bool:
    _, process, started = line
    return start_time(process) == started != 0
