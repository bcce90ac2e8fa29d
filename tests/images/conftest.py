"""A store of each test's own, small disks in it, and a server on loopback."""

from __future__ import annotations

import subprocess
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def store_folder(tmp_path, monkeypatch):
    """An empty store that is this test's own."""
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "labiac"))
    return tmp_path / "labiac" / "images"


@pytest.fixture
def disk_file(tmp_path):
    """Write a disk image of 1 MiB: ``disk_file("a.vdi", "vdi", "hello")`` has that text in it."""

    def write(name, form="qcow2", text=""):
        raw = tmp_path / "content.raw"
        raw.write_bytes(text.encode().ljust(2**20, b"\0"))
        file = tmp_path / name
        argv = ["qemu-img", "convert", "-f", "raw", "-O", form, str(raw), str(file)]
        subprocess.run(argv, check=True)
        raw.unlink()
        return file

    return write


class Publisher(BaseHTTPRequestHandler):
    """Serves a dict of files, with ranges; hangs up after `server.patience` bytes."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if server.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if server.ranges and "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + server.patience])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def publisher():
    """A web server on loopback: `files` by path, and `asked`, a list of paths and ranges."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    server.files, server.asked, server.ranges, server.patience = {}, [], True, 2**30
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
