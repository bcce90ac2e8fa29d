"""Wait for a guest: ready is when cloud-init has done all that its seed says."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import library
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S: Final = {"kvm": 300, "tcg": 1200}
"""How long a guest may take to boot beside all others of its lab, by its accelerator."""
_RESULT: Final = "/run/cloud-init/result.json"
"""cloud-init writes it when it has finished; it goes with the next boot."""
_PANIC: Final = "Kernel panic - not syncing"
_POLL_S: Final = 1.0
_SHUTDOWN_S: Final = 60
_LAST_LINES: Final = 8


def wait(domain: Any, *, timeout_s: float, console: Callable[[], str]) -> None:
    """Wait until the guest is ready.

    Args:
        domain: The domain that boots.
        timeout_s: How long it may take.
        console: Gives what its serial console has said.

    Raises:
        BackendError: cloud-init failed, the guest stopped, or it takes too long.
    """
    where = f"libvirt {domain.name()}"
    end = time.monotonic() + timeout_s
    while (result := agent.read(domain, _RESULT)) is None:
        if not domain.isActive() or _PANIC in console():
            cut_off(domain)  # what has stopped boots anew when it is tried again
            problem, fix = "the guest stopped while it booted", "labiac up boots it again"
            raise BackendError(where, problem, detail=_last_lines(console()), fix=fix)
        if time.monotonic() > end:
            raise BackendError(
                where,
                f"the guest is not ready after {timeout_s:g} s (cloud-init has not finished, or"
                " there is no guest agent)",
                detail=_last_lines(console()),
                fix="labiac up goes on where this left off; an image needs cloud-init and"
                " qemu-guest-agent",
            )
        time.sleep(_POLL_S)
    errors = json.loads(result)["v1"].get("errors", [])
    if errors:
        detail = "\n".join([*map(str, errors), *_last_lines(console()).splitlines()])
        fix = "labiac exec FILE NODE -- cat /var/log/cloud-init-output.log"
        raise BackendError(where, "cloud-init failed", detail=detail, fix=fix)


def stop(domain: Any) -> None:
    """End the guest: politely, so that its disk is whole, and else by force."""
    libvirt = library()
    how = libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT | libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    end = time.monotonic() + _SHUTDOWN_S
    with suppress(libvirt.libvirtError):  # it is off, or does not listen
        domain.shutdownFlags(how)
        while domain.isActive() and time.monotonic() < end:
            time.sleep(_POLL_S)
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
