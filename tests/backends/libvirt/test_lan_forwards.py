"""Ports of the host that lead into a LAN of type nat, which libvirt itself lets nobody into.

All of this runs among the bridges of a libvirtd of its own; what plays the guest is a namespace.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pyroute2 import netns

from labiac.backends import run
from labiac.backends.libvirt import background, lan_forwards
from labiac.backends.libvirt.connection import URI, library
from labiac.backends.libvirt.network import bridge
from labiac.backends.mark import uuid_of
from labiac.errors import BackendError
from tests.backends.killed import killed

from .guests import Lab
from .test_crash import STEPS

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(300)]

WEB = {"host_port": 18080, "to": "pc1", "port": 80}
LAB = {"lans": {"lan1": {"type": "nat", "forwards": [WEB]}}, "pcs": {"pc1": {"lan": "lan1"}}}
SOON_S = 60
FEWEST = 3  # a network, its bridge, a process
GUEST = """
import socket
with socket.create_server(("", 80)) as server:
    print("ready", flush=True)
    while True:
        connection, who = server.accept()
        with connection:
            connection.sendall(who[0].encode())
"""
"""A guest's server: it tells each client which address that has."""


@pytest.fixture
def lab(daemon, monkeypatch):
    """A LAN with a port of the host that leads to a PC: planned, and we are where libvirtd is."""
    monkeypatch.setenv(URI, daemon.uri)
    lab = Lab(LAB)
    netns.pushns(f"/proc/{daemon.first()}/ns/net")
    try:
        yield lab
        lab.down()
    finally:
        netns.popns()
    assert background.found(lan_forwards._MODULE, str(uuid(lab))) == {}


def uuid(lab):
    return uuid_of(lab.ref(lab.plan.networks[0]))


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@contextmanager
def guest(lab):
    """Have somebody in the LAN who has the address of its PC, and serves."""
    argv = ["unshare", "--net", sys.executable, "-c", GUEST]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            there = str(process.pid)
            ip("link", "add", "gate", "type", "veth", "peer", "name", "eth0", "netns", there)
            ip("link", "set", "gate", "master", bridge(uuid(lab)), "up")
            inside = ["nsenter", "--target", there, "--net", "ip"]
            (address,) = lab.plan.machine("pc1").nics[0].addresses
            subprocess.run([*inside, "address", "add", address, "dev", "eth0"], check=True)
            subprocess.run([*inside, "link", "set", "eth0", "up"], check=True)
            yield
        finally:
            process.kill()


def heard(port):
    """Return what who serves behind *port* says."""
    with socket.create_connection(("127.0.0.1", port), SOON_S) as client:
        return client.makefile().read()


def with_ports(lan, *ports):
    return replace(lan, forwards=tuple(replace(lan.forwards[0], host_port=each) for each in ports))


def processes(lab):
    found = background.found(lan_forwards._MODULE, str(uuid(lab)))
    return {int(words[4]): process for words, process in found.items()}


def test_a_port_of_the_host_leads_to_a_guest_who_sees_the_host_s_address_in_its_lan(lab):
    (lan,) = lab.plan.networks
    lab.networks_up()
    assert lab.read(lan).item == lan
    with guest(lab):
        assert heard(18080) == lan.host_addresses[0].partition("/")[0]
    lab.down()
    with pytest.raises(ConnectionRefusedError):
        heard(18080)


def test_ports_change_while_the_lan_and_the_other_ports_go_on(lab):
    (lan,) = lab.plan.networks
    lab.networks_up()
    both = with_ports(lan, 18080, 18081)
    first = processes(lab)[18080]
    assert lab.update(lan, both).item == both
    assert processes(lab)[18080] == first
    assert lab.update(both, with_ports(lan, 18081)).item == with_ports(lan, 18081)
    assert set(processes(lab)) == {18081}


def test_a_port_that_was_killed_or_added_by_hand_is_drift_and_is_mended(lab):
    (lan,) = lab.plan.networks
    lab.networks_up()
    process = processes(lab)[18080]
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    lan_forwards.settle(with_ports(lan, 18090), uuid(lab))
    (strange,) = lab.read(lan).item.forwards
    assert (strange.host_port, strange.guest_port) == (18090, 80)
    assert lab.update(lab.read(lan).item, lan).item == lan
    assert set(processes(lab)) == {18080}


def test_a_port_that_the_host_does_not_give_is_told_with_its_place(lab):
    with (
        socket.create_server(("127.0.0.1", 18080)),
        pytest.raises(BackendError, match="tcp port 18080 at 127") as caught,
    ):
        lab.networks_up()
    assert "host_port" in caught.value.fix
    lab.networks_up()


def test_ports_go_with_a_network_that_somebody_else_removed(lab):
    lab.networks_up()
    network = lab.backend._held(lab.ref(lab.plan.networks[0])).object
    network.destroy()
    network.undefine()
    lab.down()
    assert processes(lab) == {}


def test_a_lan_of_a_libvirt_in_another_network_gets_no_ports(daemon, monkeypatch):
    monkeypatch.setenv(URI, daemon.uri)
    lab = Lab(LAB)
    try:
        with pytest.raises(BackendError, match="its bridge is not in this network"):
            lab.networks_up()
    finally:
        lab.down()


def watch(steps):
    """Count what changes something."""
    for owner in ("virConnect", "virNetwork"):
        steps.count(getattr(library(), owner), *STEPS[owner])
    steps.count(run, "background", "kill_session")


@pytest.mark.parametrize("verb", ["up", "down"])
def test_killed_at_every_step_the_next_one_completes_it(lab, verb):
    (lan,) = lab.plan.networks
    for step in range(1, 20):
        if verb == "down":
            lab.networks_up()
        cut_off = killed(step, watch, lab.networks_up if verb == "up" else lab.down)
        lab.networks_up()
        assert (lab.read(lan).item, lab.read(lan).running) == (lan, True)
        lab.down()
        assert processes(lab) == {}
        if not cut_off:
            assert step > FEWEST
            return
    pytest.fail("it never came to an end")
