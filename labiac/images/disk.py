"""A tree of files becomes a disk that boots under BIOS and UEFI, without loop devices or mounts.

Every tool writes its part at the right place of one sparse file. The partitions, in MiB::

    1   GRUB's core, for the BIOS
    2   EFI System Partition: Debian's signed shim and GRUB, where removable disks have them
    18  root (ext4), up to the end: it grows with the disk
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECTOR = 512
MIB = 2**20

CORE_MIB, ESP_MIB, ROOT_MIB = 1, 2, 18
"""Where the partitions begin."""

SIZE_MIB = 2048
"""The whole disk; a copy may be larger, never smaller."""

BOOT = "boot/labiac"
"""Folder of the tree in which the recipe leaves what boots."""

TABLE = f"""\
label: gpt
start={CORE_MIB}MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649
start={ESP_MIB}MiB, size={ROOT_MIB - ESP_MIB}MiB, type=U
start={ROOT_MIB}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
"""
"""For sfdisk: BIOS boot partition, EFI System Partition, root partition of x86-64."""

NEEDS = {
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
    "qemu-img": "qemu-utils",
}
"""Programs that write a disk, and the Debian package of each."""


class Run(Protocol):
    """Runs an argv to its end, on the file *stdin* if any, or raises."""

    def __call__(self, argv: Sequence[str], *, stdin: Path = ...) -> None:
        """Run *argv*."""


def write(tree: Path, disk: Path, run: Run, *, as_root: Sequence[str]) -> None:
    """Make the qcow2 file *disk* of *tree*; a raw file beside it comes and goes.

    Args:
        tree: The files, made by the recipe.
        disk: What to write.
        run: Runs each program.
        as_root: What an argv begins with to see the owners of the files as they are.
    """
    raw, table = disk.with_suffix(".raw"), disk.with_suffix(".table")
    table.write_text(TABLE)
    with raw.open("wb") as file:
        file.truncate(SIZE_MIB * MIB)
    run(["sfdisk", "--quiet", "--lock=no", str(raw)], stdin=table)
    _root(tree, raw, run, as_root)
    _esp(tree / BOOT, raw, run)
    with raw.open("r+b") as file:
        for offset, code in bios(
            (tree / BOOT / "boot.img").read_bytes(), (tree / BOOT / "core.img").read_bytes()
        ):
            file.seek(offset)
            file.write(code)
    options = ["-c", "-o", "compression_type=zstd"]
    run(["qemu-img", "convert", "-O", "qcow2", *options, str(raw), str(disk)])
    raw.unlink()
    table.unlink()


def bios(boot: bytes, core: bytes) -> list[tuple[int, bytes]]:
    """Return what goes where on the disk for a BIOS to find GRUB: offset in bytes, and the code.

    It is what grub-bios-setup writes. The first sector of the core loads the others; both it and
    the boot sector are told where those are.

    Args:
        boot: GRUB's ``boot.img``; its last bytes, the old partition table, are not for us.
        core: GRUB's ``core.img``.
    """
    first = CORE_MIB * MIB // SECTOR
    sectors = -(-len(core) // SECTOR)
    loader = bytearray(boot[:440])
    struct.pack_into("<Q", loader, 0x5C, first)
    loader[0x66:0x68] = b"\x90\x90"  # the drive is the one the BIOS names
    loaded = bytearray(core.ljust(sectors * SECTOR, b"\0"))
    struct.pack_into("<QHH", loaded, SECTOR - 12, first + 1, sectors - 1, 0x820)
    return [(0, bytes(loader)), (CORE_MIB * MIB, bytes(loaded))]


def _root(tree: Path, raw: Path, run: Run, as_root: Sequence[str]) -> None:
    """Write the root filesystem; the last MiB of the disk is the table's second copy."""
    options = f"offset={ROOT_MIB * MIB},lazy_itable_init=0,root_owner=0:0"
    # fmt: off
    argv = [
        *as_root, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "labiac", "-d", str(tree),
        "-J", "size=16", "-E", options, str(raw), f"{SIZE_MIB - ROOT_MIB - 1}M",
    ]
    # fmt: on
    run(argv)


def _esp(boot: Path, raw: Path, run: Run) -> None:
    start, size_kib = ESP_MIB * MIB, (ROOT_MIB - ESP_MIB) * 1024
    # fmt: off
    offset = str(start // SECTOR)
    run(["mkfs.vfat", "-F", "16", "-n", "ESP", "--offset", offset, str(raw), str(size_kib)])
    image = ["-i", f"{raw}@@{start}"]
    run(["mmd", *image, "::EFI", "::EFI/BOOT", "::EFI/debian"])
    run(["mcopy", *image, str(boot / "shimx64.efi.signed"), "::EFI/BOOT/BOOTX64.EFI"])
    run(["mcopy", *image, str(boot / "grubx64.efi.signed"), "::EFI/BOOT/grubx64.efi"])
    run(["mcopy", *image, str(boot / "early.cfg"), "::EFI/debian/grub.cfg"])
    # fmt: on
