from __future__ import annotations

import hashlib
import http.server
import io
import multiprocessing
import os
import signal
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from labiac.fleet import install
from labiac.fleet.install import InstallError, download

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "3.0.0" / "bin"


def fill(folder: Path) -> None:
    (folder / "pulumi").write_text("a program")


def fail(folder: Path) -> None:
    fill(folder)
    raise InstallError("out of reach")


def fill_slowly(folder: Path) -> None:
    fill(folder)
    time.sleep(60)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_what_a_source_fills_takes_its_place_at_the_end(target):
    install.install(target, fill)
    assert (target / "pulumi").read_text() == "a program"
    assert left(target) == ["bin", "lock"]


def test_a_source_that_fails_leaves_nothing(target):
    with pytest.raises(InstallError, match="out of reach"):
        install.install(target, fail)
    assert left(target) == ["lock"]


def test_killed_half_way_it_leaves_nothing_that_the_next_one_trips_over(target):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=install.install, args=(target, fill_slowly))
    process.start()
    deadline = time.monotonic() + 60
    while not list(target.parent.glob("partial-*/pulumi")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not target.exists()
    install.install(target, fill)
    assert left(target) == ["bin", "lock"]


def test_of_many_at_once_one_does_the_work(target):
    done = []

    def count(folder: Path) -> None:
        done.append(folder)
        time.sleep(0.1)
        fill(folder)

    threads = [threading.Thread(target=install.install, args=(target, count)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        link = tarfile.TarInfo("pulumi/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return buffer.getvalue()


@pytest.fixture
def releases(monkeypatch):
    """A release server; what it serves is for the test to say."""
    served = {"body": b"", "asked": [], "listed": None}

    def answer(path: str) -> bytes:
        if not path.endswith("-checksums.txt"):
            return served["body"]
        listed = served["listed"] or hashlib.sha256(served["body"]).hexdigest()
        systems = ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64")
        names = (f"pulumi-v{install.VERSION}-{each}.tar.gz" for each in systems)
        return "".join(f"{listed}  {name}\n" for name in names).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served["asked"].append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer(self.path))

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(install, "RELEASES", f"http://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_official_release_is_unpacked_flat_and_executable(releases, tmp_path):
    releases["body"] = archive("pulumi/pulumi", "pulumi/pulumi-language-python")
    download(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pulumi", "pulumi-language-python"]
    assert os.access(tmp_path / "pulumi", os.X_OK)
    assert releases["asked"][-1].startswith(f"/pulumi-v{install.VERSION}-linux-")


def test_an_archive_that_is_not_the_one_listed_is_refused_and_leaves_nothing(releases, target):
    releases["body"] = archive("pulumi/pulumi")
    releases["listed"] = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(InstallError, match=f"its SHA-256 is .*, not {releases['listed']}"):
        install.install(target, download)
    assert left(target) == ["lock"]


def test_without_a_checksum_nothing_is_downloaded(releases, tmp_path, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(install, "_opened", lambda _url: io.BytesIO(b"<html>sign in</html>"))
    with pytest.raises(InstallError, match=r"lists no pulumi-v.*-darwin-x64\.tar\.gz"):
        download(tmp_path)
    assert releases["asked"] == []


def test_an_archive_writes_nowhere_else(releases, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    releases["body"] = archive("../../outside", "/absolute")
    download(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["absolute", "bin", "outside"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>sign in</html>", archive("pulumi/pulumi")[:60]],
    ids=["nothing", "a page", "the beginning"],  # an archive has the time of day in it
)
def test_what_is_no_whole_archive_is_no_release(body, releases, tmp_path):
    releases["body"] = body
    with pytest.raises(InstallError, match="official release"):
        download(tmp_path)


def test_a_machine_without_a_release_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(InstallError, match="none for linux on riscv64"):
        download(tmp_path)
