"""LANs on the real VBoxManage: what is made of them, and what is only a name."""

from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.virtualbox import adapters, marks
from labiac.backends.virtualbox import manage as manage_module
from labiac.backends.virtualbox.info import blocks
from labiac.backends.virtualbox.manage import manage
from labiac.errors import BackendError, ForeignError
from tests.backends.killed import killed

pytestmark = pytest.mark.slow

FORWARDS = [
    {"host_port": 8080, "to": "pc1", "port": 80},
    {"host_port": 5353, "to": "pc1", "port": 53, "protocol": "udp"},
]
OUT = {"type": "nat", "ipv4": "10.0.5.0/24"}
NATS = {
    "plain": OUT,
    "another subnet": {**OUT, "ipv4": "10.0.6.0/24"},
    "port forwards": {**OUT, "forwards": FORWARDS},
    "a port to somewhere else": {**OUT, "forwards": [{**FORWARDS[0], "port": 81}, FORWARDS[1]]},
    "a port for all to see": {**OUT, "forwards": [{**FORWARDS[0], "host_address": "0.0.0.0"}]},  # noqa: S104
    "another subnet with port forwards": {**OUT, "ipv4": "10.0.6.0/24", "forwards": FORWARDS},
}


def described(lan):
    return {"lans": {"out": lan}, "pcs": {"pc1": {"lan": "out"}}}


def natnets():
    return {each["Name"]: each for each in blocks(manage("natnetwork", "list"))}


@pytest.mark.parametrize("lan", NATS.values(), ids=NATS)
def test_a_nat_network_is_written_read_back_changed_and_removed(virtualbox, lab, lan):
    made = lab(described(lan))
    network = made.plan.network("out")
    assert virtualbox.create(made.copy, network).item == network
    assert made.read(network) == network
    for other in NATS.values():
        changed = made.planned(described(other)).network("out")
        for item in (changed, network):
            assert virtualbox.create(made.copy, item).item == item
            assert made.read(item) == item
    virtualbox.delete(made.ref(network))
    assert made.read(network) is None
    assert network.host_name not in natnets()


def test_a_nat_network_changed_by_hand_is_seen_and_mended(virtualbox, lab):
    made = lab(described(NATS["port forwards"]))
    network = made.plan.network("out")
    virtualbox.create(made.copy, network)
    name = ["--netname", network.host_name]
    manage("natnetwork", "modify", *name, "--port-forward-4", "delete", "tcp-8080")
    assert made.read(network) == replace(network, forwards=network.forwards[1:])
    manage("natnetwork", "modify", *name, "--network", "10.0.9.0/24")
    assert made.read(network).ipv4 == "10.0.9.0/24"
    manage("natnetwork", "modify", *name, "--disable")
    assert not virtualbox.read(made.ref(network)).running
    assert virtualbox.create(made.copy, network).item == network
    assert virtualbox.read(made.ref(network)).running
    manage("natnetwork", "remove", *name)
    assert made.read(network) is None
    virtualbox.create(made.copy, network)
    assert made.read(network) == network


def test_a_nat_network_of_others_is_refused_and_left_alone(virtualbox, lab):
    made = lab(described(OUT))
    network = made.plan.network("out")
    name = network.host_name
    manage("natnetwork", "add", "--netname", name, "--network", "10.9.9.0/24", "--enable")
    with pytest.raises(ForeignError, match=f"there is a NAT network {name} that is not labiac's"):
        virtualbox.create(made.copy, network)
    made.down()
    assert natnets()[name]["Network"] == "10.9.9.0/24"
    manage("natnetwork", "remove", "--netname", name)


@pytest.mark.parametrize("lan", [{}, {"type": "bridged", "interface": "eth0"}])
def test_other_lans_are_names_and_leave_nothing(virtualbox, lab, lan):
    before = natnets()
    made = lab(described(lan))
    network = made.plan.network("out")
    assert virtualbox.create(made.copy, network).item == network
    assert virtualbox.read(made.ref(network)).running
    assert natnets() == before
    virtualbox.delete(made.ref(network))
    assert made.read(network) is None


def test_a_lan_of_the_hosts_needs_the_driver_and_leaves_nothing_without(virtualbox, lab):
    if Path("/dev/vboxnetctl").exists():
        pytest.skip("VirtualBox's kernel driver is loaded here")
    made = lab(described({"type": "host"}))
    network = made.plan.network("out")
    with pytest.raises(BackendError, match="fix: see that its kernel drivers are loaded"):
        virtualbox.create(made.copy, network)
    assert made.read(network) is None
    virtualbox.delete(made.ref(network))
    assert made.plan.lab not in {mark.copy.lab for mark in marks.marks()}


def test_the_hosts_own_adapter_is_made_found_by_its_address_and_removed(virtualbox, lab, power):
    manage("hostonlyif", "create")  # somebody else's
    made = lab(described({"type": "host", "ipv4": "192.168.60.0/24"}))
    network = made.plan.network("out")
    for _ in range(2):
        assert virtualbox.create(made.copy, network).item == network
    assert power.adapters() == {"vboxnet0": "192.168.56.1", "vboxnet1": "192.168.60.1"}
    assert made.read(network) == network
    manage("hostonlyif", "ipconfig", "vboxnet1", "--ip=192.168.61.1", "--netmask=255.255.255.0")
    assert made.read(network) is None
    manage("hostonlyif", "ipconfig", "vboxnet1", "--ip=192.168.60.1", "--netmask=255.255.255.0")
    made.down()
    assert power.adapters() == {"vboxnet0": "192.168.56.1"}


@pytest.mark.parametrize("again", [True, False])
def test_an_adapter_that_was_killed_before_it_had_its_address_is_completed_or_goes(
    virtualbox, lab, power, again
):
    manage("hostonlyif", "create")  # somebody else's
    for step in range(1, 20):
        made = lab(described({"type": "host", "ipv4": "192.168.60.0/24"}))
        network = made.plan.network("out")
        survived = not killed(step, watch, lambda: virtualbox.create(made.copy, network))  # noqa: B023
        if again:
            assert virtualbox.create(made.copy, network).item == network
            assert power.adapters() == {"vboxnet0": "192.168.56.1", "vboxnet1": "192.168.60.1"}
        virtualbox.delete(made.ref(network))
        assert power.adapters() == {"vboxnet0": "192.168.56.1"}
        assert not [*(marks.folder() / "networks").glob(f"{network.host_name}*")]
        if survived:
            break
    assert step > 5


def watch(steps):
    """Count what touches VirtualBox or labiac's own files."""
    steps.count(manage_module, "_once")
    steps.count(marks, "keep")
    steps.count(adapters, "keep")


def test_a_machine_without_its_lan_is_refused_and_nothing_is_made(virtualbox, lab):
    made = lab(described({}))
    pc1 = made.plan.machine("pc1")
    with pytest.raises(BackendError, match="its LAN out is not there"):
        virtualbox.create(made.copy, pc1)
    assert made.read(pc1) is None


def test_a_machine_whose_lan_was_forgotten_is_read_and_can_go(virtualbox, lab):
    made = lab(described({}))
    made.up()
    pc1 = made.plan.machine("pc1")
    marks.drop(marks.mark_of(made.ref(made.plan.network("out"))))
    assert made.read(pc1) == pc1
    virtualbox.delete(made.ref(pc1))
    assert made.read(pc1) is None


def test_a_lan_that_goes_takes_along_the_machines_in_it_and_no_others(virtualbox, lab):
    lans = {"lans": {"out": OUT, "lan1": {}}}
    made = lab({**lans, "pcs": {"pc1": {"lan": "out"}, "pc2": {"lan": "lan1"}}})
    made.up()
    virtualbox.delete(made.ref(made.plan.network("out")))
    assert made.read(made.plan.machine("pc1")) is None
    assert made.read(made.plan.machine("pc2")) == made.plan.machine("pc2")
