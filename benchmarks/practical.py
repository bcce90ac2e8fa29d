"""The practical as data, for the rivals that need it written out: addresses as labiac plans them.

pc1, pc2 -- lan1 -- r1 -- lan2 (pc3) -- r2 -- lan3 -- pc4
"""

from __future__ import annotations

LANS = ("lan1", "lan2", "lan3")
NICS = {
    "r1": (("eth0", "lan1", "10.0.1.1"), ("eth1", "lan2", "10.0.2.1")),
    "r2": (("eth0", "lan2", "10.0.2.2"), ("eth1", "lan3", "10.0.3.2")),
    "pc1": (("eth0", "lan1", "10.0.1.11"),),
    "pc2": (("eth0", "lan1", "10.0.1.20"),),
    "pc3": (("eth0", "lan2", "10.0.2.13"),),
    "pc4": (("eth0", "lan3", "10.0.3.14"),),
}
ROUTES = {
    "r1": ("10.0.3.0/24", "10.0.2.2"),
    "r2": ("10.0.1.0/24", "10.0.2.1"),
    "pc1": ("default", "10.0.1.1"),
    "pc2": ("default", "10.0.1.1"),
    "pc3": ("default", "10.0.2.1"),
    "pc4": ("default", "10.0.3.2"),
}
ROUTERS = ("r1", "r2")
PCS = {pc: NICS[pc][0][2] for pc in ("pc1", "pc2", "pc3", "pc4")}
