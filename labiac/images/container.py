"""A disk image becomes a container's: its files without a kernel, and what makes Incus know them.

Nothing is mounted, and no program of the image runs.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labiac.errors import LabError
from labiac.host.progress import Progress
from labiac.images import store
from labiac.images.tools import as_root, need, run

if TYPE_CHECKING:
    from labiac.images.store import Image

ADDED: Final = Path(__file__).with_name("container")
"""What comes on top of the files, and beside them: metadata, templates, a few units."""

LEFT_OUT: Final = ("boot", "usr/lib/modules", "lost+found", "vmlinuz", "initrd.img")

MASKED: Final = ("serial-getty@ttyS0.service", "systemd-growfs-root.service")
"""Units for hardware that no container has."""

NEEDS: Final = {
    "qemu-img": "qemu-utils",
    "sfdisk": "fdisk",
    "debugfs": "e2fsprogs",
    "tar": "tar",
    "unshare": "util-linux",
}

_LINUX: Final = {
    "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
}
"""Partition types of a Linux filesystem, and of the root of x86-64."""


def archive(image: Image) -> Path:
    """Return a new file with *image* as Incus imports it: one tar, which the caller removes.

    Raises:
        LabError: a program is missing, or the image has no root filesystem that is ext4.
    """
    need(NEEDS, f"image {image.name}")
    where = f"image {image.name}"
    made = store.folder() / f"{image.sha256}.container.tar"
    with store.workplace() as work, Progress(f"making a container's image of {image.name}"):
        raw, top = work / "disk.raw", work / "top"
        shutil.copytree(ADDED, top)
        for path in (top, *top.rglob("*")):  # as in the container, whatever the umask was here
            path.chmod(0o755 if path.is_dir() or path.read_bytes().startswith(b"#!") else 0o644)
        argv = ["qemu-img", "convert", "-O", "raw", str(store.file_of(image)), str(raw)]
        run(argv, where)
        files = top / "rootfs"
        offset = _root(raw, where)
        tree = work / "tree"
        tree.mkdir()
        run([*as_root(), "debugfs", "-R", f"rdump / {tree}", f"{raw}?offset={offset}"], where)
        units = tree / "etc/systemd/system"
        for unit in MASKED:
            run([*as_root(), "ln", "-sf", "/dev/null", str(units / unit)], where)
        run([*as_root(), "cp", "-RT", str(files), str(tree)], where)
        left_out = [f"--exclude=./{each}" for each in LEFT_OUT]
        pack = [*as_root(), "tar", "--numeric-owner", "--create", f"--file={work / 'all.tar'}"]
        rename = "--transform=s,^\\./,rootfs/,S"
        run([*pack, *left_out, rename, f"--directory={tree}", "."], where)
        beside = [f"--directory={top}", "metadata.yaml", "templates"]
        run(["tar", "--append", f"--file={work / 'all.tar'}", *beside], where)
        (work / "all.tar").replace(made)
    return made


def _root(raw: Path, where: str) -> int:
    """Return where the root filesystem begins in the disk *raw*, in bytes."""
    table = json.loads(run(["sfdisk", "--json", str(raw)], where))["partitiontable"]
    for part in table["partitions"]:
        if part["type"] in _LINUX:
            return int(part["start"]) * int(table.get("sectorsize", 512))
    raise LabError(where, "has no partition with a Linux filesystem", fix="use another image")
