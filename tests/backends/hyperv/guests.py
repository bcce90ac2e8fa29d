"""Guests of machines that a simulated host has: a namespace each, with a real SSH server."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager

from labiac.backends.hyperv import doors
from labiac.plan.management import NAME
from tests.backends.sshd import entered, served

PORT = 22
SWITCH = "switch"
"""What the host, and a LAN, are called by their bridges."""


class Guests:
    """Guests that are in one LAN, and meet the host in labiac's own switch.

    Args:
        bench: Makes the namespaces.
        store: The simulated host.
        machines: As they are planned.
        folder: Where their servers have their files.
    """

    def __init__(self, bench, store, machines, folder):
        self.bench, self.machines, self.folder = bench, machines, folder
        names = [machine.name for machine in machines]
        bench.add("host", "lan", *names)
        for name in ("host", *names):
            bench.sysctl(name, "net.ipv6.conf.default.accept_dad", 0)
        for name in ("host", "lan"):
            bench.ip(name, f"link add {SWITCH} type bridge")
            bench.ip(name, f"link set {SWITCH} up")
        for machine in machines:
            self._plug(machine)
        said = bench.run("-n", f"{bench.prefix}host", "-j", "link", "show", SWITCH)
        with store.open() as world:
            world.index = json.loads(said)[0]["ifindex"]

    def _plug(self, machine):
        """Give a guest its NICs, as its seed would."""
        (nic,), bench = machine.nics, self.bench
        bench.sysctl(machine.name, "net.ipv4.ip_forward", 0)
        for own, mac, to in ((NAME, machine.management.mac, "host"), (nic.name, nic.mac, "lan")):
            bench.cable(machine.name, own, to, machine.name)
            bench.ip(to, f"link set {machine.name} master {SWITCH}")
            bench.ip(machine.name, f"link set {own} down")
            bench.ip(machine.name, f"link set {own} address {mac} up")
        bench.ip(machine.name, f"address add {nic.addresses[0]} dev {nic.name}")

    @contextmanager
    def on(self, **result):
        """Let all answer as guests that read their seeds; yield what runs functions on the host."""
        with ExitStack() as stack:
            for machine in self.machines:
                folder, files = self.folder / machine.name, doors.seed(machine)
                how = {"address": "::", "hosts": machine.hosts, **result}
                server = served(self.bench, machine.name, folder, files, PORT, **how)
                stack.enter_context(server)
            yield stack.enter_context(entered(self.bench, "host"))
