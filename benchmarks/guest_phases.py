"""Where the seconds of a guest's boot go: one PC on a LAN, by labiac.

    python benchmarks/guest_phases.py

Prints one line of JSON: seconds, by phase.
"""

from __future__ import annotations

import json
import os
import time

from labiac.backends import open_backend
from labiac.backends.base import Copy, Executes, ref_of
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

ALL = "all of it"
FIRMWARE = "firmware and boot loader"
STAGES = {
    "kernel and initramfs": ("-", "UserspaceTimestampMonotonic"),
    "systemd, until it starts units": ("-", "UnitsLoadFinishTimestampMonotonic"),
    "first units, and cloud-init's Python": ("cloud-init-main", "ActiveEnterTimestampMonotonic"),
    "cloud-init: the network": ("cloud-init-local", "ActiveEnterTimestampMonotonic"),
    "cloud-init: files, users, host key": ("cloud-init-network", "ActiveEnterTimestampMonotonic"),
    "cloud-init: commands": ("cloud-config", "ActiveEnterTimestampMonotonic"),
    "cloud-init: the end": ("cloud-final", "ActiveEnterTimestampMonotonic"),
}
"""What ends each phase after the boot loader's: a property of a unit, or of systemd itself."""
PHASES = (ALL, FIRMWARE, *STAGES)
_ASK = """
for what in "$@"; do
  unit=${what%%:*}
  [ "$unit" = - ] && unit=
  systemctl show --value --property="${what#*:}" $unit
done
cat /proc/uptime
"""


def main() -> None:
    """Boot the guest, ask it for its times, and delete it."""
    lab = {"name": f"phases{os.getpid()}", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}
    plan = resolve(from_data(lab, "phases"), "bench", "libvirt")
    copy, backend = Copy(plan.lab, plan.student), open_backend("libvirt")
    assert isinstance(backend, Executes)  # noqa: S101  # for readers, and type checkers
    (lan,), (pc,) = plan.networks, plan.machines
    machine = ref_of(copy, "machine", pc.name)
    try:
        backend.create(copy, lan)
        begun = time.monotonic()
        backend.create(copy, pc)
        asked = ["sh", "-c", _ASK, "sh", *(f"{unit}:{name}" for unit, name in STAGES.values())]
        *times, uptime = backend.execute(machine, asked, timeout_s=60).stdout.split(b"\n")[:-1]
        kernel = time.monotonic() - begun - float(uptime.split()[0])
    finally:
        backend.delete(machine)
        backend.delete(ref_of(copy, "network", lan.name))
    print(json.dumps(phases(kernel, [int(each) / 1e6 for each in times])))


def phases(kernel: float, ends: list[float]) -> dict[str, float]:
    """Return the seconds of each phase.

    Args:
        kernel: Seconds from the start of the machine to that of its kernel.
        ends: When each of `STAGES` ended, in seconds of the kernel's clock.
    """
    each = [end - begun for begun, end in zip([0, *ends], ends, strict=False)]
    return {ALL: kernel + ends[-1], FIRMWARE: kernel, **dict(zip(STAGES, each, strict=True))}


if __name__ == "__main__":
    main()
