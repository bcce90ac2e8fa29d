"""What comes to a port of the host reaches a guest's, and what that answers comes back."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from uuid import uuid4

import pytest

from labiac.backends.libvirt import background, lan_forwards
from labiac.errors import BackendError

HERE = "127.0.0.1"
SOON_S = 60
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def unused(protocol):
    with socket.socket(socket.AF_INET, KINDS[protocol]) as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


@contextmanager
def forwarded(protocol, guest_port):
    """Yield the port of this host that leads to *guest_port*."""
    uuid, port = uuid4(), unused(protocol)
    words = lan_forwards._MODULE, str(uuid), protocol, HERE, str(port), HERE, str(guest_port)
    background.start(*words, where="here", problem="it does not start", fix="")
    try:
        yield port
    finally:
        lan_forwards.end(uuid)
        assert background.found(*words[:2]) == {}


@pytest.fixture
def guest():
    """A guest's program, which says everything twice once it was told all of it."""
    with socket.create_server((HERE, 0)) as server:
        server.settimeout(SOON_S)

        def serve():
            connection, _ = server.accept()
            with connection:
                said = b"".join(iter(lambda: connection.recv(4096), b""))
                connection.sendall(2 * said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(SOON_S)


def test_a_connection_is_carried_both_ways_and_each_way_ends_by_itself(guest):
    said = os.urandom(1 << 20)
    with (
        forwarded("tcp", guest) as port,
        socket.create_connection((HERE, port), SOON_S) as client,
    ):
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == 2 * said


def test_a_guest_that_refuses_ends_the_connection():
    with (
        forwarded("tcp", unused("tcp")) as port,
        socket.create_connection((HERE, port), SOON_S) as client,
    ):
        assert client.recv(1) == b""


def test_each_udp_sender_gets_its_own_answers():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind((HERE, 0))
        there.settimeout(SOON_S)
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        with forwarded("udp", there.getsockname()[1]) as port, clients[0], clients[1]:
            for number, client in enumerate(clients):
                client.settimeout(SOON_S)
                client.sendto(b"%d" % number, (HERE, port))
            asked = [there.recvfrom(64) for _ in clients]
            for said, who in asked:
                there.sendto(said + b"!", who)
            assert [client.recv(64) for client in clients] == [b"0!", b"1!"]


def test_who_was_silent_for_longest_makes_room():
    code = (
        "import sys; from labiac.backends.libvirt import forwarder; forwarder._MOST = 2;"
        "forwarder.main(*sys.argv[1:])"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind((HERE, 0))
        there.settimeout(SOON_S)
        port, to = unused("udp"), there.getsockname()[1]
        argv = [sys.executable, "-c", code, "udp", HERE, str(port), HERE, str(to)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == background.READY
                with ExitStack() as stack:
                    new = partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
                    clients = [stack.enter_context(new()) for _ in range(3)]
                    seen = []
                    for client in (clients[0], clients[1], clients[0], clients[2], clients[1]):
                        client.sendto(b"x", (HERE, port))
                        seen.append(there.recvfrom(64)[1])
                assert seen[0] == seen[2]
                assert seen[1] != seen[4]
            finally:
                process.kill()


def test_a_port_that_is_not_to_be_had_is_told_and_nothing_is_left():
    with socket.create_server((HERE, 0)) as squatter:
        taken, uuid = squatter.getsockname()[1], uuid4()
        words = lan_forwards._MODULE, str(uuid), "tcp", HERE, str(taken), HERE, "80"
        with pytest.raises(BackendError, match="this host does not") as caught:
            background.start(*words, where="here", problem="this host does not", fix="")
    assert "in use" in caught.value.detail
    assert background.found(*words[:2]) == {}
