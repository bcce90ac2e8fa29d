"""Guests as people use them: commands, consoles, packets, off and on. One router and one PC.

The sentences come in the order in which a lab lives. What they change they put back.
"""

import hashlib
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from dataclasses import replace
from fcntl import ioctl

import pytest

from labiac.backends.base import Watch
from labiac.errors import BackendError

from .guests import Lab, left

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(3600)]

OURS = random.randrange(16)
"""What other people's guests on this host do not have."""
OUT = f"10.{240 + OURS}.3"


def tunnel(*, this, other, address):
    """Return a NIC whose frames come to port *this* of the host, and go to the *other*."""
    ends = {"dest": "127.0.0.1", "sport": str(this + OURS), "dport": str(other + OURS)}
    return {"attach": "generic", "driver": "UDPTunnel", "properties": ends, "ipv4": address}


ROUTED = {
    "lans": {"lan1": {}, "lan2": {}, "out": {"type": "nat", "ipv4": f"{OUT}.0/24"}},
    "routers": {
        "r1": {
            "nics": [
                *({"lan": lan} for lan in ("lan1", "lan2", "out")),
                tunnel(this=17100, other=17200, address="10.9.9.1/24"),
            ]
        }
    },
    "pcs": {
        "pc1": {
            "nics": [
                {"lan": "lan1"},
                tunnel(this=17200, other=17100, address="10.9.9.11/24"),
                {"attach": "nat", "forwards": [{"host_port": 17300 + OURS, "port": 22}]},
                {"attach": "none"},
            ]
        }
    },
}
SOON_S = 60
"""How long a busy guest may take for what is done at once."""


@pytest.fixture(scope="module")
def lab():
    """A router and a PC, up and ready."""
    lab = Lab(ROUTED)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
    assert left(lab) == []


@pytest.fixture
def tidy(lab):
    """Whatever runs in a guest has left nothing there in the end."""
    yield
    assert "labiac-" not in in_guest(lab, "ls", "/tmp")  # noqa: S108  # the guest's
    assert in_guest(lab, "pgrep", "-c", "-x", "tcpdump|sleep|tail") == "0\n"


def pings(lab, node, address):
    return lab.says(node, "ping", "-c1", "-W5", address).status == 0


def in_guest(lab, *argv):
    return lab.says("pc1", *argv).stdout.decode()


def argv_of(lab, command, *rest):
    """Return the command line of labiac that does *command* on pc1."""
    whose = ["--student", lab.plan.student, "--backend", "libvirt"]
    return [sys.executable, "-m", "labiac", command, lab.plan.lab, "pc1", *whose, *rest]


def started(lab, command, *rest, **how):
    return subprocess.Popen(
        argv_of(lab, command, *rest), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how
    )


def ran(lab, command, *rest, stdin=b""):
    return subprocess.run(
        argv_of(lab, command, *rest), input=stdin, capture_output=True, timeout=120, check=False
    )


@pytest.mark.usefixtures("tidy")
def test_a_command_has_its_own_streams_and_status(lab):
    done = ran(lab, "exec", "--", "sh", "-c", "cat; echo no >&2; exit 7", stdin=b"hello\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"hello\n", b"no\n")
    done = ran(lab, "exec", "--", "no-such-command")
    assert done.returncode == 127
    assert b"not found" in done.stderr


@pytest.mark.usefixtures("tidy")
def test_bytes_go_in_and_out_whole_and_in_order(lab):
    data = os.urandom(500_000)
    done = ran(lab, "exec", "--", "sh", "-c", "sleep 1; cat", stdin=data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


@pytest.mark.usefixtures("tidy")
def test_a_command_that_reads_nothing_ends_with_its_input_unread(lab):
    assert ran(lab, "exec", "--", "true", stdin=bytes(500_000)).returncode == 0


@pytest.mark.usefixtures("tidy")
def test_output_comes_while_the_command_runs_and_ctrl_c_ends_it_in_the_guest(lab):
    with started(lab, "exec", "--", "sh", "-c", "echo one; sleep 1000") as running:
        assert running.stdout.readline() == b"one\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(SOON_S) == 128 + signal.SIGINT


@pytest.mark.usefixtures("tidy")
def test_a_second_ctrl_c_ends_what_ignores_the_first(lab):
    stubborn = "trap '' INT; echo deaf; while :; do sleep 1; done"
    with started(lab, "exec", "--", "sh", "-c", stubborn) as running:
        assert running.stdout.readline() == b"deaf\n"
        running.send_signal(signal.SIGINT)
        time.sleep(3)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(SOON_S) == 128 + signal.SIGKILL


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("end", ["closed", "hung up"])
def test_a_command_ends_when_nobody_listens_any_more(lab, end):
    with started(lab, "exec", "--", "sh", "-c", "while echo on; do sleep 1; done") as running:
        assert running.stdout.readline() == b"on\n"
        if end == "closed":
            running.stdout.close()
        else:
            running.send_signal(signal.SIGHUP)
        assert running.wait(SOON_S) != 0


@pytest.mark.usefixtures("tidy")
def test_packets_are_there_as_soon_as_they_pass(lab):
    with started(lab, "capture", "-c", "4") as capturing:
        assert capturing.stdout.read(24)[:4] == bytes.fromhex("d4c3b2a1")
        lab.says("r1", "ping", "-c", "4", "pc1")
        packets = capturing.stdout.read()
        assert capturing.wait(SOON_S) == 0
        assert capturing.stderr.read() == b"4 packets\n"
    assert b"\x0a\x00\x01\x01\x0a\x00\x01\x0b" in packets  # from r1 to pc1


@pytest.mark.usefixtures("tidy")
def test_a_capture_ends_after_its_time(lab, tmp_path):
    begun = time.monotonic()
    done = ran(lab, "capture", "--seconds", "2", "-o", str(tmp_path / "pc1.pcap"))
    assert 2 < time.monotonic() - begun < SOON_S
    assert done.returncode == 0
    assert (tmp_path / "pc1.pcap").stat().st_size >= 24


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("end", ["Ctrl-C", "closed", "hung up"])
def test_a_capture_ends_when_nobody_wants_it_any_more(lab, end):
    with started(lab, "capture") as capturing:
        assert capturing.stdout.read(24)
        if end == "closed":  # although no packet comes
            capturing.stdout.close()
        else:
            capturing.send_signal(signal.SIGINT if end == "Ctrl-C" else signal.SIGHUP)
        assert capturing.wait(SOON_S) == 0


class Terminal:
    """``labiac shell`` at a terminal of 33 lines."""

    def __init__(self, lab):
        self.said = b""
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = subprocess.Popen(argv_of(lab, "shell"), **streams)

    @property
    def settings(self):
        return termios.tcgetattr(self._theirs)

    def types(self, text):
        os.write(self._ours, text)

    def expect(self, pattern, by=b""):
        """Read until *pattern* was said since it was last expected; type *by* until it is.

        A guest that is slow misses a Ctrl-C that comes while its shell begins a command, as any
        machine does: who sits at it presses it again.
        """
        end = time.monotonic() + SOON_S
        while not (found := re.search(pattern, self.said)) and time.monotonic() < end:
            if select.select([self._ours], [], [], 1)[0]:
                self.said += os.read(self._ours, 4096)
            elif by:
                self.types(by)
        assert found, self.said
        self.said = self.said[found.end() :]
        return found

    def ends(self):
        return self.process.wait(SOON_S)


@pytest.fixture
def terminal(lab):
    terminal = Terminal(lab)
    yield terminal
    terminal.process.kill()
    terminal.process.wait()


PROMPT = rb"root@pc1:~# "


def test_a_shell_is_the_console_without_a_login_as_large_as_the_terminal(terminal):
    terminal.expect(rb"Ctrl-\] leaves it")
    terminal.expect(PROMPT)
    terminal.types(b"until stty size | grep 33; do sleep 1; done\r")  # it is told by the way
    terminal.expect(rb"33 101")
    terminal.expect(PROMPT)
    terminal.types(b"sleep 1000\r")
    terminal.expect(PROMPT, by=b"\x03")  # the guest's, not ours
    terminal.types(b"\x1d")
    terminal.expect(rb"left the console")
    assert terminal.ends() == 0
    assert terminal.settings == terminal.before


def test_a_terminal_is_as_before_when_the_shell_is_killed(terminal):
    terminal.expect(PROMPT)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ends() == 128 + signal.SIGTERM
    assert terminal.settings == terminal.before


def test_nobody_takes_the_console_from_who_is_at_it(lab, terminal):
    terminal.expect(PROMPT)
    other = Terminal(lab)
    other.expect(rb"somebody is at its console")
    assert other.ends() == 1
    terminal.types(b"\x1d")
    assert terminal.ends() == 0


def test_a_console_takes_a_terminal(lab):
    done = ran(lab, "shell", stdin=b"ls\n")
    assert done.returncode == 1
    assert b"labiac exec" in done.stderr


def test_a_guest_that_goes_off_ends_its_console(lab, terminal):
    terminal.expect(PROMPT)
    lab.backend.stop(lab.ref(lab.plan.machine("pc1")))
    assert terminal.ends() == 0
    assert terminal.settings == terminal.before


def test_a_node_that_is_off_is_there_and_says_so(lab):
    machine = lab.plan.machine("pc1")
    lab.backend.stop(lab.ref(machine))  # off already is success
    assert lab.read(machine).running is False
    (found,) = [each for each in lab.backend.find() if each.copy.lab == lab.plan.lab]
    assert dict(found.nodes) == {"pc1": False, "r1": True}
    with pytest.raises(BackendError, match="it is off") as caught:
        lab.says("pc1", "true")
    assert "labiac start" in caught.value.fix


def test_who_starts_a_node_may_stop_waiting_and_wait_again_later(lab):
    machine, said = lab.plan.machine("pc1"), []
    cancelled = threading.Event()
    watched = lab.backend.watched(Watch(said.append, cancelled))
    threading.Timer(3, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(BackendError, match="nobody waited"):
        watched.start(lab.ref(machine))
    assert time.monotonic() - begun < 3 + SOON_S / 2
    assert lab.read(machine).running is False
    cancelled.clear()
    same = lab.domain("pc1").ID()
    watched.start(lab.ref(machine))
    assert lab.domain("pc1").ID() == same
    assert lab.read(machine).running is True
    phases = [re.fullmatch(r"pc1: (kernel|cloud-init), \d+ s", each)[1] for each in said]
    assert sorted(phases, reverse=True) == phases  # first the one, then the other
    assert "kernel" in phases  # the other may be over before anybody looks


def test_each_way_to_attach_a_nic_leads_where_it_shall(lab):
    for machine in lab.plan.machines:
        assert lab.read(machine).item == machine
    assert pings(lab, "r1", f"{OUT}.1")  # the host
    assert pings(lab, "pc1", "10.9.9.1")
    leases = json.loads(lab.must("pc1", "ip", "-j", "-4", "address", "show", "eth2"))
    (lease,) = leases[0]["addr_info"]
    assert lease["dynamic"]
    (link,) = json.loads(lab.must("pc1", "ip", "-j", "link", "show", "eth3"))
    assert "LOWER_UP" not in link["flags"]


@pytest.mark.parametrize(
    ("node", "argv", "field"),
    [
        ("pc1", ["ip", "address", "add", "10.0.1.77/24", "dev", "eth0"], "nics"),
        ("pc1", ["ip", "link", "set", "eth0", "down"], "nics"),
        ("pc1", ["ip", "route", "replace", "default", "via", "10.0.1.77"], "routes"),
        ("r1", ["sysctl", "-w", "net.ipv4.ip_forward=0"], "forwards"),
        ("r1", ["sh", "-c", "echo 192.0.2.1 pc1 >/etc/hosts"], "hosts"),
    ],
    ids=["address", "link", "route", "forwarding", "hosts"],
)
def test_what_somebody_changed_inside_a_guest_is_seen_and_mended_without_a_boot(
    lab, node, argv, field
):
    machine, boot = lab.plan.machine(node), lab.boot(node)
    assert lab.read(machine).item == machine
    assert lab.says(node, *argv).status == 0
    seen = lab.read(machine)
    assert seen.running
    assert getattr(seen.item, field) != getattr(machine, field)
    assert lab.update(seen.item, machine).item == machine
    assert lab.read(machine).item == machine
    assert lab.boot(node) == boot
    assert lab.answers("pc1", "r1")


def test_what_a_student_changed_inside_a_guest_of_theirs_is_theirs(lab):
    machine = lab.plan.machine("pc1")
    own = replace(machine, student=True)
    try:
        assert lab.update(machine, own).item == own
        lab.says("pc1", "ip", "address", "add", "10.0.1.77/24", "dev", "eth0")
        assert lab.read(machine).item == own
        assert lab.update(own, own).item == own
        assert "10.0.1.77" in in_guest(lab, "ip", "address")
    finally:
        assert lab.update(own, machine).item == machine
    assert "10.0.1.77" not in in_guest(lab, "ip", "address")
