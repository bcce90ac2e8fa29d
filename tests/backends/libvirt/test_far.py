"""A libvirt on another host is as good as one here: all it is asked and brought goes over SSH.

The guests have nothing to boot, and nobody waits for them.
"""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from labiac.backends.libvirt.connection import URI, connect
from labiac.errors import BackendError
from labiac.plan.model import unstarted

from .daemon import Daemon, everything, nothing_to_boot
from .guests import Lab

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(300)]

HERE = "127.0.0.1"
ENOUGH = 5  # gRPC's threads, where they were forked with it, ended ssh every other time
LAB = {"lans": {"lan1": {}, "lan2": {"type": "nat"}}, "pcs": {"pc1": {"lan": "lan1"}}}


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    """Return the URI, over SSH, of a libvirtd of these tests."""
    folder = tmp_path_factory.mktemp("ssh")
    daemon = Daemon(tmp_path_factory.mktemp("libvirtd"))
    try:
        # The helper that libvirt starts over there knows one place.
        at = daemon.uri.partition("socket=")[2]
        daemon.run("ln", "-s", at, "/run/libvirt/libvirt-sock", where="--mount")
        port = free_port()
        server = served(daemon, folder, port)
        try:
            where = f"command={folder}/ssh&keyfile={folder}/key&no_tty=1&proxy=native"
            yield f"qemu+ssh://root@{HERE}:{port}/system?{where}"
        finally:
            server.terminate()
            server.wait()
            server.stderr.close()
    finally:
        daemon.close()


def served(daemon, folder, port):
    """Start an SSH server on loopback, in which libvirt is found as on the host of *daemon*."""
    for name in ("key", "host"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(argv, check=True)
    host = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[{HERE}]:{port} {host}")
    for name, known in (("ssh", "known"), ("stranger", "nobody")):
        client = folder / name
        client.write_text(f'#!/bin/sh\nexec ssh -o "UserKnownHostsFile={folder}/{known}" "$@"\n')
        client.chmod(0o700)
    (folder / "config").write_text(
        f"Port {port}\nListenAddress {HERE}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/key.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    argv = ["nsenter", "--target", str(daemon.first()), "--mount", "/usr/sbin/sshd"]
    argv += ["-D", "-e", "-f", folder / "config"]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = ""
    while "listening on" not in said:
        said = server.stderr.readline()
        assert said, "sshd ended"
    return server


def free_port():
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(far, monkeypatch, tmp_path):
    nothing_to_boot(monkeypatch, tmp_path, far)
    lab = Lab(LAB)
    yield lab
    lab.down()
    assert not [name for name in everything() if name.startswith(lab.plan.lab)]


def test_a_lab_comes_up_on_another_host_as_planned(lab):
    assert [each.problem for each in lab.backend.check(lab.plan) if each.level == "error"] == []
    lab.up()
    for item in (*lab.plan.networks, *lab.plan.machines):
        assert lab.read(item).item == item
        assert lab.read(item).running


def test_labiac_gets_to_another_host_each_time(pulumi, lab, tmp_path):  # noqa: ARG001
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump({"name": lab.copy.lab, **LAB}))
    verbs = [["up", "--no-start"], *[["refresh"]] * ENOUGH, ["destroy"]]
    for verb, *options in verbs:
        argv = [sys.executable, "-m", "labiac", verb, file, *options, "--student", "ana"]
        argv += [] if verb == "destroy" else ["--backend", "libvirt"]
        ran = subprocess.run(argv, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr


def test_a_cable_is_pulled_on_another_host(lab):
    lab.up()
    was = lab.plan.machine("pc1")
    now = replace(was, nics=(replace(was.nics[0], connected=False),))
    lab.update(was, now)
    assert lab.read(was).item == now


def test_a_lab_on_another_host_is_kept_and_brought_back(lab):
    lab.plan = unstarted(lab.plan)
    lab.up()
    taken = lab.backend.snapshots(lab.copy).take("before")
    assert lab.backend.snapshots(lab.copy).all() == [taken]
    assert lab.backend.snapshots(lab.copy).restore("before") == taken
    lab.backend.snapshots(lab.copy).forget("before")
    assert lab.backend.snapshots(lab.copy).all() == []


def test_ports_of_another_host_lead_into_no_lan_and_the_way_out_is_named(lab):
    forward = {"host_port": 8080, "to": "pc1", "port": 80}
    lans = {"lan1": {}, "lan2": {"type": "nat", "forwards": [forward]}}
    plan = lab.planned({"lans": lans, "pcs": {"pc1": {"lan": "lan2"}}})
    (problem,) = (each for each in lab.backend.check(plan) if each.level == "error")
    assert problem.field == "lans.lan2.forwards"
    assert "attach: nat" in problem.fix


@pytest.mark.parametrize("asked", [("/ssh&", "/stranger&"), ("/key&", "/host&")])
def test_a_host_that_ssh_does_not_get_into_is_told_with_the_way_in(far, monkeypatch, asked):
    monkeypatch.setenv(URI, far.replace(*asked))
    with pytest.raises(BackendError, match="SSH does not get as far") as caught:
        connect()
    assert caught.value.fix.startswith("ssh root@127.0.0.1 has to work")
