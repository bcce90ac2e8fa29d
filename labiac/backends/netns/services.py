"""Programs that run in the background on a machine as long as it is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.netns import node
from labiac.backends.netns.process import start_time

if TYPE_CHECKING:
    from labiac.backends.netns.ground import Ground
    from labiac.backends.netns.marks import Mark
    from labiac.plan.model import Machine, Service

_TAG: Final = "LABIAC_SERVICE"
Running = tuple[tuple[str, int, int], ...]


def converge(ground: Ground, mark: Mark, machine: Machine) -> Running:
    """Start the services of *machine* that don't run, end those that shall not any more.

    Returns:
        Name, process number and start time of each that runs now.
    """
    if not machine.services and not mark.services:
        return ()
    before: dict[str, Service] = {
        service.name: service for service in getattr(mark.item, "services", ())
    }
    kept = tuple(
        line for line in mark.services if _runs(line) and before.get(line[0]) in machine.services
    )
    here = {name for name, _, _ in kept}
    missing = [service for service in machine.services if service.name not in here]
    _end_strays(ground, machine, {process for _, process, _ in kept})
    if not missing:
        return kept
    return kept + node.on(
        ground, machine, lambda: tuple(_start(ground, machine, service) for service in missing)
    )


def alive(mark: Mark, machine: Machine) -> tuple[Service, ...]:
    """Return the services of *machine* that run."""
    here = {line[0] for line in mark.services if _runs(line)}
    return tuple(service for service in machine.services if service.name in here)


def end(ground: Ground, machine: Machine) -> None:
    """End every process on *machine*, and remove the logs of its services."""
    node.end_residents(ground, machine)
    for name in os.listdir(ground.folder.text):  # noqa: PTH208  # a pattern takes longer to compile
        if name.startswith(f"machine.{machine.name}.") and name.endswith(".log"):
            (ground.folder.path / name).unlink(missing_ok=True)


def _start(ground: Ground, machine: Machine, service: Service) -> tuple[str, int, int]:
    where = ground.where(f"{machine.name} {service.name}")
    log = ground.folder.file("machine", machine.name, f"{service.name}.log")
    process = run.background(service.command, where=where, log=log, tag=(_TAG, service.name))
    return service.name, process, start_time(process)


def _end_strays(ground: Ground, machine: Machine, known: set[int]) -> None:
    """End services that run without being known: removed, changed, or lost in a crash."""
    for process in node.residents(ground, machine):
        with suppress(OSError):
            tagged = f"{_TAG}=".encode() in Path(f"/proc/{process}/environ").read_bytes()
            if tagged and os.getsid(process) not in known:
                os.kill(process, 9)


def _runs(line: tuple[str, int, int]) -> bool:
    _, process, started = line
    return start_time(process) == started != 0
