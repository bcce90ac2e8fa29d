"""What a user may write: the lab file, or the same in Python."""

from labiac.schema.check import (
    AddressCheck,
    Check,
    CommandCheck,
    DnsCheck,
    HttpCheck,
    PathCheck,
    PingCheck,
    PortCheck,
    RouteCheck,
)
from labiac.schema.lab import Defaults, Lab, Pool
from labiac.schema.lan import HostSide, Lan, PortForward, Vlan
from labiac.schema.middlebox import Bridge, Firewall, Nat, NatForward, Rule
from labiac.schema.node import Impair, Nic, NicForward, Pc, Route, Router, Service, Tagged

__all__ = [
    "AddressCheck",
    "Bridge",
    "Check",
    "CommandCheck",
    "Defaults",
    "DnsCheck",
    "Firewall",
    "HostSide",
    "HttpCheck",
    "Impair",
    "Lab",
    "Lan",
    "Nat",
    "NatForward",
    "Nic",
    "NicForward",
    "PathCheck",
    "Pc",
    "PingCheck",
    "Pool",
    "PortCheck",
    "PortForward",
    "Route",
    "RouteCheck",
    "Router",
    "Rule",
    "Service",
    "Tagged",
    "Vlan",
]
