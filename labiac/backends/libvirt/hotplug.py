"""A guest that runs becomes another without a boot: its cards, and what its seed says of them.

All that a guest is to change is told to it before its cards change, so that a card finds its name
and its addresses when it comes. Whatever is done here may be done again.
"""

from __future__ import annotations

import time
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import agent, cards
from labiac.backends.libvirt import domain as xml
from labiac.backends.libvirt.connection import found, library, own_user
from labiac.backends.libvirt.features import features
from labiac.backends.libvirt.marks import mark_of
from labiac.errors import BackendError
from labiac.plan.diff import cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labiac.backends.base import Watch
    from labiac.backends.libvirt.cards import Card
    from labiac.backends.libvirt.files import Files
    from labiac.backends.libvirt.held import Held
    from labiac.backends.mark import Mark
    from labiac.plan.model import Machine

_NETPLAN: Final = "/etc/netplan/50-cloud-init.yaml"
"""Where cloud-init writes the network of a seed."""
_HOSTS: Final = "/etc/hosts"
_APPLY: Final = (
    ("netplan", "generate"),
    ("udevadm", "control", "--reload"),
    ("networkctl", "reload"),  # leaves what has not changed as it is: no packet is lost
)
_FOLLOWS_S: Final = 60
"""How long a guest may take to do what it was told: a busy one without KVM is slow."""
_POLL_S: Final = 0.2

Step = tuple[tuple[str, ...], bytes]
"""A command in the guest, and its input."""


def follows(ours: Held, item: Machine) -> bool:
    """Return whether the guest of *ours*, which runs, can become *item* without a boot."""
    live = ours.live
    booted = mark_of(live)
    if booted is None:
        return False
    was = xml.observed(booted.machine, booted.copy, live, own_user())
    if not booted.whole and booted.machine != item:
        return False  # it never got as far as to be told anything
    able = features()
    return cost("machine", was, item, boots=True, live=able.live, hot=able.hot) == "live"


def turn(domain: Any, mark: Mark, files: Files, watch: Watch) -> bool:
    """Make the guest of *domain*, which is ready, what *mark* says.

    Returns:
        Whether it is; else it has to boot: it does not follow, or has no slot left for a card.

    Raises:
        BackendError: *watch* is cancelled.
    """
    description, item = domain.XMLDesc(), mark.machine
    booted = mark_of(description)
    was = booted.machine if booted else item
    there = cards.cards(description)
    wanted = {nic.mac: cards.card(nic, mark.copy, own_user()) for nic in item.nics}
    old = [mac for mac, card in there.items() if not _stays(domain, card, wanted.get(mac))]
    new = [mac for mac in wanted if mac not in there or mac in old]
    leave, come = [there[mac] for mac in old], [wanted[mac] for mac in new]
    if not cards.have_slots(description, leave, come) or not _told(domain, was, item):
        return False
    waiting = _Waiting(item.name, watch)
    if not all(_unplugged(domain, mac, there[mac].xml, waiting) for mac in old):
        return False
    live = library().VIR_DOMAIN_AFFECT_LIVE
    for mac in new:
        domain.attachDeviceFlags(wanted[mac].xml, live)
    for mac, card in wanted.items():
        if mac not in new and there[mac].plugged != card.plugged:
            domain.updateDeviceFlags(there[mac].cabled(plugged=card.plugged), live)
    if was.seed != item.seed:
        files.change_seed(domain, item)
    return not new or waiting.until("addresses", lambda: _has_addresses(domain, item))


def is_known(connection: Any, card: Card) -> bool:
    """Return whether the switch that *card* leads to, if any, knows of it.

    A network that was stopped and started again has forgotten the guests that were in it.
    """
    if not card.lan:
        return True
    lan = found(connection.networkLookupByName, card.lan)
    return lan is not None and found(lan.portLookupByUUIDString, card.port) is not None


def _stays(domain: Any, card: Card, wanted: Card | None) -> bool:
    return wanted is not None and card.is_like(wanted) and is_known(domain.connect(), card)


def _told(domain: Any, was: Machine, now: Machine) -> bool:
    """Tell the guest what its seed says of names and networks; return whether it took it."""
    return all(
        agent.execute(domain, argv, timeout_s=_FOLLOWS_S, stdin=data).status == 0
        for argv, data in _steps(was, now)
    )


def _steps(was: Machine, now: Machine) -> Iterator[Step]:
    """Yield what makes the guest that booted as *was* know its names and networks as in *now*."""
    if was.hosts != now.hosts:
        yield ("install", "-m", "644", "/dev/stdin", _HOSTS), now.hosts.encode()
    before, after = _network(was), _network(now)
    if before != after:
        network = f"network:\n{indent(after, '  ')}"
        yield ("install", "-m", "600", "/dev/stdin", _NETPLAN), network.encode()
        for name, _ in sorted(_tagged(was) - _tagged(now)):
            yield ("ip", "link", "delete", name), b""  # networkd leaves it there
        yield from ((argv, b"") for argv in _APPLY)


def _tagged(machine: Machine) -> set[tuple[str, int]]:
    """Return the name and the VLAN of each sub-interface; the tags of a switch's port are none."""
    nics = () if machine.switch else machine.nics
    return {(sub.name, sub.id) for nic in nics for sub in nic.trunk}


def _network(machine: Machine) -> str:
    return next((file.text for file in machine.seed if file.name == "network-config"), "")


class _Waiting:
    """Waits for a guest to follow."""

    def __init__(self, name: str, watch: Watch) -> None:
        self._name, self._watch = name, watch

    def until(self, what: str, done: Callable[[], bool]) -> bool:
        """Return whether *done* comes true in time.

        Raises:
            BackendError: nobody waits any more.
        """
        begun = time.monotonic()
        while not done():
            waited_s = time.monotonic() - begun
            if waited_s > _FOLLOWS_S:
                return False
            self._watch.say(f"{self._name}: {what}, {waited_s:.0f} s")
            if self._watch.cancelled.wait(_POLL_S):
                problem = "nobody waited until it had its cards"
                raise BackendError(f"libvirt {self._name}", problem, fix="do it again")
        return True


def _unplugged(domain: Any, mac: str, card: str, waiting: _Waiting) -> bool:
    """Take a card out of a guest; return whether it has let go of it."""
    libvirt = library()
    try:
        domain.detachDeviceFlags(card, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        # It is gone by now, or a run that was killed has asked for it already.
        gone = {libvirt.VIR_ERR_DEVICE_MISSING, libvirt.VIR_ERR_OPERATION_FAILED}
        if error.get_error_code() not in gone:
            raise
    return waiting.until("unplugging", lambda: mac not in cards.cards(domain.XMLDesc()))


def _has_addresses(domain: Any, item: Machine) -> bool:
    """Return whether each interface of the guest whose cable is in has what it shall have.

    What a student configures is theirs: it may have others.
    """
    if item.student:
        return True
    there = {
        (one["name"], address["ip-address"])
        for one in agent.ask(domain, "guest-network-get-interfaces")
        for address in one.get("ip-addresses", ())
    }
    wanted = {
        (name, address.partition("/")[0])
        for nic in item.nics
        if nic.attach == "lan" and nic.connected
        for name, addresses in nic.interfaces()
        for address in addresses
    }
    return wanted <= there
