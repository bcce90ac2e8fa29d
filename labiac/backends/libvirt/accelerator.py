"""Whether guests run on the processor itself (KVM), or in software (TCG)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from xml.etree.ElementTree import fromstring

from labiac.backends.libvirt.chosen import chosen
from labiac.backends.libvirt.connection import is_local, own_user

if TYPE_CHECKING:
    from labiac.backends.libvirt.domain import Accelerator

VARIABLE: Final = "LABIAC_LIBVIRT_ACCEL"
_CHOICES: Final = ("auto", "kvm", "tcg")
DEVICE: Final = Path("/dev/kvm")
_MODULES: Final = ("kvm_intel", "kvm_amd")
"""What drives a processor's own virtualization. A /dev/kvm without (some clouds emulate one) opens,
and an ordinary guest hangs on it."""


def accelerator(connection: Any) -> Accelerator:
    """Return what guests run on: what the user chose, else KVM where it can be trusted.

    Raises:
        BackendError: the choice is none.
    """
    choice = chosen(VARIABLE, *_CHOICES)
    if choice != "auto":
        return cast("Accelerator", choice)
    return "kvm" if "kvm" in offered(connection) and _drives_kvm() else "tcg"


def offered(connection: Any) -> set[str]:
    """Return the kinds of domains in which libvirt runs x86-64 guests: ``kvm``, ``qemu``."""
    host = fromstring(connection.getCapabilities())  # noqa: S314  # libvirt's own
    return {each.get("type", "") for each in host.findall("guest/arch[@name='x86_64']/domain")}


def is_barred() -> bool:
    """Return whether guests would run on KVM if only this user might open it."""
    own = own_user() is not None and _drives_kvm() and DEVICE.exists()
    return own and chosen(VARIABLE, *_CHOICES) != "tcg" and not os.access(DEVICE, os.R_OK | os.W_OK)


def _drives_kvm() -> bool:
    """Return whether KVM is the processor's own; of a host far away libvirt's word is taken."""
    return not is_local() or any(Path("/sys/module", name).exists() for name in _MODULES)
