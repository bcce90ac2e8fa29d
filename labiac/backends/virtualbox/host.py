"""What this host and its VirtualBox have, against what a plan wants of them."""

from __future__ import annotations

import sys
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.backends import room, subnets
from labiac.backends.virtualbox import marks
from labiac.backends.virtualbox.info import blocks
from labiac.backends.virtualbox.manage import (
    NO_PROGRAM_FIX,
    OLDEST,
    manage,
    program,
    version,
)
from labiac.errors import LabError, Problem
from labiac.plan.model import lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from labiac.plan.model import Machine, Network, Plan

_DRIVER: Final = Path("/dev/vboxdrv")
_ADAPTERS: Final = Path("/dev/vboxnetctl")
_DRIVER_FIX: Final = (
    "sudo modprobe vboxdrv; where there is none, sudo apt-get install virtualbox-dkms and the"
    " kernel's headers, or sudo /sbin/vboxconfig; with Secure Boot the module must be signed"
)
_RANGES: Final = Path("/etc/vbox/networks.conf")
_RANGE: Final = ip_network("192.168.56.0/21")
"""What VirtualBox lets the host's own adapters have where nobody has said more."""
_FREE: Final = "Memory available"
_CPUS: Final = "Processor online count"


def problems(plan: Plan) -> list[Problem]:
    """Return what the host lacks for *plan*."""
    if not program():
        return [Problem("virtualbox", "", "there is no VBoxManage", NO_PROGRAM_FIX)]
    try:
        return [*_virtualbox(plan), *_lans(plan), *_clashes(plan), *_machines(plan)]
    except LabError as error:
        said = f"{error.problem} ({error.detail})" if error.detail else error.problem
        return [Problem(error.where, "", said, error.fix)]


def _virtualbox(plan: Plan) -> Iterator[Problem]:
    if (here := version()) < OLDEST:
        oldest, said = (".".join(map(str, each)) for each in (OLDEST, here))
        problem = f"VirtualBox {said} is older than {oldest}"
        yield Problem("virtualbox", "", problem, f"install VirtualBox {oldest} or newer")
    starts = not plan.machines or any(machine.start for machine in plan.machines)
    if sys.platform == "linux" and not _DRIVER.exists():
        problem = f"VirtualBox's kernel driver is not loaded ({_DRIVER}): no machine can start"
        level = "error" if starts else "warning"
        yield Problem("virtualbox", "", problem, _DRIVER_FIX, level=level)


def _lans(plan: Plan) -> Iterator[Problem]:
    bridged = [lan for lan in plan.networks if lan.type == "bridged" and lan.interface]
    if bridged:
        there = {each["Name"] for each in blocks(manage("list", "bridgedifs"))}
        for lan in bridged:
            if lan.interface not in there:
                yield Problem(
                    f"virtualbox {lan.name}",
                    f"lans.{lan_of(lan.name)}.interface",
                    f"VirtualBox can't be bridged to {lan.interface!r}",
                    f"use one of {', '.join(sorted(there)) or 'none: it sees no interface'}",
                )
    for lan in plan.networks:
        if lan.type == "host":
            yield from _host_only(lan)


def _clashes(plan: Plan) -> Iterator[Problem]:
    """Yield the host's addresses that are to be in subnets where it has others already."""
    wanted = [*subnets.of_lans(plan)]
    yield from subnets.clashes("virtualbox", wanted, _held(plan) if wanted else ())


def _held(plan: Plan) -> Iterator[subnets.Held]:
    """Yield the host's addresses, those in LANs of other copies too that are still to be made."""
    known = set()
    for mark in marks.marks():
        for address in mark.network.host_addresses if mark.kind == "network" else ():
            if mark.network.type == "host":
                known.add(str(ip_interface(address).ip))
                if (mark.copy.lab, mark.copy.student) != (plan.lab, plan.student):
                    yield subnets.of_copy(address, mark.item.name, mark.copy)
    for kind in ("hostonlyifs", "bridgedifs"):
        for each in blocks(manage("list", kind)):
            own, mask = each.get("IPAddress", ""), each.get("NetworkMask", "")
            if own not in {"", "0.0.0.0", *known} and mask:  # noqa: S104  # none, in its words
                address = ip_interface(f"{own}/{mask}").with_prefixlen
                remedy = f"remove {each['Name']}, or its address"
                yield subnets.Held(address, f"on {each['Name']}", remedy)


def _host_only(lan: Network) -> Iterator[Problem]:
    if sys.platform == "darwin":
        yield Problem(
            f"virtualbox {lan.name}",
            f"lans.{lan_of(lan.name)}.type",
            "on macOS there is no LAN of type host in this version",
            "use type nat or internal",
        )
        return
    if sys.platform != "linux":
        return  # Windows allows every range
    if not _ADAPTERS.exists():
        yield Problem(
            f"virtualbox {lan.name}",
            f"lans.{lan_of(lan.name)}.type",
            f"VirtualBox's driver for the host's own adapters is not loaded ({_ADAPTERS})",
            "sudo modprobe vboxnetadp; where there is none, see what labiac doctor says of vboxdrv",
        )
    ranges = _ranges()
    for address in (ip_interface(each).ip for each in lan.host_addresses):
        if address.version == _RANGE.version and not any(address in each for each in ranges):
            yield Problem(
                f"virtualbox {lan.name}",
                f"lans.{lan_of(lan.name)}.ipv4",
                f"VirtualBox does not let the host have {address}: it allows"
                f" {', '.join(map(str, ranges)) or 'nothing'} ({_RANGES})",
                _range_fix(address),
            )


def _range_fix(address: IPv4Address | IPv6Address) -> str:
    """Return what allows *address*, and takes nothing away that is allowed where no file is."""
    said = [] if _RANGES.exists() else [_RANGE]
    ranges = " ".join(map(str, [*said, ip_network(f"{address}/8", strict=False)]))
    return f"sudo mkdir -p {_RANGES.parent} && echo '* {ranges}' | sudo tee -a {_RANGES}"


def _ranges() -> list[IPv4Network | IPv6Network]:
    """Return the ranges that the host's own adapters may have addresses of."""
    try:
        lines = _RANGES.read_text(encoding="utf-8").splitlines()
    except OSError:
        return [_RANGE]
    words = [word for line in lines if line.startswith("*") for word in line[1:].split()]
    return [ip_network(word, strict=False) for word in words if _is_range(word)]


def _is_range(word: str) -> bool:
    try:
        ip_network(word, strict=False)
    except ValueError:  # VirtualBox passes over it, and says so in its own log
        return False
    return True


def _machines(plan: Plan) -> Iterator[Problem]:
    if not plan.machines:
        yield from room.no_image("virtualbox")
    new = room.to_come(plan, lambda ref: marks.mark_of(ref) is not None)
    if new:
        yield from room.lacking_images("virtualbox", new)
        yield from _room(new)


def _room(new: Sequence[Machine]) -> Iterator[Problem]:
    lines = (line.partition(":") for line in manage("list", "hostinfo").splitlines())
    host = {key: value for key, _, value in lines}
    free_mib, cpus = (int(host[key].split()[0]) for key in (_FREE, _CPUS))
    beside_mib = room.GUEST_MIB["virtualbox"]
    yield from room.lacking_memory("virtualbox", new, beside_mib=beside_mib, free_mib=free_mib)
    yield from room.lacking_cpus("virtualbox", new, cpus)
