"""What the lab image is made of; test_boot.py makes one and boots it."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.errors import LabError
from labiac.images import build, disk, store, tools

CORE = b"\xeb" * 1300


def test_the_boot_sector_names_the_sector_of_the_core_which_names_the_others():
    (at, loader), (core_at, core) = disk.bios(b"\x11" * 512, CORE)

    assert (at, len(loader)) == (0, 440)  # the partition table begins after that
    assert struct.unpack_from("<Q", loader, 0x5C) == (core_at // disk.SECTOR,)
    assert len(core) == 3 * disk.SECTOR
    first, sectors, segment = struct.unpack_from("<QHH", core, disk.SECTOR - 12)
    assert (first, sectors, segment) == (core_at // disk.SECTOR + 1, 2, 0x820)


def test_a_disk_of_any_tree_has_three_partitions_and_the_files_in_them(tmp_path):
    tree, made = tmp_path / "tree", tmp_path / "disk.qcow2"
    boot = tree / disk.BOOT
    boot.mkdir(parents=True)
    for name in ("shimx64.efi.signed", "grubx64.efi.signed", "early.cfg"):
        (boot / name).write_text(name)
    (boot / "boot.img").write_bytes(b"\x11" * 512)
    (boot / "core.img").write_bytes(CORE)

    def run(argv, *, stdin=Path(os.devnull)):
        tools.run(argv, "test", stdin=stdin)

    disk.write(tree, made, run, as_root=tools.as_root())
    raw = tmp_path / "disk.raw"
    run(["qemu-img", "convert", "-O", "raw", str(made), str(raw)])
    table = json.loads(tools.run(["sfdisk", "--json", str(raw)], "test"))["partitiontable"]
    esp = ["-i", f"{raw}@@{disk.ESP_MIB * disk.MIB}"]

    assert [part["start"] // 2048 for part in table["partitions"]] == [1, 2, 18]
    assert tools.run(["mtype", *esp, "::EFI/BOOT/BOOTX64.EFI"], "test") == "shimx64.efi.signed"
    assert tools.run(["mtype", *esp, "::EFI/debian/grub.cfg"], "test") == "early.cfg"
    assert raw.read_bytes()[disk.MIB : disk.MIB + 500] == CORE[:500]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["disk.qcow2", "disk.raw", "tree"]


def test_the_list_of_packages_is_read_without_what_it_says_to_people():
    assert {"cloud-init", "frr", "lz4", "qemu-guest-agent"} <= set(build.packages())
    assert not [name for name in build.packages() if " " in name or "#" in name]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of this test's own."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "packages").write_text("frr\n")
    monkeypatch.setattr(build, "RECIPE", folder)
    return folder


def test_a_recipe_has_the_same_key_until_a_word_of_it_changes(recipe):
    before = build.recipe_key()
    assert build.recipe_key() == before

    (recipe / "packages").write_text("frr\nbird2\n")
    assert build.recipe_key() != before


@pytest.mark.usefixtures("store_folder")
def test_an_image_that_is_here_as_the_recipe_has_it_is_not_made_again(disk_file, monkeypatch):
    made = store.take("debian", disk_file("a.qcow2"), origin="test", key=build.recipe_key())
    monkeypatch.setenv("PATH", "/nowhere")

    assert build.build() == made


@pytest.mark.usefixtures("store_folder")
def test_missing_programs_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(tools, "PATH", "/nowhere")

    with pytest.raises(LabError, match="mmdebstrap") as caught:
        build.build()
    assert "apt-get install" in caught.value.fix
    assert "mtools" in caught.value.fix


@pytest.mark.usefixtures("store_folder")
def test_a_mirror_that_is_none_is_said_in_the_words_of_mmdebstrap_and_leaves_nothing(
    recipe, tmp_path, store_folder
):
    (recipe / "customise").write_text("#!/bin/sh\n")

    with pytest.raises(LabError) as caught:
        build.build(f"file://{tmp_path}/no-mirror")
    assert "mmdebstrap" in str(caught.value)
    assert [file.name for file in store_folder.iterdir()] == ["lock"]


def test_apts_own_sources_say_where_the_mirror_is(tmp_path, monkeypatch):
    empty = tmp_path / "apt.conf"
    empty.write_text(f'Dir::State::Lists "{tmp_path}";\nDir::Etc "{tmp_path}";\n')
    monkeypatch.setenv("APT_CONFIG", str(empty))

    with pytest.raises(LabError, match="no Debian mirror") as caught:
        build.apt_mirror()
    assert "apt-get update" in caught.value.fix


SLOW_BUILD = """
import sys, threading, os, signal, time
from labiac.images import build, store
def kill():
    while not list(store.folder().glob("partial-*/tree/usr/bin/dpkg")):
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
build.build()
"""


@pytest.mark.slow
def test_a_build_that_is_killed_in_the_middle_leaves_no_image_and_the_next_sweeps_up(store_folder):
    ended = subprocess.run([sys.executable, "-c", SLOW_BUILD], capture_output=True, check=False)

    assert ended.returncode == -9
    assert store.images() == ()
    assert list(store_folder.glob("partial-*/tree"))
    with store.workplace():
        assert len(list(store_folder.glob("partial-*"))) == 1
    assert [file.name for file in store_folder.iterdir()] == ["lock"]
