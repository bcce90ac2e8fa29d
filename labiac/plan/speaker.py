"""What a router says in a routing protocol: a part of the plan (`labiac.plan.model`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour that a router speaks BGP with: its address without a prefix, and its AS."""

    address: str
    asn: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a router says of itself in its routing protocol, and with whom it speaks.

    Args:
        router_id: Its name there, written as an IPv4 address; no other router of the lab has it.
        asn: Its autonomous system (BGP), else 0.
        peers: Its neighbours (BGP); the other protocols find theirs.
        interfaces: Those that the protocol runs on: in a LAN, with an address.
        patient: Those of them on which its timers are the protocol's own: a student's router is
            there, whose are so too. On the others it is quick.
    """

    router_id: str
    asn: int
    peers: tuple[Peer, ...]
    interfaces: tuple[str, ...]
    patient: tuple[str, ...]
