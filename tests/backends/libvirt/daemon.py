"""A libvirtd of a test's own, and guests that have nothing to boot: what is tested is our part."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from labiac.backends.libvirt import boot, guest, storage
from labiac.backends.libvirt.connection import URI, connect
from labiac.images import store

TOOL = Path(__file__).parents[3] / "tools" / "libvirtd.py"


class Daemon:
    """A libvirtd in *folder*, which nobody else uses."""

    def __init__(self, folder):
        self.folder = folder
        self.uri = self._tool("up").strip()

    def close(self):
        self._tool("down")

    def kill(self):
        """Kill it; as under systemd, it is started again a second later."""
        (daemon,) = (pid for pid in _children(self.first()) if _name(pid) == "libvirtd")
        os.kill(daemon, signal.SIGKILL)

    def run(self, *argv, where="--net"):
        """Run *argv* among its bridges, or where its disks are, and return what it says."""
        entered = ["nsenter", "--target", str(self.first()), where, *argv]
        return subprocess.run(entered, check=True, capture_output=True, text=True).stdout

    @contextmanager
    def full_disk(self):
        """Let the disk of the storage pool be full meanwhile."""
        folder = storage.path(storage.pool(connect()))
        self.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder, where="--mount")
        storage.pool(connect()).refresh()
        try:
            yield
        finally:
            self.run("umount", folder, where="--mount")
            storage.pool(connect()).refresh()

    def first(self):
        """Return the number of the first process in its namespaces."""
        return _children(int((self.folder / "pid").read_text()))[0]

    def _tool(self, verb):
        environment = {**os.environ, "LABIAC_LIBVIRTD": str(self.folder)}
        argv = [sys.executable, TOOL, verb]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
        return done.stdout


def nothing_to_boot(monkeypatch, folder, uri):
    """Use the libvirt at *uri*, with an empty disk as the image, and ask no guest."""
    monkeypatch.setenv(URI, uri)
    monkeypatch.setenv("LABIAC_LIBVIRT_ACCEL", "tcg")
    monkeypatch.setenv("LABIAC_HOME", str(folder))
    disk = folder / "empty.qcow2"
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"]
    subprocess.run(argv, check=True)
    store.take("debian", disk, origin="nowhere", key="none")
    monkeypatch.setattr(boot, "wait", lambda *_, **__: None)
    monkeypatch.setattr(boot, "_SHUTDOWN_S", 0)  # nobody in there listens
    monkeypatch.setattr(guest, "look", lambda _domain, planned: planned)


def everything():
    """Return the names of all that the libvirt in use has."""
    there = connect()
    pools = there.listAllStoragePools()
    objects = (*there.listAllDomains(), *there.listAllNetworks(), *pools)
    volumes = [name for pool in pools if pool.isActive() for name in pool.listVolumes()]
    return sorted([*(each.name() for each in objects), *volumes])


def _children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _name(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()
