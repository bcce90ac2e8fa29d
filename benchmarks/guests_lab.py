"""The practical as six virtual machines: by labiac, and by the scripts that a person would write.

    python benchmarks/guests_lab.py TOOL empty|debian

TOOL is one of those at the end. All make the same guests of the same XML; the scripts get the base
image and the seeds for nothing. With the image `empty` there is nothing to boot; with `debian` each
waits until all guests are ready. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from booted import READY, Labiac, Tool, side_by_side

from labiac.backends.libvirt import agent, boot, domain, guest, network
from labiac.backends.libvirt.accelerator import accelerator
from labiac.backends.libvirt.chosen import screen
from labiac.backends.libvirt.connection import connect, uri
from labiac.backends.mark import Mark
from labiac.backends.seed import iso
from labiac.images import store
from labiac.plan.resolve import plan_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labiac.plan.model import Machine

POLL_S = 1


class Script(Tool):
    """A script: with libvirt-python, one guest after the other.

    Args:
        folder: Where it may keep files that libvirt's guests read.
        base: The image that all disks are made from.
    """

    at_once = 1

    def __init__(self, folder: Path, base: Path) -> None:
        super().__init__("libvirt")
        self.folder, self.base = folder, base
        for machine in self.plan.machines:
            (folder / f"{machine.name}.iso").write_bytes(iso(machine.seed))

    def up(self) -> None:
        """Start the networks, then the guests."""
        for lan in self.plan.networks:
            self.start_network(network.network(lan, Mark(self.copy, lan, whole=True)))
        side_by_side(self.at_once, self._start, self.plan.machines)

    def down(self) -> None:
        """End guests and networks, and delete the guests' files."""
        side_by_side(self.at_once, self._end, self.plan.machines)
        for lan in self.plan.networks:
            self.end_network(lan.host_name)

    def _start(self, machine: Machine) -> None:
        disk = f"{self.folder}/{machine.name}.qcow2"
        form = ["-f", "qcow2", "-F", "qcow2", "-b", str(self.base)]
        _run("qemu-img", "create", "-q", *form, disk, f"{machine.disk_gib}G")
        seed, console = (f"{self.folder}/{machine.name}.{end}" for end in ("iso", "console"))
        host = domain.Host(accelerator(connect()), disk, seed, console, screen())
        self.start_guest(domain.domain(machine, Mark(self.copy, machine, whole=True), host))

    def _end(self, machine: Machine) -> None:
        self.end_guest(machine.host_name)
        for file in self.folder.glob(f"{machine.name}.*"):
            file.unlink()

    def start_network(self, xml: str) -> None:
        """Define and start one."""
        connect().networkDefineXML(xml).create()

    def end_network(self, name: str) -> None:
        """Stop and undefine one."""
        there = connect().networkLookupByName(name)
        there.destroy()
        there.undefine()

    def start_guest(self, xml: str) -> None:
        """Define and start one."""
        connect().defineXML(xml).create()

    def end_guest(self, name: str) -> None:
        """Stop and undefine one."""
        there = connect().lookupByName(name)
        there.destroy()
        there.undefine()


class Threads(Script):
    """The same, with a thread for each guest."""

    at_once = 6


class Virsh(Script):
    """A script with virsh, one command after the other."""

    def start_network(self, xml: str) -> None:
        """Define and start one."""
        self._define("net-", xml)

    def end_network(self, name: str) -> None:
        """Stop and undefine one."""
        self._end_it("net-", name)

    def start_guest(self, xml: str) -> None:
        """Define and start one."""
        self._define("", xml)

    def end_guest(self, name: str) -> None:
        """Stop and undefine one."""
        self._end_it("", name)

    def _define(self, kind: str, xml: str) -> None:
        file = self.folder / "object.xml"
        file.write_text(xml)
        _virsh(f"{kind}define", str(file))
        name = xml.partition("<name>")[2].partition("</name>")[0]
        _virsh(f"{kind}start", name)

    def _end_it(self, kind: str, name: str) -> None:
        _virsh(f"{kind}destroy", name)
        _virsh(f"{kind}undefine", name)


def _virsh(*words: str) -> None:
    _run("virsh", "--connect", uri(), *words)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def ready(tool: Tool) -> bool:
    """Return whether each guest has done all that its seed says."""
    found = (connect().lookupByName(machine.host_name) for machine in tool.plan.machines)
    return all(_has_result(each) for each in found)


def _has_result(guest: Any) -> bool:
    from libvirt import libvirtError

    try:
        return bool(agent.read(guest, READY))
    except libvirtError:
        return False


def memory_mib(student: str) -> float:
    """Return what QEMU takes of this host for each guest; pages that they share are shared out."""
    plan = plan_file("three-lans", student, "libvirt")
    names = {f"guest={machine.host_name}," for machine in plan.machines}
    sizes = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            argv = (process / "cmdline").read_bytes().decode().split("\0")
            if any(word.startswith(name) for word in argv for name in names):
                pss = (process / "smaps_rollup").read_text().partition("\nPss:")[2].split()[0]
                sizes.append(int(pss) / 1024)
    if len(sizes) != len(names):
        raise RuntimeError(f"{len(sizes)} of {len(names)} guests run on this host")
    return sum(sizes) / len(sizes)


@contextmanager
def base_image(kind: str) -> Iterator[tuple[Path, Path]]:
    """Yield a folder that libvirt's guests may read, and in it the base image."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # disks are large
        folder = Path(name)
        folder.chmod(0o755)
        base = folder / "base.qcow2"
        if kind == "debian":
            shutil.copyfile(store.file_of(store.image("debian")), base)
        else:
            _run("qemu-img", "create", "-q", "-f", "qcow2", str(base), "1M")
            os.environ["LABIAC_HOME"] = str(folder / "labiac")
            store.take("debian", base, origin="nowhere", key="none", keep_file=True)
            boot.wait = lambda *_, **__: None
            guest.look = lambda _domain, planned: planned  # there is nobody to ask
        yield folder, base


def main() -> None:
    """Make them with the tool named, end them, and say what it took."""
    kind = TOOLS[sys.argv[1]]
    with base_image(sys.argv[2]) as (folder, base):
        tool = kind(folder, base)
        connect()
        begun = time.monotonic()
        took = {}
        try:
            tool.up()
            took["create_ms"] = 1000 * (time.monotonic() - begun)
            if sys.argv[2] == "debian":
                while not ready(tool):
                    time.sleep(POLL_S)
                took["ready_s"] = time.monotonic() - begun
            took["memory_mib"] = memory_mib(tool.copy.student)
        finally:
            begun = time.monotonic()
            tool.down()
            took["down_ms"] = 1000 * (time.monotonic() - begun)
    print(json.dumps(took))


TOOLS: dict[str, Callable[[Path, Path], Tool]] = {
    "labiac": lambda _folder, _base: Labiac("libvirt"),
    "script": Script,
    "threads": Threads,
    "virsh": Virsh,
}

if __name__ == "__main__":
    main()
