"""The matrix of a large lab: labiac's, and that of a plain walk from node to node.

    python benchmarks/plain_walk.py labiac|plain

A tree of 100 LANs joined by 99 routers, and 901 PCs, some without a gateway: 1,000 nodes. The plain
walk is what one writes in an afternoon. For each ordered pair it follows the packet hop by hop, and
then the answer, looking up the longest matching prefix in a dict for each prefix length that the
node has. It ends by comparing each pair with labiac's. Prints one line of JSON: seconds, and the
most memory of the process, MiB. Start-up and planning do not count, for nobody.
"""

from __future__ import annotations

import ipaddress
import json
import resource
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.resolve import resolve
from labiac.reach.matrix import matrix
from labiac.schema.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Machine, Plan

NODES, LANS = 1000, 100
SILENT = 50
"""Each PC whose number is a multiple of it has no gateway."""
BITS = 32
TTL = 64

Table = list[tuple[int, dict[int, int | None]]]
"""Of each prefix length, the longest first: by prefix, the next hop, or None on the link."""
Answer = tuple[bool, tuple[str, ...]]
"""Whether a pair is answered, and the nodes that the packet visits."""


def planned(nodes: int, lans: int) -> Plan:
    """Return the plan of a tree of *lans* LANs with *nodes* nodes in all."""
    routers = {f"r{n}": {"lans": [f"lan{(n + 1) // 2}", f"lan{n + 1}"]} for n in range(1, lans)}
    pcs = {
        f"pc{n}": {"lan": f"lan{n % lans + 1}"} | ({} if n % SILENT else {"gateway": "none"})
        for n in range(1, nodes - len(routers) + 1)
    }
    names = [f"lan{n}" for n in range(1, lans + 1)]
    parts = {"lans": {name: {} for name in names}, "routers": routers, "pcs": pcs}
    return resolve(Lab.model_validate({"name": "large", **parts}))


class Walker(NamedTuple):
    """A lab as dicts.

    Args:
        tables: Of each node.
        owner: Who has an address.
        forwards: Who passes packets on.
    """

    tables: dict[str, Table]
    owner: dict[int, str]
    forwards: set[str]

    def walk(self, node: str, address: int) -> Answer:
        """Return whether a packet from *node* arrives at *address*, and whom it visits."""
        path = [node]
        for _ in range(TTL):
            hop = self.next_hop(node, address)
            if hop is None:
                return False, tuple(path)
            node = self.owner[hop]
            path.append(node)
            if hop == address:
                return True, tuple(path)
            if node not in self.forwards:
                return False, tuple(path)
        return False, tuple(path)

    def next_hop(self, node: str, address: int) -> int | None:
        """Return whom *node* sends a packet for *address* to, or None: it has no route."""
        for length, hops in self.tables[node]:
            prefix = address >> BITS - length
            if prefix in hops:
                return hops[prefix] or address
        return None


def walker(plan: Plan) -> Walker:
    """Return *plan* as dicts."""
    owner = {int(each.ip): machine.name for machine in plan.machines for each in _own(machine)}
    forwards = {machine.name for machine in plan.machines if machine.forwards}
    return Walker({machine.name: _table(machine) for machine in plan.machines}, owner, forwards)


def _own(machine: Machine) -> Iterator[ipaddress.IPv4Interface]:
    for nic in machine.nics:
        yield from (ipaddress.IPv4Interface(address) for address in nic.addresses)


def _table(machine: Machine) -> Table:
    found: dict[int, dict[int, int | None]] = defaultdict(dict)
    ways: list[tuple[ipaddress.IPv4Network, int | None]] = [
        *((each.network, None) for each in _own(machine)),
        *(
            (ipaddress.IPv4Network(route.to), int(ipaddress.IPv4Address(route.via)))
            for route in machine.routes
        ),
    ]
    for network, hop in ways:
        prefix = int(network.network_address) >> BITS - network.prefixlen
        found[network.prefixlen].setdefault(prefix, hop)
    return sorted(found.items(), reverse=True)


def plain_matrix(plan: Plan) -> dict[tuple[str, str], Answer]:
    """Return what becomes of every ordered pair of the PCs of *plan*."""
    lab = walker(plan)
    known_by = {machine.name: int(next(_own(machine)).ip) for machine in plan.machines}
    found: dict[tuple[str, str], Answer] = {}
    for source in plan.end_nodes:
        for target in plan.end_nodes:
            if source != target:
                there, path = lab.walk(source, known_by[target])
                ok = there and lab.walk(target, known_by[source])[0]
                found[source, target] = ok, path
    return found


def main() -> None:
    """Make the matrix; print what it took."""
    plan = planned(NODES, LANS)
    start = time.monotonic()
    made = plain_matrix(plan) if sys.argv[1] == "plain" else matrix(plan)
    wall_s = time.monotonic() - start
    rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if isinstance(made, dict):
        differ = [pair.ends for pair in matrix(plan) if made[pair.ends] != (pair.ok, pair.path)]
        if differ:
            sys.exit(f"{len(differ)} of {len(made)} pairs differ, the first is {differ[0]}")
    print(json.dumps({"wall_s": wall_s, "rss_mib": rss_mib}))


if __name__ == "__main__":
    main()
