"""What Incus is told of a node, and what a node is by what Incus has."""

from dataclasses import replace

import pytest

from labiac.backends.base import Copy
from labiac.backends.incus import instance, names
from labiac.backends.mark import Mark
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {
    "name": "two",
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1", "memory_mib": 300}},
}
ANA = Copy("two", "ana")


@pytest.fixture
def r1():
    return resolve(from_data(LAB), "ana", "incus").machine("r1")


def test_a_nic_has_its_name_and_mac_and_leads_to_the_bridge_of_its_lan(r1):
    devices = instance.devices(ANA, r1, "fast")
    assert devices.pop("root") == {"type": "disk", "path": "/", "pool": "fast"}
    assert {
        name: (card["name"], card["hwaddr"], card["network"]) for name, card in devices.items()
    } == {nic.name: (nic.name, nic.mac, names.bridge(ANA, nic.network)) for nic in r1.nics}


def test_a_nic_with_its_cable_out_leads_nowhere(r1):
    out = replace(r1, nics=tuple(replace(nic, connected=False) for nic in r1.nics))
    cards = [card for card in instance.devices(ANA, out, "p").values() if card["type"] == "nic"]
    assert [(card.get("network"), card["nictype"]) for card in cards] == [(None, "p2p")] * 2


def test_a_node_is_what_its_devices_say(r1):
    assert instance.observed(r1, ANA, instance.devices(ANA, r1, "p")) == r1


def test_a_nic_that_somebody_moved_pulled_or_took_away_shows(r1):
    devices = instance.devices(ANA, r1, "p")
    devices["eth0"]["network"] = "elsewhere"
    assert instance.observed(r1, ANA, devices).nics[0].network == "elsewhere"
    del devices["eth0"]["network"]
    assert not instance.observed(r1, ANA, devices).nics[0].connected
    del devices["eth0"]
    assert [nic.name for nic in instance.observed(r1, ANA, devices).nics] == ["eth1"]


def test_a_configuration_has_mark_seed_and_limits_and_leaves_incus_its_own(r1):
    mark = Mark(ANA, replace(r1, memory_mib=300, cpus=2), whole=False)
    known = {"volatile.uuid": "1", "image.os": "debian", "limits.cpu": "9", "user.other": "no"}
    config = instance.configuration(mark, known)
    assert Mark.from_json(config.pop(names.MARK)) == mark
    seed = {f"{names.SEED}{file.name}": file.text for file in r1.seed}
    own = {"volatile.uuid": "1", "image.os": "debian"}
    assert config == {**seed, **own, "limits.cpu": "2", "limits.memory": "300MiB"}


def test_no_two_copies_share_a_project_and_no_two_lans_a_bridge():
    copies = [
        Copy("a-b", "c"),
        Copy("a", "b-c"),
        Copy("x" * 40, "y" * 40),
        Copy("x" * 40, "y" * 39),
    ]
    assert len({names.project(copy) for copy in copies}) == len(copies)
    assert max(len(names.project(copy)) for copy in copies) <= 63
    bridges = {names.bridge(copy, lan) for copy in copies for lan in ("lan1", "lan2")}
    assert len(bridges) == 2 * len(copies)
    assert max(map(len, bridges)) <= 15
