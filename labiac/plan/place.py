"""Where the lab file says what became a machine of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labiac.plan.model import Machine


def place(machine: Machine, nic: int | None = None) -> str:
    """Return the field of *machine*, or of its NIC of that number: ``pcs.pc1.nics[0]``.

    A switch, and each of its ports, is what became of a LAN: ``lans.lan1``.
    """
    if machine.switch:
        return f"lans.{machine.switch.lan}"
    own = f"{machine.section}.{machine.name}"
    return own if nic is None else f"{own}.nics[{nic}]"
