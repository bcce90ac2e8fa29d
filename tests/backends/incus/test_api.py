"""What is asked again of an Incus that has come back, against a socket that says what one says.

The words are those of a real cluster whose member had just started; when it says them can't be had
at will.
"""

import json
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from threading import Thread

import pytest

from labiac.backends.incus import api

STARTING = "Server isn't ready yet"


class Said(BaseHTTPRequestHandler):
    """What a member of two answers: it is ready at the third question about an instance."""

    def do_GET(self):
        self.server.asked.append(self.path)
        of_instance = self.path == "/1.0/instances/pc1"
        if of_instance and len(self.server.asked) < self.server.ready_after:
            self.say(503, {"type": "error", "error": STARTING, "error_code": 503})
        else:
            self.say(200, {"type": "sync", "metadata": self.metadata()})

    def metadata(self):
        if self.path == "/1.0":
            return {"environment": {"server_clustered": True}}
        if self.path.startswith("/1.0/cluster/members"):
            other = {"server_name": "two", "status": self.server.other, "url": "https://two:8443"}
            return [{"server_name": "one", "status": "Online", "url": "https://one:8443"}, other]
        if self.path.startswith("/1.0/instances?"):
            return []
        return {"name": "pc1"}

    def say(self, status, what):
        content = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self):
        return "somebody"

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture
def member(monkeypatch, tmp_path):
    """Yield a server in place of Incus: ``other`` is what the other member is to it."""
    monkeypatch.setenv(api.SOCKET, str(tmp_path / "incus"))
    monkeypatch.setattr(api, "_REST_S", 0.01)
    with ThreadingUnixStreamServer(str(tmp_path / "incus"), Said) as server:
        server.asked, server.other, server.ready_after = [], "Online", 8
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_member_that_has_come_back_is_asked_again_until_it_is_ready(member):
    assert api.get("/1.0/instances/pc1") == {"name": "pc1"}
    assert member.asked.count("/1.0/instances/pc1") > 1


def test_a_member_that_is_lost_is_told_at_once(member):
    member.other, member.ready_after = "Offline", 1000
    with pytest.raises(api.RefusedError, match="member two does not answer"):
        api.get("/1.0/instances/pc1")
    assert member.asked.count("/1.0/instances/pc1") == 1


def test_an_incus_that_never_gets_ready_is_told_in_time(member, monkeypatch):
    monkeypatch.setattr(api, "_STARTS_S", 0.05)
    member.ready_after = 1000
    with pytest.raises(api.RefusedError, match=STARTING):
        api.get("/1.0/instances/pc1")
