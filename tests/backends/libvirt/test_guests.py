"""The contract on guests that boot: one lab for all sentences, because a boot takes a minute.

The sentences come in the order in which a lab lives. What they change they put back.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Ping
from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import URI, connect, library, uri
from labiac.errors import BackendError
from labiac.reach.matrix import matrix
from tests.backends.killed import killed

from .guests import ONE_LAN, Lab, left

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(3600)]


TWO_LANS = {
    "lans": {"lan1": {}, "lan2": {}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1"}, {"lan": "lan2"}]}, "pc2": {"lan": "lan1"}},
}
ELSEWHERE = ONE_LAN["pcs"] | {"pc1": {"lan": "lan1", "ipv4": "10.0.1.77"}}
OTHERWISE = {
    "login": {"user": "eva"},
    "lans": {"lan1": {}},
    "pcs": {
        "pc1": {
            "lan": "lan1",
            "memory_mib": 640,
            "services": {"nap": {"command": ["sleep", "infinity"]}},
            "cloud_init": {"write_files": [{"path": "/etc/motd", "content": "Hello\nfrom pc1\n"}]},
        },
        "pc2": {"lan": "lan1"},
    },
}
FEWEST = 8  # what is told to a guest, and done to it, for a card and a name


@pytest.fixture(scope="module")
def lab():
    """A LAN and two PCs, up and ready."""
    lab = Lab(ONE_LAN)
    assert lab.backend.check(lab.plan) == []
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
    assert left(lab) == []


def test_what_was_created_reads_as_it_was_planned(lab):
    for item in (*lab.plan.networks, *lab.plan.machines):
        assert lab.read(item) == lab.backend.create(lab.copy, item)
        assert (lab.read(item).item, lab.read(item).running) == (item, True)


def test_creating_again_restarts_nobody(lab):
    boots = [lab.boot(name) for name in ("pc1", "pc2")]
    lab.up()
    assert [lab.boot(name) for name in ("pc1", "pc2")] == boots


def test_what_is_measured_agrees_with_the_forecast_pair_by_pair(lab):
    forecast = {(pair.source, pair.target): pair.ok for pair in matrix(lab.plan, all_nodes=True)}
    assert {ends: lab.answers(*ends) for ends in forecast} == forecast


def test_an_address_that_nobody_has_does_not_answer(lab):
    asked = [Ping("pc1", "10.0.1.200"), Ping("pc1", "192.0.2.1"), Ping("pc9", "10.0.1.11")]
    assert lab.backend.measure(lab.copy, asked, timeout_s=3, settle=False) == [False] * 3


def test_a_command_runs_on_its_node_and_says_what_it_says(lab):
    ran = lab.says("pc1", "sh", "-c", "hostname; echo no >&2; exit 3")
    assert (ran.status, ran.stdout, ran.stderr) == (3, b"pc1\n", b"no\n")
    assert lab.says("pc1", "no-such-command").status == 127


def test_a_node_knows_the_others_by_name(lab):
    assert lab.says("pc1", "ping", "-c", "1", "-W", "5", "pc2").status == 0


def test_a_copy_is_found_with_its_nodes(lab):
    (found,) = [each for each in lab.backend.find() if each.copy.lab == lab.plan.lab]
    assert found.nodes == (("pc1", True), ("pc2", True))
    assert found.refs == tuple(lab.ref(item) for item in (*lab.plan.machines, *lab.plan.networks))


def test_a_cable_comes_out_and_in_while_the_guest_runs(lab):
    was, boot = lab.plan.machine("pc1"), lab.boot("pc1")
    now = replace(was, nics=(replace(was.nics[0], connected=False),))
    for before, after, answer in ((was, now, False), (now, was, True)):
        assert lab.update(before, after).item == after
        assert lab.read(was).item == after
        assert lab.answers("pc2", "pc1") is answer
    assert lab.boot("pc1") == boot


def test_a_cable_that_somebody_pulled_out_is_seen_and_put_back(lab):
    machine = lab.plan.machine("pc1")
    mac = machine.nics[0].mac
    virsh = ["virsh", "--connect", uri(), "domif-setlink", machine.host_name, mac, "down"]
    subprocess.run(virsh, check=True, capture_output=True)
    seen = lab.read(machine)
    assert (seen.running, seen.item.nics[0].connected) == (True, False)
    assert lab.update(seen.item, machine).item == machine
    assert lab.answers("pc2", "pc1")


def test_a_card_comes_and_goes_while_its_guest_runs_and_no_packet_is_lost(lab):
    boots = [lab.boot(name) for name in ("pc1", "pc2")]
    more = lab.planned(TWO_LANS)
    lab.backend.create(lab.copy, more.network("lan2"))
    with ThreadPoolExecutor() as pool:
        pinging = pool.submit(lab.says, "pc2", "ping", "-q", "-i", "0.2", "-c", "120", "pc1")
        for was, now, there in ((lab.plan, more, True), (more, lab.plan, False)):
            for name in ("pc1", "pc2"):
                assert lab.update(was.machine(name), now.machine(name)).item == now.machine(name)
            assert (b"10.0.2.11/24" in lab.says("pc1", "ip", "address").stdout) is there
            assert (lab.says("pc2", "getent", "hosts", "pc1-eth1").status == 0) is there
    assert b" 0% packet loss" in pinging.result().stdout
    lab.backend.delete(lab.ref(more.network("lan2")))
    assert [lab.boot(name) for name in ("pc1", "pc2")] == boots


def test_an_address_changes_while_its_guest_runs(lab):
    boot, other = lab.boot("pc1"), lab.planned({**ONE_LAN, "pcs": ELSEWHERE})
    for was, now in ((lab.plan, other), (other, lab.plan)):
        assert lab.update(was.machine("pc1"), now.machine("pc1")).item == now.machine("pc1")
        (address,) = now.machine("pc1").addresses()
        said = lab.says("pc1", "ip", "-brief", "-4", "address", "show", "dev", "eth0").stdout
        assert said.split()[2:] == [address.encode()]
    assert lab.boot("pc1") == boot


def test_cards_that_come_are_completed_whenever_labiac_is_killed(lab):
    boot, more = lab.boot("pc1"), lab.planned(TWO_LANS)
    lab.backend.create(lab.copy, more.network("lan2"))
    was, now = lab.plan.machine("pc1"), more.machine("pc1")
    step, cut_off = 0, True
    while cut_off:
        step += 1
        cut_off = killed(step, watch, partial(lab.update, was, now))
        assert lab.update(was, now).item == now
        assert lab.read(now).item == now
        was, now = now, was  # there and back again
    assert step > FEWEST
    assert lab.update(now, lab.plan.machine("pc1")).running
    lab.backend.delete(lab.ref(more.network("lan2")))
    assert lab.boot("pc1") == boot


def watch(steps):
    """Count what changes a guest that runs."""
    steps.count(agent, "start")
    steps.count(library().virConnect, "defineXML")
    changing = ("attachDeviceFlags", "detachDeviceFlags", "setMetadata", "updateDeviceFlags")
    steps.count(library().virDomain, *changing)


def test_another_seed_and_more_memory_restart_the_guest_and_its_disk_stays(lab):
    was, boot = lab.plan.machine("pc1"), lab.boot("pc1")
    lab.must("pc1", "touch", "/root/work")
    now = lab.planned(OTHERWISE).machine("pc1")
    assert lab.update(was, now).item == now
    assert lab.boot("pc1") != boot
    lab.must("pc1", "ls", "/root/work")
    assert lab.domain("pc1").maxMemory() == 640 * 1024
    assert lab.must("pc1", "systemctl", "is-active", "labiac-nap.service") == "active\n"
    assert lab.must("pc1", "id", "--name", "--user", "eva") == "eva\n"
    assert lab.must("pc1", "cat", "/etc/motd") == "Hello\nfrom pc1\n"
    assert lab.update(now, was).item == was


def test_what_an_earlier_seed_did_is_undone_by_the_next(lab):
    assert lab.must("pc1", "id", "--name", "--user", "lab") == "lab\n"
    assert lab.says("pc1", "id", "eva").status == 1
    assert lab.says("pc1", "systemctl", "cat", "labiac-nap.service").status == 1
    assert "eva" not in lab.must("pc1", "cat", "/etc/sudoers.d/90-cloud-init-users")


def test_a_guest_that_was_switched_off_is_seen_and_brought_back(lab):
    lab.domain("pc2").destroy()
    machine = lab.plan.machine("pc2")
    assert lab.read(machine).running is False
    assert not lab.answers("pc1", "pc2")
    assert lab.backend.create(lab.copy, machine).running
    assert lab.answers("pc1", "pc2")


def test_guests_of_a_network_that_was_stopped_are_plugged_into_it_again(lab):
    boots = [lab.boot(name) for name in ("pc1", "pc2")]
    connect().networkLookupByName(lab.plan.networks[0].host_name).destroy()
    everything = (*lab.plan.networks, *lab.plan.machines)
    assert [lab.read(item).running for item in everything] == [False] * 3
    lab.up()
    assert [lab.read(item).running for item in everything] == [True] * 3
    assert lab.answers("pc1", "pc2")
    assert [lab.boot(name) for name in ("pc1", "pc2")] == boots


def test_updating_what_is_gone_is_an_error(lab):
    ghost = replace(lab.plan.machine("pc1"), name="pc9", host_name=f"{lab.plan.lab}-ana-pc9")
    with pytest.raises(BackendError, match="gone"):
        lab.update(ghost, ghost)


def test_a_network_takes_with_it_the_machines_that_a_killed_run_left_in_it(lab):
    lab.backend.delete(lab.ref(lab.plan.networks[0]))
    assert left(lab) == []
    lab.down()  # a second time: gone is success


@pytest.fixture
def other():
    """Another lab, that a test brings up as far as it likes."""
    lab = Lab({"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}})
    yield lab
    lab.down()
    assert left(lab) == []


def test_what_cloud_init_says_is_told_when_it_fails(other):
    machine = other.plan.machine("pc1")
    broken = tuple(
        replace(file, text=f"{file.text}\n  - [no-such-program-anywhere]\n")
        if file.name == "user-data"
        else file
        for file in machine.seed
    )
    other.backend.create(other.copy, other.plan.networks[0])
    with pytest.raises(BackendError, match="cloud-init failed") as caught:
        other.backend.create(other.copy, replace(machine, seed=broken))
    assert "scripts_user" in caught.value.detail
    assert other.read(machine).running is False


def test_a_libvirt_that_does_not_listen_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setenv(URI, "qemu:///system?socket=/nowhere")
    with pytest.raises(BackendError, match=r"no libvirtd listens at qemu:///system"):
        connect()
    (problem,) = open_backend("libvirt").check(Lab(ONE_LAN).plan)
    assert "apt-get install" in problem.fix


def test_a_lab_too_large_for_the_host_is_refused_with_the_numbers():
    lab = Lab({**ONE_LAN, "defaults": {"memory_mib": 65536}})
    said = [str(problem) for problem in lab.backend.check(lab.plan)]
    assert any("2 machines want" in each and "MiB are free" in each for each in said), said
