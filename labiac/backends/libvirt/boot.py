"""Wait for a guest: ready is when cloud-init has done all that its seed says."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import library
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from labiac.backends.base import Watch

LIMIT_S: Final = {"kvm": 300, "tcg": 1200}
"""How long a guest may take to boot beside all others of its lab, by its accelerator."""
_RESULT: Final = "/run/cloud-init/result.json"
"""cloud-init writes it when it has finished; it goes with the next boot."""
_PANIC: Final = "Kernel panic - not syncing"
_PANIC_S: Final = 10
"""How often the console is looked at for one: to read it takes libvirt a process."""
_POLL_S: Final = 1.0
_SOON_S: Final = 0.2
_SHUTDOWN_S: Final = 60
_LAST_LINES: Final = 8


def wait(
    domain: Any, name: str, *, timeout_s: float, console: Callable[[], str], watch: Watch
) -> None:
    """Wait until the guest is ready.

    Args:
        domain: The domain that boots.
        name: What *watch* knows the guest by.
        timeout_s: How long it may take.
        console: Gives what its serial console has said.
        watch: Who waits for it.

    Raises:
        BackendError: cloud-init failed, the guest stopped, it takes too long, or *watch* is
            cancelled.
    """
    where = f"libvirt {domain.name()}"
    begun = time.monotonic()
    while (told := _look(domain)).phase != "ready":
        waited_s = time.monotonic() - begun
        if not domain.isActive() or (int(waited_s) % _PANIC_S == 0 and _PANIC in console()):
            cut_off(domain)  # what has stopped boots anew when it is tried again
            problem, fix = "the guest stopped while it booted", "labiac up boots it again"
            raise BackendError(where, problem, detail=_last_lines(console()), fix=fix)
        if waited_s > timeout_s:
            raise BackendError(
                where,
                f"the guest is not ready after {timeout_s:g} s (cloud-init has not finished, or"
                " there is no guest agent)",
                detail=_last_lines(console()),
                fix="labiac up goes on where this left off; an image needs cloud-init and"
                " qemu-guest-agent",
            )
        watch.say(f"{name}: {told.phase}, {waited_s:.0f} s")
        if watch.cancelled.wait(_POLL_S):
            fix = "it goes on booting, and labiac up goes on waiting"
            raise BackendError(where, "nobody waited until it was ready", fix=fix)
    errors = json.loads(told.result)["v1"].get("errors", [])
    if errors:
        detail = "\n".join([*map(str, errors), *_last_lines(console()).splitlines()])
        fix = "labiac exec FILE NODE -- cat /var/log/cloud-init-output.log"
        raise BackendError(where, "cloud-init failed", detail=detail, fix=fix)


def _look(domain: Any) -> _Told:
    """Ask the guest once. Until its agent answers it has come no further than its kernel."""
    try:
        return _Told("ready", agent.read(domain, _RESULT))
    except library().libvirtError as error:
        return _Told("kernel" if agent.is_silent(error) else "cloud-init", b"")


class _Told(NamedTuple):
    """How far a guest is: ``kernel``, ``cloud-init``, ``ready``; and then what came of it."""

    phase: str
    result: bytes


def stop(domain: Any, name: str, watch: Watch) -> None:
    """End the guest: politely, so that its disk is whole, and else by force.

    Args:
        domain: The domain to end. Off already is fine.
        name: What *watch* knows the guest by.
        watch: Who waits for it.

    Raises:
        BackendError: *watch* is cancelled.
    """
    libvirt = library()
    how = libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT | libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    begun = time.monotonic()
    with suppress(libvirt.libvirtError):  # it is off, or does not listen
        domain.shutdownFlags(how)
        while domain.isActive() and (waited_s := time.monotonic() - begun) < _SHUTDOWN_S:
            watch.say(f"{name}: shutting down, {waited_s:.0f} s")
            if watch.cancelled.wait(_SOON_S):
                problem = "nobody waited until it was off"
                raise BackendError(f"libvirt {domain.name()}", problem, fix="do it again")
    cut_off(domain)


def cut_off(domain: Any) -> None:
    """End the guest as if its power failed. Already off is fine."""
    libvirt = library()
    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise


def _last_lines(text: str) -> str:
    """Return the last lines with something to read in them, and nothing that a terminal obeys."""
    lines = ["".join(filter(str.isprintable, line)).strip() for line in text.splitlines()]
    return "\n".join([line for line in lines if line][-_LAST_LINES:])
