"""What a user may write: the lab file, or the same in Python."""

from labiac.schema.check import Check, Pair, Path
from labiac.schema.lab import Defaults, Lab, Pool
from labiac.schema.lan import HostSide, Lan, PortForward, Vlan
from labiac.schema.middlebox import Bridge, Firewall, Nat, NatForward, Rule
from labiac.schema.node import Impair, Nic, NicForward, Pc, Route, Router, Service, Tagged

__all__ = [
    "Bridge",
    "Check",
    "Defaults",
    "Firewall",
    "HostSide",
    "Impair",
    "Lab",
    "Lan",
    "Nat",
    "NatForward",
    "Nic",
    "NicForward",
    "Pair",
    "Path",
    "Pc",
    "Pool",
    "PortForward",
    "Route",
    "Router",
    "Rule",
    "Service",
    "Tagged",
    "Vlan",
]
