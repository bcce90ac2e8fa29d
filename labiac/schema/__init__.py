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
from labiac.schema.middlebox import Bridge, Firewall, Ids, Nat, NatForward, Rule
from labiac.schema.node import Impair, Nic, NicForward, Pc, Route, Router, Service, Tagged
from labiac.schema.stage import Reference, Stage
from labiac.schema.vary import (
    CableOut,
    FirewallRule,
    LinkChoice,
    MissingRoute,
    PlantedFault,
    Vary,
    WrongGateway,
    WrongMask,
)

__all__ = [
    "AddressCheck",
    "Bridge",
    "CableOut",
    "Check",
    "CommandCheck",
    "Defaults",
    "DnsCheck",
    "Firewall",
    "FirewallRule",
    "HostSide",
    "HttpCheck",
    "Ids",
    "Impair",
    "Lab",
    "Lan",
    "LinkChoice",
    "MissingRoute",
    "Nat",
    "NatForward",
    "Nic",
    "NicForward",
    "PathCheck",
    "Pc",
    "PingCheck",
    "PlantedFault",
    "Pool",
    "PortCheck",
    "PortForward",
    "Reference",
    "Route",
    "RouteCheck",
    "Router",
    "Rule",
    "Service",
    "Stage",
    "Tagged",
    "Vary",
    "Vlan",
    "WrongGateway",
    "WrongMask",
]
