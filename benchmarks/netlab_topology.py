"""The practical N times as one lab, written for netlab and for labiac.

    python benchmarks/netlab_topology.py N >topology.yml

netlab plans addresses and the routing of its own; routers run OSPF, since it has no static routes
from the graph. Its limits on nodes and pools are raised so that 100 copies fit.
"""

from __future__ import annotations

import sys

HEAD = """\
provider: clab
defaults.device: frr
defaults.const.MAX_NODE_ID: 2000
addressing:
  loopback: {ipv4: 10.0.0.0/16}
  mgmt: {ipv4: 172.16.0.0/16}
  lan: {ipv4: 10.64.0.0/10, prefix: 24}
nodes:
"""
LANS = (("r1", "pc1", "pc2"), ("r1", "r2", "pc3"), ("r2", "pc4"))
ROUTERS = ("r1", "r2")
PCS = ("pc1", "pc2", "pc3", "pc4")


def for_netlab(copies: int) -> str:
    """Return the topology file of *copies* side by side."""
    lines = []
    for copy in range(copies):
        lines += [f"  c{copy}{router}: {{module: [ospf]}}" for router in ROUTERS]
        lines += [f"  c{copy}{pc}: {{device: linux}}" for pc in PCS]
    lines.append("links:")
    for copy in range(copies):
        for members in LANS:
            ends = ", ".join(f"c{copy}{node}: " for node in members)
            lines.append(f"- {{{ends}}}")
    return HEAD + "\n".join(lines) + "\n"


def for_labiac(copies: int) -> str:
    """Return the lab file of the same."""
    numbers = range(1, len(LANS) + 1)
    lines = ["name: many", "lans:"]
    lines += [f"  c{copy}lan{number}: {{}}" for copy in range(copies) for number in numbers]
    lines.append("routers:")
    lines += [_node(copy, router) for copy in range(copies) for router in ROUTERS]
    lines.append("pcs:")
    lines += [_node(copy, pc) for copy in range(copies) for pc in PCS]
    return "\n".join(lines) + "\n"


def _node(copy: int, node: str) -> str:
    joined = [f"c{copy}lan{number}" for number, lan in enumerate(LANS, 1) if node in lan]
    return f"  c{copy}{node}: {{lans: [{', '.join(joined)}]}}"


if __name__ == "__main__":
    print(for_netlab(int(sys.argv[1])), end="")
