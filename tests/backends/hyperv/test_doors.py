"""labiac's own way into the guests of a Hyper-V host: a switch of each copy's own, and SSH."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from functools import partial
from shutil import rmtree

import pytest

from labiac.backends.base import Captures, Executes, Glances, Measures, Ping, Watch, Watched
from labiac.backends.hyperv import doors, host
from labiac.errors import BackendError, ForeignError
from labiac.plan.management import NAME
from tests.backends.hyperv.guests import Guests
from tests.backends.hyperv.world import Switch
from tests.backends.sshd import entered

ONE = {"management": "ssh", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}
PAIR = {**ONE, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
OWN = "lab-ana-labiac_admin"


def own(server):
    """Return labiac's own switch, or None where there is none."""
    return next((each for each in server.store.look().switches if each.Name == OWN), None)


def keys(machine):
    return doors._keys(machine.host_name)


@pytest.fixture
def made(lab):
    """Return a lab of one machine, which is there and off."""
    made = lab(ONE)
    made.up()
    yield made
    made.down()


@pytest.fixture
def guests(made, bench, server, tmp_path):
    """Return what plays the guest of that machine."""
    return Guests(bench, server.store, made.plan.machines, tmp_path)


@pytest.fixture
def inside(made, guests):
    """Run functions where the host is, while the machine runs and its guest is ready."""
    with guests.on() as run:
        run(lambda: made.backend.start(made.ref("pc1")))
        yield run


def test_it_is_what_can_be_entered(server):
    for ability in (Captures, Executes, Glances, Measures, Watched):
        assert isinstance(server.backend, ability)


def test_the_host_meets_every_machine_of_a_copy_and_none_of_them_another(lab, server):
    made = lab(PAIR)
    made.up()
    world = server.store.look()
    switch = own(server)
    assert switch.SwitchType == "Internal"
    ours = switch.vlan
    assert (ours["PrivateVlanMode"], ours["PrimaryVlanId"]) == ("Promiscuous", 2)
    assert ours["SecondaryVlanIdList"] == "3"
    for machine in world.machines:
        card = machine.adapters[-1]
        assert (card.Name, card.switch) == (NAME, switch.Id)
        theirs = card.vlan
        assert (theirs["PrivateVlanMode"], theirs["PrimaryVlanId"]) == ("Isolated", 2)
        assert theirs["SecondaryVlanId"] == 3
    assert made.read() == list(made.items())
    made.down()


def test_it_goes_with_the_last_machine_of_its_copy_and_so_do_the_keys(lab, server):
    made = lab(PAIR)
    made.up()
    for name in ("pc1", "pc2"):
        assert own(server)
        assert keys(made.plan.machine(name)).is_dir()
        server.backend.delete(made.ref(name))
        assert not keys(made.plan.machine(name)).exists()
    assert own(server) is None
    made.down()


@pytest.mark.parametrize("management", ["auto", "none"])
def test_who_does_not_ask_for_a_way_in_gets_none(lab, server, management):
    made = lab({**ONE, "management": management})
    made.up()
    assert own(server) is None
    assert not keys(made.plan.machine("pc1")).exists()
    server.backend.start(made.ref("pc1"))
    assert server.backend.read(made.ref("pc1")).running
    with pytest.raises(BackendError, match="without management: ssh"):
        server.backend.execute(made.ref("pc1"), ["true"], timeout_s=5)


def test_a_way_in_comes_and_goes_with_what_the_lab_says(lab, server):
    without = {each: {**PAIR, "management": each} for each in ("none", "ssh")}
    for how in ("none", "ssh", "none"):
        made = lab(without[how])
        made.up()
        assert made.read() == list(made.items())
        assert (own(server) is not None) == (how == "ssh")
        assert keys(made.plan.machine("pc1")).exists() == (how == "ssh")
    made.down()
    assert server.store.look().left() == []


def test_a_switch_of_somebody_else_is_not_entered_by(lab, server):
    with server.store.open() as world:
        world.switches.append(Switch(OWN, "Internal", "mine"))
    made = lab(ONE)
    with pytest.raises(ForeignError, match=f"a switch {OWN} that is not labiac's"):
        made.up()
    made.down()
    assert own(server).Notes == "mine"


@pytest.mark.parametrize("damage", ["switch", "adapter", "keys"])
def test_a_way_in_that_somebody_took_away_is_found_and_mended(lab, server, damage):
    made = lab(ONE)
    made.up()
    machine = made.plan.machine("pc1")
    with server.store.open() as world:
        card = world.machines[0].adapters[-1]
        if damage == "switch":
            world.switches.remove(world.switch(card.switch))
            card.switch = None
        if damage == "adapter":
            world.machines[0].adapters.remove(card)
    if damage == "keys":
        rmtree(keys(machine))
    assert made.read()[-1] == replace(
        machine, management=None, seed=() if damage == "keys" else machine.seed
    )
    made.up()
    assert made.read() == list(made.items())
    made.down()


def test_a_machine_that_is_off_or_gone_is_said_to_be(made):
    ref, asked = made.ref("pc1"), [Ping("pc1", "10.0.1.1")]
    measured = partial(made.backend.measure, made.copy, asked, timeout_s=5, settle=False)
    for act in (
        lambda: made.backend.execute(ref, ["true"], timeout_s=5),
        lambda: made.backend.attach(ref, ["true"]),
        lambda: made.backend.capture(ref, "eth0", io.BytesIO(), packets=1, seconds=1),
    ):
        with pytest.raises(BackendError, match="is off"):
            act()
    assert measured() == [False]
    made.backend.delete(ref)
    with pytest.raises(BackendError, match="is gone"):
        made.backend.execute(ref, ["true"], timeout_s=5)
    assert measured() == [False]


def test_by_ssh_the_way_leads_through_the_host_and_by_winrm_there_is_none(monkeypatch, lab, server):
    made = lab(ONE)
    monkeypatch.setenv(host.HOST, "ssh://ana@server:2222")
    assert host.tunnel("fe80::1%12", 22, where="hyperv pc1") == (
        "ssh", "-o", "BatchMode=yes", "-p", "2222", "-l", "ana",
        "-W", "[fe80::1%12]:22", "--", "server",
    )  # fmt: skip
    monkeypatch.setenv(host.HOST, "https://ana@server")
    with pytest.raises(
        BackendError, match=r"leads no further.*\n  fix: .*ssh://.*management: none"
    ):
        list(doors.problems(made.plan))
    assert list(doors.problems(lab({**ONE, "management": "none"}).plan)) == []
    del server


def test_its_adapter_is_counted_among_those_there_is_room_for(lab, server):
    lans = {f"lan{number}": {} for number in range(1, 9)}
    full = {"management": "ssh", "lans": lans, "pcs": {"pc1": {"lans": [*lans]}}}
    (said,) = (each for each in server.backend.check(lab(full).plan) if each.level == "error")
    assert said.problem.startswith("9 NICs, one of them labiac's own, are more than the 8")
    assert said.fix.endswith("or say management: none")
    alone = lab({**full, "management": "none"})
    assert [each for each in server.backend.check(alone.plan) if each.level == "error"] == []


@pytest.mark.slow
def test_a_machine_is_ready_when_its_guest_is(made, server, inside):
    observed = inside(lambda: server.backend.read(made.ref("pc1")))
    assert (observed.item, observed.running) == (made.plan.machine("pc1"), True)


@pytest.mark.slow
def test_commands_run_in_it_pings_leave_it_and_packets_are_seen(made, server, inside):
    ref = made.ref("pc1")
    ran = inside(
        lambda: server.backend.execute(ref, ["sh", "-c", "echo $0; exit 3", "x y"], timeout_s=20)
    )
    assert (ran.status, ran.stdout) == (3, b"x y\n")
    own = made.plan.machine("pc1").nics[0].addresses[0].partition("/")[0]
    asked = [Ping("pc1", own), Ping("pc1", "10.0.1.99")]
    measure = partial(server.backend.measure, made.copy, asked, timeout_s=2, settle=False)
    assert inside(measure) == [True, False]
    sink = io.BytesIO()
    seen = partial(server.backend.capture, ref, NAME, sink, packets=2, seconds=30)
    assert inside(seen) == 2  # of SSH itself
    said = subprocess.run(
        ["tcpdump", "-nn", "-r", "-"], input=sink.getvalue(), check=True, capture_output=True
    )
    assert b"fe80::" in said.stdout


@pytest.mark.slow
def test_what_was_done_in_it_by_hand_is_found_and_mended_while_it_runs(made, server, bench, inside):
    bench.ip("pc1", "address add 10.0.1.99/24 dev eth0")
    ref, planned = made.ref("pc1"), made.plan.machine("pc1")
    found = inside(lambda: server.backend.read(ref)).item
    assert "10.0.1.99/24" in found.nics[0].addresses
    assert inside(lambda: server.backend.glance(ref)).item == planned
    boxes = server.store.look().machines
    assert inside(lambda: server.backend.create(made.copy, planned)).item == planned
    assert "10.0.1.99" not in bench.run_in("pc1", "ip", "address")
    assert server.store.look().machines == boxes


@pytest.mark.slow
def test_a_guest_that_does_not_answer_does_not_run(made, server, guests):
    with guests.on() as inside:
        inside(lambda: server.backend.start(made.ref("pc1")))
    with entered(guests.bench, "host") as inside:
        assert not inside(lambda: server.backend.read(made.ref("pc1"))).running
        assert server.backend.glance(made.ref("pc1")).running
        with pytest.raises(BackendError, match=r"does not answer[^$]*fix: vmconnect"):
            inside(lambda: server.backend.execute(made.ref("pc1"), ["true"], timeout_s=20))


@pytest.mark.slow
def test_how_far_it_is_is_told_and_who_waits_no_longer_is_let_go(made, server, guests):
    news = []
    watch = Watch(news.append)
    watch.cancelled.set()
    backend = server.backend.watched(watch)
    with guests.on(result="") as inside, pytest.raises(BackendError, match="nobody waited"):
        inside(lambda: backend.start(made.ref("pc1")))
    assert news[0].startswith("pc1: boots")


def test_a_lab_that_goes_back_to_a_snapshot_has_its_way_in(made, server):
    snapshots = server.backend.snapshots(made.copy)
    taken = snapshots.take("start")
    assert taken.differs == ()
    with server.store.open() as world:
        world.machines[0].adapters.pop()
    assert snapshots.restore("start") == taken
    assert made.read() == list(made.items())
    snapshots.forget("start")
