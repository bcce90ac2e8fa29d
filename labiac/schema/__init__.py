"""What a user may write: the lab file, or the same in Python."""

from labiac.schema.check import Check, Pair, Path
from labiac.schema.lab import Defaults, Lab, Pool
from labiac.schema.lan import HostSide, Lan, PortForward, Vlan
from labiac.schema.node import Impair, Nic, NicForward, Pc, Route, Router, Service, Tagged

__all__ = [
    "Check",
    "Defaults",
    "HostSide",
    "Impair",
    "Lab",
    "Lan",
    "Nic",
    "NicForward",
    "Pair",
    "Path",
    "Pc",
    "Pool",
    "PortForward",
    "Route",
    "Router",
    "Service",
    "Tagged",
    "Vlan",
]
