"""How labiac reaches a guest: a part of the plan (`labiac.plan.model`)."""

from __future__ import annotations

from dataclasses import dataclass

NAME = "labiac-admin"
"""What the guest calls that NIC: longer than any that a lab file may name."""


@dataclass(frozen=True, slots=True)
class Management:
    """A NIC beside those of the lab, after the last: by it labiac reaches a guest over SSH.

    Args:
        mac: Six octets in lower case, colon separated.
        address: With prefix, in a subnet that no LAN has. In one that guests share it is of the
            link alone, and made from the MAC.
    """

    mac: str
    address: str
