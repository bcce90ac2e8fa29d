"""``labiac image``: what there is, what came of it, and what is said when it can't be."""

import subprocess

import pytest


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "labiac"))


@pytest.fixture
def disk(tmp_path):
    """A disk image of 1 MiB."""
    file = tmp_path / "My Router.vmdk"
    argv = ["qemu-img", "create", "-q", "-f", "vmdk", str(file), "1M"]
    subprocess.run(argv, check=True)
    return str(file)


def test_the_list_has_the_catalogue_and_what_is_here(labiac, disk):
    labiac("image", "import", disk, "--name", "router")
    listed = {each["name"]: each for each in labiac("image", "list", "--json").json["images"]}

    assert listed["debian"]["here"] is None
    assert listed["debian-13"]["catalogue"]["licence"]
    assert listed["router"]["catalogue"] is None
    assert listed["router"]["here"]["disk"] == 2**20


def test_the_list_as_people_read_it(labiac, disk):
    labiac("image", "import", disk, "--name", "router")
    rows = labiac("image", "list").out.splitlines()

    assert any(row.split()[:2] == ["debian", "no"] for row in rows)
    assert any(row.split()[:5] == ["router", "0", "MB", "1", "MB"] for row in rows)


def test_an_imported_image_is_named_as_its_file_unless_the_user_says(labiac, disk):
    refused = labiac("image", "import", disk)

    assert refused.code == 2
    assert "--name" in refused.err
    assert labiac("image", "import", disk, "--name", "r1").code == 0


@pytest.mark.parametrize("name", ["../r1", ".r1", "R1", "a" * 64])
def test_a_name_that_is_no_file_name_everywhere_is_refused(labiac, disk, name):
    assert labiac("image", "import", disk, "--name", name).code == 2


def test_a_removed_image_is_gone_and_what_it_took_is_said(labiac, disk):
    labiac("image", "import", disk, "--name", "router")
    removed = labiac("image", "remove", "router", "--json")

    assert removed.json["image"] == "router"
    assert removed.json["freed"] > 0
    assert labiac("image", "remove", "router").code == 2


def test_a_file_that_is_not_there_is_wrong_usage_and_one_document_says_so(labiac):
    answer = labiac("image", "import", "nothing.qcow2", "--json")

    assert answer.code == 2
    assert answer.json["problems"][0]["problem"] == "no such file"


def test_the_lab_image_is_built_not_pulled(labiac):
    assert "labiac image build" in labiac("image", "pull", "debian").err
