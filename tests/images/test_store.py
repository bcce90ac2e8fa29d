import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.errors import LabError, UsageError
from labiac.images import store

KILLED = """
import os, signal
from labiac.images import store
with store.workplace() as work:
    (work / "half.qcow2").write_text("half")
    print(work, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def form_of(file: Path) -> str:
    said = subprocess.run(
        ["qemu-img", "info", "--output=json", str(file)], capture_output=True, check=True
    )
    return json.loads(said.stdout)["format"]


def taken(name, file, **options):
    return store.take(name, file, origin="a test", key="k", **options)


@pytest.mark.usefixtures("store_folder")
def test_a_store_that_nobody_has_used_is_empty():
    assert store.images() == ()


@pytest.mark.usefixtures("store_folder")
@pytest.mark.parametrize("form", ["qcow2", "raw", "vdi", "vmdk", "vhdx"])
def test_an_image_of_any_format_becomes_a_qcow2_with_the_same_content(disk_file, form):
    image = taken("lab", disk_file("a.img", form, "hello"))

    assert form_of(store.file_of(image)) == "qcow2"
    assert image.disk >= 2**20
    assert store.images() == (image,)


@pytest.mark.usefixtures("store_folder")
@pytest.mark.parametrize("form", ["vdi", "vhdx"])
def test_an_image_is_converted_once_for_each_hypervisor(disk_file, form):
    image = taken("lab", disk_file("a.img", text="hello"))
    file = store.file_of(image, form)
    made = file.stat().st_mtime_ns

    assert form_of(file) == form
    assert store.file_of(image, form).stat().st_mtime_ns == made


def test_a_file_that_is_taken_is_gone_unless_it_is_to_stay(store_folder, disk_file):
    mine, yours = disk_file("mine.qcow2", text="mine"), disk_file("yours.qcow2", text="yours")
    taken("mine", mine)
    taken("yours", yours, keep_file=True)

    assert not mine.exists()
    assert yours.exists()
    assert {each.name for each in store_folder.glob("partial-*")} == set()


def test_two_names_share_one_content_which_stays_until_both_are_gone(store_folder, disk_file):
    file = disk_file("a.qcow2", text="hello")
    taken("one", file, keep_file=True)
    taken("two", file)

    assert len(list(store_folder.glob("*.qcow2"))) == 1
    assert store.remove("one") == 0
    assert store.file_of(store.image("two")).exists()
    assert store.remove("two") > 0
    assert not list(store_folder.glob("*.qcow2"))


def test_a_newer_image_of_a_name_takes_the_place_of_the_older(store_folder, disk_file):
    taken("lab", disk_file("a.qcow2", text="old"))
    new = taken("lab", disk_file("b.qcow2", text="new"))

    assert store.images() == (new,)
    assert [file.stem for file in store_folder.glob("*.qcow2")] == [new.sha256]


def test_a_base_that_a_backend_has_linked_survives_the_removal_and_frees_nothing(
    tmp_path, store_folder, disk_file
):
    file = store.file_of(taken("lab", disk_file("a.qcow2", text="hello")))
    link = tmp_path / "pool.qcow2"
    link.hardlink_to(file)

    assert store.remove("lab") == 0
    assert link.exists()
    assert not list(store_folder.glob("*.qcow2"))


@pytest.mark.usefixtures("store_folder")
def test_an_image_that_refers_to_another_file_is_refused_with_the_way_out(tmp_path, disk_file):
    base, overlay = disk_file("base.qcow2"), tmp_path / "overlay.qcow2"
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2"]
    subprocess.run([*argv, str(overlay)], check=True)

    with pytest.raises(LabError, match="refers to") as caught:
        taken("lab", overlay)
    assert "qemu-img convert" in caught.value.fix
    assert overlay.exists()


@pytest.mark.usefixtures("store_folder")
def test_an_image_that_is_not_here_is_named_with_those_that_are(disk_file):
    taken("lab", disk_file("a.qcow2"))

    with pytest.raises(UsageError, match=r"not on this machine \(lab\)"):
        store.image("other")


def test_what_a_killed_labiac_left_half_done_is_swept_away_by_the_next(store_folder):
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False, env=os.environ
    )
    left = Path(ended.stdout.strip())
    assert ended.returncode == -signal.SIGKILL
    assert (left / "half.qcow2").exists()
    assert store.images() == ()

    with store.workplace():
        assert not left.exists()
    assert list(store_folder.glob("partial-*")) == []


def test_a_note_without_its_content_is_no_image(store_folder, disk_file):
    image = taken("lab", disk_file("a.qcow2"))
    store.file_of(image).unlink()

    assert store.images() == ()
    assert (store_folder / "lab.json").exists()
