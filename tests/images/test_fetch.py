import hashlib
from dataclasses import replace

import pytest

from labiac.errors import LabError, UsageError
from labiac.host.progress import Progress
from labiac.images import store
from labiac.images.catalogue import Entry, entries, entry, pull
from labiac.images.fetch import download, published

BYTES = bytes(range(256)) * 4096


def sha512(content):
    return hashlib.sha512(content).hexdigest()


def fetch(publisher, file, digest=None):
    publisher.files["/image"] = BYTES
    with Progress("downloading") as progress:
        download(f"{publisher.url}/image", file, digest or sha512(BYTES), progress)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_arrives_whole_whether_the_server_knows_ranges_or_not(publisher, tmp_path, ranges):
    publisher.ranges = ranges
    fetch(publisher, tmp_path / "image")

    assert (tmp_path / "image").read_bytes() == BYTES


def test_a_download_goes_on_where_an_earlier_one_stopped(publisher, tmp_path):
    (tmp_path / "image").write_bytes(BYTES[:1000])
    fetch(publisher, tmp_path / "image")

    assert publisher.asked == [("/image", "bytes=1000-")]
    assert (tmp_path / "image").read_bytes() == BYTES


def test_a_download_that_is_already_whole_is_only_verified(publisher, tmp_path):
    (tmp_path / "image").write_bytes(BYTES)
    fetch(publisher, tmp_path / "image")

    assert publisher.asked == [("/image", f"bytes={len(BYTES)}-")]


def test_a_connection_that_breaks_is_taken_up_again_as_often_as_it_brings_something(
    publisher, tmp_path
):
    publisher.patience = len(BYTES) // 9
    fetch(publisher, tmp_path / "image")

    assert len(publisher.asked) == 10
    assert (tmp_path / "image").read_bytes() == BYTES


def test_a_server_that_brings_nothing_is_given_up_and_what_is_here_kept(publisher, tmp_path):
    (tmp_path / "image").write_bytes(BYTES[:1000])
    publisher.patience = 0

    with pytest.raises(LabError, match="ended after") as caught:
        fetch(publisher, tmp_path / "image")
    assert "it goes on" in caught.value.fix
    assert (tmp_path / "image").stat().st_size == 1000


def test_what_is_not_what_the_publisher_says_is_thrown_away(publisher, tmp_path):
    with pytest.raises(LabError, match="checksum"):
        fetch(publisher, tmp_path / "image", sha512(b"something else"))
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize(
    "text",
    [
        f"{'a' * 64}  other.qcow2\n{'B' * 64}  image.qcow2\n",
        f"{'a' * 64} *other.qcow2\n{'b' * 64} *image.qcow2\n",
        f"{'b' * 64}\n",
    ],
)
def test_the_digest_is_found_in_each_of_the_lists_that_publishers_have(publisher, text):
    publisher.files["/sums"] = text.encode()

    assert published(f"{publisher.url}/sums", "image.qcow2") == "b" * 64


@pytest.mark.parametrize("text", ["", f"{'a' * 64}  other.qcow2\n", "<html>not found</html>\n"])
def test_a_list_that_lacks_the_file_is_no_reason_to_trust_it(publisher, text):
    publisher.files["/sums"] = text.encode()

    with pytest.raises(LabError, match=r"has no checksum of image\.qcow2"):
        published(f"{publisher.url}/sums", "image.qcow2")


def test_a_publisher_out_of_reach_is_said_with_the_remedy(publisher):
    with pytest.raises(LabError, match="Not Found") as caught:
        published(f"{publisher.url}/nothing", "image.qcow2")
    assert "https_proxy" in caught.value.fix


@pytest.fixture
def offered(publisher, disk_file, store_folder) -> Entry:
    """An entry of a catalogue, whose publisher is on loopback."""
    del store_folder
    content = disk_file("v1.qcow2", text="version 1").read_bytes()
    publisher.files |= {"/v.qcow2": content, "/SUMS": f"{sha512(content)}  v.qcow2\n".encode()}
    url = publisher.url
    return Entry("v", "a test", ("bios",), "free", f"{url}/v.qcow2", f"{url}/SUMS")


def test_an_image_is_pulled_once_for_each_version_of_its_publisher(publisher, offered, disk_file):
    first = pull(offered)
    assert pull(offered) == first
    assert [path for path, _ in publisher.asked] == ["/SUMS", "/v.qcow2", "/SUMS"]

    newer = disk_file("v2.qcow2", text="version 2").read_bytes()
    publisher.files |= {"/v.qcow2": newer, "/SUMS": f"{sha512(newer)}  v.qcow2\n".encode()}
    assert pull(offered).sha256 != first.sha256
    assert len(store.images()) == 1


def test_a_pull_leaves_nothing_beside_the_image(offered, store_folder):
    image = pull(offered)

    names = {file.name for file in store_folder.iterdir()}
    assert names == {f"{image.sha256}.qcow2", "v.json", "lock"}


def test_what_is_built_is_not_pulled(offered):
    with pytest.raises(UsageError) as caught:
        pull(replace(offered, url=""))
    assert caught.value.fix == "labiac image build"


def test_every_image_of_the_catalogue_is_one_that_can_be_verified():
    assert entry("debian").url == ""
    for each in entries():
        assert each.licence
        assert set(each.firmware) <= {"bios", "uefi"}
        assert each.url.startswith("https://") == each.checksums.startswith("https://")
        assert each.url or each.name == "debian"


def test_a_name_that_the_catalogue_lacks_is_answered_with_those_it_has():
    with pytest.raises(UsageError, match="not in the catalogue") as caught:
        entry("windows")
    assert "debian-13" in caught.value.fix
