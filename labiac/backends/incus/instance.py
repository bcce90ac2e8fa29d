"""A node as Incus is told of it: an instance's configuration and devices. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.incus.names import MARK, SEED, bridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.backends.base import Copy
    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine, Nic

Device = dict[str, str]

ROOT: Final = "root"
_OWN: Final = ("volatile.", "image.")
"""What the keys begin with that Incus keeps of an instance for itself."""


def configuration(mark: Mark, known: Mapping[str, str]) -> dict[str, str]:
    """Return the configuration of the machine of *mark*; what Incus itself has *known* stays."""
    machine = mark.machine
    return {
        **{key: value for key, value in known.items() if key.startswith(_OWN)},
        MARK: mark.to_json(),
        "limits.cpu": str(machine.cpus),
        "limits.memory": f"{machine.memory_mib}MiB",
        **{f"{SEED}{file.name}": file.text for file in machine.seed},
    }


def devices(copy: Copy, machine: Machine, pool: str) -> dict[str, Device]:
    """Return the devices of *machine*: its disk in the storage *pool*, and its NICs."""
    root = {"type": "disk", "path": "/", "pool": pool}
    return {ROOT: root, **{nic.name: _card(copy, nic) for nic in machine.nics}}


def observed(planned: Machine, copy: Copy, found: Mapping[str, Device]) -> Machine:
    """Return *planned* with the NICs that its instance has: of each its MAC and its LAN."""
    nics = (_nic(nic, copy, found[nic.name]) for nic in planned.nics if nic.name in found)
    return replace(planned, nics=tuple(nics))


def _card(copy: Copy, nic: Nic) -> Device:
    card = {"type": "nic", "name": nic.name, "hwaddr": nic.mac}
    if nic.attach != "lan" or not nic.connected:
        return {**card, "nictype": "p2p"}
    if nic.impair.rate_kbit:
        card["limits.ingress"] = f"{nic.impair.rate_kbit}kbit"
    return {**card, "network": bridge(copy, nic.network)}


def _nic(nic: Nic, copy: Copy, card: Mapping[str, Any]) -> Nic:
    """Return *nic* as its *card* has it; one that leads elsewhere than planned says where."""
    nic = replace(nic, mac=card.get("hwaddr", ""))
    leads = card.get("network", "")
    if nic.attach != "lan":
        return nic
    if not leads:
        return replace(nic, connected=False)
    return nic if leads == bridge(copy, nic.network) else replace(nic, network=leads)
