"""The practical N times on Mininet, with LinuxBridge switches, as its documentation has it.

    python3 benchmarks/mininet_lab.py N

Runs under the system's Python, where Debian's package mininet is. Prints one line of JSON, in
milliseconds; pings with Mininet's own `ping`.
"""

from __future__ import annotations

import json
import sys
import time

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Node
from mininet.nodelib import LinuxBridge
from practical import LANS, NICS, PCS, ROUTERS, ROUTES


class Router(Node):
    """A host that forwards."""

    def config(self, **parameters: object) -> None:
        """Configure it as any host, and let it forward."""
        super().config(**parameters)
        self.cmd("sysctl -w net.ipv4.ip_forward=1")


def add_copy(net: Mininet, copy: int) -> dict[str, Node]:
    """Add one copy to *net*; return its nodes by name."""
    switches = {lan: net.addSwitch(f"s{copy}{lan}", stp=False) for lan in LANS}
    nodes = {}
    for name, nics in NICS.items():
        first = f"{nics[0][2]}/24"
        kind = {"cls": Router} if name in ROUTERS else {}
        nodes[name] = net.addHost(f"h{copy}{name}", ip=first, **kind)
        for nic, lan, address in nics:
            end = {"intfName1": f"h{copy}{name}-{nic}", "params1": {"ip": f"{address}/24"}}
            net.addLink(nodes[name], switches[lan], **end)
    return nodes


def main() -> None:
    """Create, ping, destroy; print what each took."""
    setLogLevel("error")
    start = time.monotonic()
    net = Mininet(build=False, controller=None, switch=LinuxBridge)
    copies = [add_copy(net, copy) for copy in range(int(sys.argv[1]))]
    net.build()
    net.start()
    for nodes in copies:
        for name, (to, via) in ROUTES.items():
            nodes[name].cmd(f"ip route add {to} via {via}")
    built = time.monotonic()
    lost = [net.ping([nodes[pc] for pc in PCS]) for nodes in copies]
    answered = time.monotonic()
    net.stop()
    destroyed = time.monotonic()
    took = {"create_ms": built - start, "ping_ms": answered - built}
    took["destroy_ms"] = destroyed - answered
    print(json.dumps({name: 1000 * s for name, s in took.items()} | {"missing": sum(lost)}))


if __name__ == "__main__":
    main()
