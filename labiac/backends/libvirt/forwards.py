"""Ports of the host that lead into a guest, through the NAT of one of its NICs.

Its QEMU itself listens on them, and is told by its monitor: libvirt 9 has no element for that
without passt (docs/decisions/0023-ports-are-forwarded-by-qemu.md). A guest that was switched off
has none of them until it is told again.

Source:
    https://www.qemu.org/docs/master/system/monitor.html: hostfwd_add, info usernet.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labiac.backends.libvirt.cards import ANYWHERE, alias
from labiac.errors import BackendError
from labiac.plan.model import Forward

if TYPE_CHECKING:
    from labiac.plan.model import Machine, Nic

_CARD: Final = re.compile(r"^Hub .*\(host(?P<alias>\S+)\)")
_PORT: Final = re.compile(
    r"^\s+(?P<protocol>TCP|UDP)\[HOST_FORWARD\]\s+\d+"
    r"\s+(?P<address>\S+)\s+(?P<port>\d+)\s+(?P<guest>\S+)\s+(?P<guest_port>\d+)"
)


class _Rule(NamedTuple):
    """A port of the host, and the one in the guest."""

    protocol: str
    address: str
    port: int
    guest_port: int

    @property
    def host(self) -> str:
        """Return the host's end in QEMU's own words."""
        return f"{self.protocol}:{self.address}:{self.port}"


def settle(domain: Any, machine: Machine) -> None:
    """Have the QEMU of *domain*, which runs, forward what *machine* wants, and nothing else.

    Raises:
        BackendError: the host does not give it the port.
    """
    there = _told(domain, machine)
    for nic in machine.nics:
        found = {_rule(each) for each in there.get(alias(nic), ())}
        wanted = {_rule(each) for each in nic.forwards}
        for rule in sorted(found - wanted):
            _monitor(domain, f"hostfwd_remove host{alias(nic)} {rule.host}")
        for rule in sorted(wanted - found):
            if said := _monitor(domain, f"hostfwd_add host{alias(nic)} {rule.host}-:{rule[-1]}"):
                fix = (
                    "choose a host_port that is free there, of 1024 or more: QEMU is not root;"
                    " ss -lntup lists who has it"
                )
                problem = f"its host does not listen on {rule.host} for {nic.name}"
                raise BackendError(f"libvirt {machine.name}", problem, detail=said, fix=fix)


def observed(domain: Any, machine: Machine) -> Machine:
    """Return *machine* with the ports that lead into the guest of *domain*, which runs."""
    there = _told(domain, machine)
    nics = (_seen(nic, there.get(alias(nic), [])) for nic in machine.nics)
    return replace(machine, nics=tuple(nics))


def listed(said: str) -> dict[str, list[Forward]]:
    """Return what QEMU forwards to each card, by its alias, as it *said* when it was asked."""
    found: dict[str, list[Forward]] = {}
    ports: list[Forward] = []
    for line in said.splitlines():
        if card := _CARD.match(line):
            ports = found.setdefault(card["alias"], [])
        elif told := _PORT.match(line):
            own = ANYWHERE if told["address"] == "*" else told["address"]
            ends = int(told["port"]), told["guest"], int(told["guest_port"]), own
            ports.append(Forward("tcp" if told["protocol"] == "TCP" else "udp", *ends))
    return found


def _seen(nic: Nic, there: list[Forward]) -> Nic:
    wanted = {_rule(each): each for each in nic.forwards}
    # Which address the guest has behind its NAT is the hypervisor's matter.
    found = {_rule(each): wanted.get(_rule(each), each) for each in there}
    known = [each for rule, each in wanted.items() if rule in found]
    strange = sorted(rule for rule in found if rule not in wanted)
    return replace(nic, forwards=(*known, *(found[rule] for rule in strange)))


def _rule(forward: Forward) -> _Rule:
    address = str(IPv4Address(forward.host_address))
    return _Rule(forward.protocol, address, forward.host_port, forward.guest_port)


def _told(domain: Any, machine: Machine) -> dict[str, list[Forward]]:
    if not any(nic.attach == "nat" for nic in machine.nics):
        return {}
    return listed(_monitor(domain, "info usernet"))


def _monitor(domain: Any, command: str) -> str:
    """Return what the monitor of a QEMU answers to *command*; a command that works says nothing."""
    import libvirt_qemu

    flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
    return str(libvirt_qemu.qemuMonitorCommand(domain, command, flags)).strip()
