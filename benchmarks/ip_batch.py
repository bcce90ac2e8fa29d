"""The practical N times as a careful shell script makes it: one `ip -batch` a namespace.

    python benchmarks/ip_batch.py N

Prints one line of JSON, in milliseconds. The script only builds; the pings are labiac's own, the
fastest at hand, so that the comparison is about building.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from practical import LANS, NICS, PCS, ROUTERS, ROUTES

from labiac.backends.base import Ping
from labiac.backends.netns.ping import measure

SPACES = Path("/run/netns")


def write_scripts(folder: Path, copies: int) -> None:
    """Write ``create.sh`` and ``destroy.sh`` and the batches they run."""
    names = [f"batch-{copy}-{name}" for copy in range(copies) for name in (*NICS, "switches")]
    batch(folder / "add", [f"netns add {name}" for name in names])
    batch(folder / "delete", [f"netns del {name}" for name in names])
    create = ["set -e", f"ip -batch {folder}/add"]
    for node in NICS:
        batch(folder / node, configuration(node))
    for copy in range(copies):
        batch(folder / f"switches{copy}", switches(f"batch-{copy}-"))
        create.append(f"ip -n batch-{copy}-switches -batch {folder}/switches{copy}")
        create += [f"ip -n batch-{copy}-{node} -batch {folder}/{node}" for node in NICS]
        for router in ROUTERS:
            forward = "sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'"
            create.append(f"nsenter --net={SPACES}/batch-{copy}-{router} {forward}")
    (folder / "create.sh").write_text("\n".join(create) + "\n")
    (folder / "destroy.sh").write_text(f"ip -batch {folder}/delete\n")


def batch(file: Path, lines: list[str]) -> None:
    """Write what `ip -batch` reads."""
    file.write_text("\n".join(lines) + "\n")


def switches(prefix: str) -> list[str]:
    """Return the commands for one copy's bridges and the cables to its nodes."""
    lines = [f"link add {lan} up type bridge" for lan in LANS]
    for node, nics in NICS.items():
        for nic, lan, _ in nics:
            peer = f"peer name {nic} netns {prefix}{node}"
            lines.append(f"link add {node}-{nic} up master {lan} type veth {peer}")
    return lines


def configuration(node: str) -> list[str]:
    """Return the commands for one node: its interfaces, addresses and route."""
    lines = ["link set lo up"]
    for nic, _, address in NICS[node]:
        lines += [f"link set {nic} up", f"addr add {address}/24 dev {nic}"]
    return [*lines, "route add {} via {}".format(*ROUTES[node])]


def ping(copies: int) -> int:
    """Ping all pairs of every copy; return how many did not answer."""
    sources = {f"{copy}-{pc}": pc for copy in range(copies) for pc in PCS}
    spaces = {name: os.open(SPACES / f"batch-{name}", os.O_RDONLY) for name in sources}
    pings = [Ping(name, PCS[to]) for name, pc in sources.items() for to in PCS if to != pc]
    return measure(spaces, pings, timeout_s=30, settle=True).count(False)


def run(script: Path) -> None:
    """Run *script* with sh."""
    subprocess.run(["sh", str(script)], check=True)


def main() -> None:
    """Create, ping, destroy; print what each took."""
    copies = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_scripts(folder, copies)
        try:
            start = time.monotonic()
            run(folder / "create.sh")
            built = time.monotonic()
            missing = ping(copies)
            answered = time.monotonic()
        finally:
            run(folder / "destroy.sh")
        destroyed = time.monotonic()
    took = {"create_ms": built - start, "ping_ms": answered - built}
    took["destroy_ms"] = destroyed - answered
    print(json.dumps({name: 1000 * s for name, s in took.items()} | {"missing": missing}))


if __name__ == "__main__":
    main()
