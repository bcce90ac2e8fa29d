"""LANs without bridges: what a switch does with frames, and that it is found, mended and ended."""

import os
import signal
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest

from labiac.backends.base import Copy
from labiac.backends.libvirt import background, switches
from labiac.backends.libvirt.loopback import port_of, switch_of
from labiac.backends.libvirt.switch import Switch
from labiac.errors import BackendError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

A, B, C = (("127.0.0.1", port) for port in (1, 2, 3))
"""Ports of a switch."""
EVERYBODY = "ff:ff:ff:ff:ff:ff"
USER = os.getuid()
SOON_S = 60


def frame(to, by, said=b"hello"):
    return bytes.fromhex(f"{to}{by}".replace(":", "")) + b"\x08\x00" + said


@pytest.fixture
def ways(tmp_path):
    """A switch with three ports: where it sends a frame."""
    for address, port in (A, B, C):
        (tmp_path / f"{address}:{port}").touch()
    switch = Switch(tmp_path)
    return lambda source, *words: set(switch.ways(memoryview(frame(*words)), source))


def test_a_frame_goes_to_all_others_until_its_destination_was_heard(ways):
    pc1, pc2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
    assert ways(A, EVERYBODY, pc1) == {B, C}
    assert ways(B, "52:54:00:00:00:03", pc2) == {A, C}
    assert ways(B, pc1, pc2) == {A}
    assert ways(C, EVERYBODY, pc1) == {A, B}
    assert ways(A, pc1, pc2) == {C}, "pc1 is behind another port by now"
    assert ways(C, pc1, "52:54:00:00:00:04") == set(), "and hears what is for it by itself"


def test_a_frame_from_no_port_or_too_short_goes_nowhere(ways):
    assert ways(("127.0.0.1", 4), EVERYBODY, "52:54:00:00:00:01") == set()
    assert ways(A, EVERYBODY, "") == set()


def test_a_group_is_nobody_s_own_address(ways):
    assert ways(A, EVERYBODY, "33:33:00:00:00:01") == {B, C}
    assert ways(B, "33:33:00:00:00:01", "52:54:00:00:00:02") == {A, C}


def test_a_switch_forgets_rather_than_grow(ways):
    for number in range(5000):
        ways(A, EVERYBODY, f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}")
    assert ways(B, "52:54:00:00:00:00", "52:54:01:00:00:00") == {A, C}, "forgotten"
    assert ways(B, f"52:54:00:00:{4999 >> 8:02x}:{4999 & 255:02x}", "52:54:01:00:00:00") == {A}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A LAN of two PCs, of a student whom nobody else has."""
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path))
    pcs = {name: {"lan": "lan1"} for name in ("pc1", "pc2")}
    lab = {"name": "wired", "lans": {"lan1": {}}, "pcs": pcs}
    plan = resolve(from_data(lab, "test"), f"s{os.getpid()}", "libvirt")
    yield plan
    switches.end(plan.networks[0].host_name, USER)


def started(plan):
    (lan,) = plan.networks
    switches.start(lan, Copy(plan.lab, plan.student), plan.machines, USER)
    return lan.host_name


@contextmanager
def cards(plan):
    """Yield the sockets that QEMU has for the NICs of *plan*."""
    (lan,) = plan.networks
    with ExitStack() as stack:
        found = []
        for machine in plan.machines:
            card = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            card.bind(port_of(lan.host_name, USER, machine.nics[0].mac))
            card.settimeout(SOON_S)
            found.append(card)
        yield found


def test_a_switch_carries_frames_between_the_guests_of_its_lan_and_nobody_else_s(plan):
    switch = switch_of(started(plan), USER)
    with cards(plan) as (one, other), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(frame(EVERYBODY, "52:54:00:00:00:09", b"stranger"), switch)
        one.sendto(frame(EVERYBODY, plan.machines[0].nics[0].mac), switch)
        assert other.recv(2048)[14:] == b"hello"


def test_a_switch_that_was_killed_is_seen_and_started_again_with_its_ports(plan):
    name = started(plan)
    assert switches.runs(name, USER)
    (process,) = background.found(*switches._words(name, USER)).values()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert not switches.runs(name, USER)
    started(plan)
    with cards(plan) as (one, other):
        one.sendto(frame(EVERYBODY, plan.machines[0].nics[0].mac), switch_of(name, USER))
        assert other.recv(2048)[14:] == b"hello"


def test_two_who_start_a_switch_at_a_time_get_one(plan):
    problems = []

    def start():
        try:
            started(plan)
        except BackendError as error:
            problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(background.found(*switches._words(plan.networks[0].host_name, USER))) == 1
    assert problems == []


def test_a_switch_whose_port_is_somebody_else_s_is_told_with_its_place(plan):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(switch_of(plan.networks[0].host_name, USER))
        with pytest.raises(BackendError, match="its switch can't listen on UDP port") as caught:
            started(plan)
    assert "in use" in caught.value.detail


def test_the_sockets_of_a_lab_are_all_its_own(plan):
    (lan,) = plan.networks
    ours = [switch_of(lan.host_name, USER)]
    ours += [port_of(lan.host_name, USER, each.nics[0].mac) for each in plan.machines]
    others = [switch_of(lan.host_name, USER + 1), switch_of(f"{lan.host_name}x", USER)]
    assert len({*ours, *others}) == len(ours) + len(others)
    assert all(each.address.startswith("127.") for each in ours)


def test_a_guest_that_is_gone_is_no_port_any_more(plan, tmp_path):
    name = started(plan)
    folder = tmp_path / "libvirt" / "switches" / name
    copy, gone = Copy(plan.lab, plan.student), plan.machines[0]
    assert len(list(folder.iterdir())) == len(plan.machines)
    switches.unplug(copy, gone, USER)
    switches.unplug(copy, gone, USER)
    assert [each.name for each in folder.iterdir()] == [
        str(port_of(name, USER, plan.machines[1].nics[0].mac))
    ]
    switches.plug(copy, gone, USER)
    assert len(list(folder.iterdir())) == len(plan.machines)
