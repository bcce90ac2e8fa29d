"""Ports of the host that lead into a LAN of type nat: a process each, on the host itself.

libvirt's own rules let nobody in from outside, but for the host, which has an address in the LAN
(docs/decisions/0028-what-labiac-runs-beside-libvirt.md).
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from labiac.backends.libvirt import background
from labiac.backends.libvirt.network import bridge
from labiac.errors import BackendError
from labiac.plan.model import Forward

if TYPE_CHECKING:
    from uuid import UUID

    from labiac.plan.model import Network, Protocol

_MODULE: Final = "labiac.backends.libvirt.forwarder"


def settle(network: Network, uuid: UUID) -> None:
    """Have what *network*, which runs, wants forwarded, and nothing else.

    Args:
        network: A LAN of type nat.
        uuid: What libvirt knows it by.

    Raises:
        BackendError: libvirt's network is not on this host, or that does not give us the port.
    """
    where = f"libvirt {network.name}"
    wanted = {_words(each, uuid): each for each in network.forwards}
    there = background.found(_MODULE, str(uuid))
    for words in there.keys() - wanted.keys():
        background.end(*words, where=where)
    if wanted and not _is_here(uuid):
        problem = "its bridge is not in this network: labiac can forward no port to it"
        raise BackendError(where, problem, fix="run labiac where libvirt runs")
    for words in wanted.keys() - there.keys():
        one = wanted[words]
        listens = f"{one.protocol} port {one.host_port} at {one.host_address}"
        problem = f"this host does not let labiac listen on {listens}"
        fix = "choose a host_port that is free, of 1024 or more without root; ss -lntup lists them"
        background.start(*words, where=where, problem=problem, fix=fix)


def observed(network: Network, uuid: UUID) -> Network:
    """Return *network* with what is forwarded to it."""
    there = background.found(_MODULE, str(uuid))
    known = {_words(each, uuid): each for each in network.forwards}
    strange = sorted(words[2:] for words in there if words not in known)
    found = [each for words, each in known.items() if words in there]
    return replace(network, forwards=(*found, *map(_forward, strange)))


def end(uuid: UUID) -> None:
    """End all that leads into the network."""
    background.end(_MODULE, str(uuid), where="libvirt")


def _is_here(uuid: UUID) -> bool:
    return any(name == bridge(uuid) for _, name in socket.if_nameindex())


def _words(forward: Forward, uuid: UUID) -> background.Words:
    ends = forward.host_address, forward.host_port, forward.guest, forward.guest_port
    return (_MODULE, str(uuid), forward.protocol, *map(str, ends))


def _forward(words: background.Words) -> Forward:
    protocol, address, port, guest, guest_port = words
    return Forward(cast("Protocol", protocol), int(port), guest, int(guest_port), address)
