"""Ports of the host lead into guests: seen, mended, refused. The guests have nothing to boot."""

from dataclasses import replace

import pytest

from labiac.backends.libvirt import forwards
from labiac.errors import BackendError
from labiac.plan.model import Forward

from .daemon import nothing_to_boot
from .guests import Lab

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(300)]

SAID = """\
Hub -1 (hostua-eth0):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  12       127.0.0.1 18080     100.64.7.15    80     0     0\r
  TCP[ESTABLISHED]   15     100.64.7.15 41234    192.0.2.9    443     0     0\r
  UDP[HOST_FORWARD]  13               * 18081     100.64.7.15    53     0     0\r
Hub -1 (hostua-eth2):\r
"""
PC = {"pc1": {"nics": [{"attach": "nat", "forwards": [{"host_port": 18080, "port": 80}]}]}}


def test_what_qemu_forwards_is_read_card_by_card():
    assert forwards.listed(SAID) == {
        "ua-eth0": [
            Forward("tcp", 18080, "100.64.7.15", 80, "127.0.0.1"),
            Forward("udp", 18081, "100.64.7.15", 53, "0.0.0.0"),  # noqa: S104  # what it says
        ],
        "ua-eth2": [],
    }


@pytest.fixture
def lab(daemon, monkeypatch, tmp_path):
    """A PC behind a NAT of its own, with one port that leads to it: up."""
    nothing_to_boot(monkeypatch, tmp_path, daemon.uri)
    lab = Lab({"pcs": PC})
    lab.up()
    yield lab
    lab.down()


def listening(daemon):
    """Return the TCP ports of the host that somebody listens on."""
    lines = daemon.run("ss", "-Hltn").splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


def with_forwards(machine, *ports):
    nic = machine.nics[0]
    wanted = tuple(replace(nic.forwards[0], host_port=port) for port in ports)
    return replace(machine, nics=(replace(nic, forwards=wanted),))


def test_a_port_of_the_host_leads_into_a_guest_until_it_goes(daemon, lab):
    machine = lab.plan.machine("pc1")
    assert lab.read(machine).item == machine
    assert listening(daemon) == {18080}
    lab.down()
    assert listening(daemon) == set()


def test_a_port_is_another_one_while_the_guest_runs(daemon, lab):
    machine, running = lab.plan.machine("pc1"), lab.domain("pc1").ID()
    other = with_forwards(machine, 18081, 18082)
    assert lab.update(machine, other).item == other
    assert listening(daemon) == {18081, 18082}
    assert lab.domain("pc1").ID() == running


def test_a_port_that_somebody_took_away_or_added_is_seen_and_mended(daemon, lab):
    machine = lab.plan.machine("pc1")
    forwards.settle(lab.domain("pc1"), with_forwards(machine, 18090))
    (seen,) = lab.read(machine).item.nics[0].forwards
    assert (seen.host_port, seen.guest_port) == (18090, 80)
    assert lab.update(lab.read(machine).item, machine).item == machine
    assert listening(daemon) == {18080}


def test_a_port_that_the_host_does_not_give_is_told_with_its_place(lab):
    machine = lab.plan.machine("pc1")
    with pytest.raises(BackendError, match=r"tcp:127.0.0.1:80 for eth0") as caught:
        lab.update(machine, with_forwards(machine, 80))
    assert "1024 or more" in caught.value.fix
    assert lab.update(machine, machine).item == machine
