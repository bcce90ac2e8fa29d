"""The host's own adapters of LANs of type ``host``: each is known by the host's address on it.

VirtualBox names an adapter itself, and when it makes one that has no address of ours yet. So what
adapters there were is written down before: what is there beyond them after a kill is ours.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

from labiac.backends.virtualbox import marks
from labiac.backends.virtualbox.info import blocks
from labiac.backends.virtualbox.manage import manage
from labiac.errors import BackendError
from labiac.host.home import keep
from labiac.host.lock import locked

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.backends.virtualbox.network import Interface
    from labiac.plan.model import Network

_IPV4: Final = 4
_MADE: Final = re.compile(r"Interface '([^']+)' was successfully created")


def address(lan: Network) -> Interface:
    """Return the host's own IPv4 address in *lan*: every LAN of type host has one here."""
    return next(own for own in map(ip_interface, lan.host_addresses) if own.version == _IPV4)


def adapter(lan: Network) -> str:
    """Return the adapter that has the address of *lan*, or the empty string."""
    own = str(address(lan).ip)
    return next((name for name, there in _adapters().items() if there == own), "")


def make(lan: Network) -> None:
    """Make the adapter of *lan*, unless it is there; complete what a killed run began.

    Raises:
        BackendError: VirtualBox refused.
    """
    lock = marks.folder() / "adapters.lock"
    with locked(lock, "waiting for VirtualBox's adapters, which another one makes"):
        if not adapter(lan):
            _make(lan)


def remove(lan: Network) -> None:
    """Remove the adapter of *lan*, be it finished or not. Already gone is fine."""
    if found := adapter(lan) or _begun(lan):
        manage("hostonlyif", "remove", found)
    _before(lan).unlink(missing_ok=True)


def _make(lan: Network) -> None:
    where, own, before = f"virtualbox {lan.name}", address(lan), _before(lan)
    name = _begun(lan)
    if not name:
        keep(before, json.dumps(sorted(_adapters())))
        name = _made(where)
    try:
        numbers = [f"--ip={own.ip}", f"--netmask={own.netmask}"]
        manage("hostonlyif", "ipconfig", name, *numbers, where=where)
    except BackendError:
        manage("hostonlyif", "remove", name, where=where)
        raise
    finally:
        before.unlink()


def _made(where: str) -> str:
    """Make an adapter, and return what VirtualBox calls it."""
    made = _MADE.search(said := manage("hostonlyif", "create", where=where))
    if made is None:
        raise BackendError(where, f"VBoxManage does not say what it made: {said!r:.80}")
    return made[1]


def _begun(lan: Network) -> str:
    """Return the adapter that a killed run made for *lan* and gave no address, or nothing."""
    try:
        before = set(json.loads(_before(lan).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ""
    lans = (mark.network for mark in marks.marks() if mark.kind == "network")
    others = {str(address(each).ip) for each in lans if each.type == "host"}
    new = [name for name, ip in _adapters().items() if name not in before and ip not in others]
    return new[0] if len(new) == 1 else ""  # of two, nobody knows which is ours


def _adapters() -> dict[str, str]:
    """Return the address of each of the host's adapters that VirtualBox made, by its name."""
    said = blocks(manage("list", "hostonlyifs"))
    return {each["Name"]: each.get("IPAddress", "") for each in said}


def _before(lan: Network) -> Path:
    return marks.folder() / "networks" / f"{lan.host_name}.adapters"
