"""Labs of guests that boot, for the tests that take minutes."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.libvirt.connection import connect
from labiac.backends.libvirt.storage import POOL
from labiac.plan.model import Machine
from labiac.plan.resolve import resolve
from labiac.reach.matrix import pings
from labiac.schema.load import from_data

TRIES = 2
"""So often a busy guest is asked."""

ONE_LAN = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}


class Lab:
    """One copy of a lab on libvirt, with a name of its own."""

    def __init__(self, description, student="ana"):
        name = f"vt{secrets.token_hex(4)}"
        self.backend = open_backend("libvirt")
        self.copy = Copy(name, student)
        self.plan = self.planned(description)

    def planned(self, description):
        """Return what this copy shall be by another description."""
        lab = from_data({"name": self.copy.lab, **description}, "test")
        return resolve(lab, self.copy.student, "libvirt")

    def networks_up(self):
        for network in self.plan.networks:
            self.backend.create(self.copy, network)

    def up(self):
        self.networks_up()
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(self.backend.create, self.copy), self.plan.machines))

    def down(self):
        for item in (*self.plan.machines, *self.plan.networks):
            self.backend.delete(self.ref(item))

    def ref(self, item):
        kind = "machine" if isinstance(item, Machine) else "network"
        return ref_of(self.copy, kind, item.name)

    def read(self, item):
        return self.backend.read(self.ref(item))

    def update(self, was, now):
        return self.backend.update(self.ref(was), was, now)

    def answers(self, source, target):
        asked = pings(self.plan, all_nodes=True)[source, target]
        own = [Ping(source, ping.address) for ping in asked]
        return any(
            all(self.backend.measure(self.copy, own, timeout_s=5, settle=False))
            for _ in range(TRIES)
        )

    def says(self, name, *argv):
        ref = self.ref(self.plan.machine(name))
        return self.backend.execute(ref, argv, timeout_s=60)

    def must(self, name, *argv):
        """Return what a command says, which must succeed."""
        ran = self.says(name, *argv)
        assert ran.status == 0, (argv, ran.stderr.decode())
        return ran.stdout.decode()

    def boot(self, name):
        """Return which boot of the guest this is."""
        return self.says(name, "cat", "/proc/sys/kernel/random/boot_id").stdout

    def domain(self, name):
        return connect().lookupByName(self.plan.machine(name).host_name)


def left(lab):
    """Return all that the host has under the names of *lab*."""
    found = [each.name() for each in connect().listAllDomains()]
    found += [each.name() for each in connect().listAllNetworks()]
    found += connect().storagePoolLookupByName(POOL).listVolumes()
    return [name for name in found if name.startswith(lab.plan.lab)]
