"""LANs on a user's own libvirt, which has no bridges: a process each, which is its switch.

libvirt keeps the network, defined and never started, with labiac's mark. The switch knows its
ports from a folder, which is made anew from the marks of the machines whenever the switch starts.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.libvirt import background
from labiac.backends.libvirt.loopback import port_of, switch_of
from labiac.host.home import home
from labiac.host.lock import locked
from labiac.plan.names import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from labiac.backends.base import Copy
    from labiac.plan.model import Machine, Network

_MODULE: Final = "labiac.backends.libvirt.switch"


def start(network: Network, copy: Copy, machines: Iterable[Machine], user: int) -> None:
    """Start the switch of *network* unless it runs, with the ports that *machines* have there.

    Args:
        network: The LAN.
        copy: Whose it is.
        machines: Those of the copy that are there by now.
        user: Number of the user who runs this.

    Raises:
        BackendError: it can't listen where the cards of its guests lead to.
    """
    name = network.host_name
    # Of two at a time, one would delete the ports that the other one has just written.
    with locked(home() / "libvirt" / "switches.lock", "waiting for another switch, which starts"):
        if not runs(name, user):
            _start(network, copy, machines, user)


def _start(network: Network, copy: Copy, machines: Iterable[Machine], user: int) -> None:
    name = network.host_name
    folder = _folder(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for machine in machines:
        plug(copy, machine, user)
    address, port = switch_of(name, user)
    background.start(
        *_words(name, user),
        str(folder),
        where=f"libvirt {network.name}",
        problem=f"its switch can't listen on UDP port {port} at {address}",
        fix="ss -lnup lists who does; if it is labiac's, LABIAC_HOME was another one then",
    )


def runs(network: str, user: int) -> bool:
    """Return whether the switch of the *network* of that name runs, and knows its ports."""
    return bool(background.found(*_words(network, user))) and _folder(network).exists()


def plug(copy: Copy, machine: Machine, user: int) -> None:
    """Let the switches of *copy* know the cards of *machine*, which may not run yet.

    What has no switch yet is known to it as soon as it starts.
    """
    for port in _ports(copy, machine, user):
        with suppress(FileNotFoundError):
            port.touch()


def unplug(copy: Copy, machine: Machine, user: int) -> None:
    """Let the switches of *copy* forget the cards of *machine*. Already forgotten is fine."""
    for port in _ports(copy, machine, user):
        port.unlink(missing_ok=True)


def _ports(copy: Copy, machine: Machine, user: int) -> Iterator[Path]:
    """Yield the file of each card of *machine* in the folder of its switch."""
    for nic in machine.nics:
        if nic.attach == "lan":
            name = host_name(copy.lab, copy.student, nic.network)
            yield _folder(name) / str(port_of(name, user, nic.mac))


def end(network: str, user: int) -> None:
    """End the switch of the *network* of that name. Already gone is fine."""
    background.end(*_words(network, user), where=f"libvirt {network}")
    shutil.rmtree(_folder(network), ignore_errors=True)


def _words(network: str, user: int) -> tuple[str, ...]:
    address, port = switch_of(network, user)
    return _MODULE, address, str(port)


def _folder(network: str) -> Path:
    return home() / "libvirt" / "switches" / network
