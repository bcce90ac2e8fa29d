"""LANs on a simulated Hyper-V host: switches, the host's addresses, NAT."""

import pytest

from labiac.backends.hyperv import networks
from labiac.backends.hyperv.shell import RefusedError
from labiac.errors import BackendError, ForeignError
from labiac.plan.diff import diff
from tests.backends.hyperv.world import Fault, Switch, Thing

NAT = {
    "type": "nat",
    "ipv4": "10.9.1.0/24",
    "forwards": [
        {"host_port": 8080, "to": "pc1", "port": 80},
        {"host_port": 5353, "to": "pc1", "port": 53, "protocol": "udp"},
    ],
}
LANS = {
    "lans": {
        "lan1": {},
        "out": NAT,
        "hosted": {"type": "host"},
        "wall": {"type": "bridged", "interface": "Ethernet"},
    },
    "pcs": {"pc1": {"lans": ["lan1", "out"]}},
}


def test_each_type_of_lan_is_a_switch_of_its_kind_and_reads_as_planned(lab, server):
    made = lab(LANS)
    assert [each for each in server.backend.check(made.plan) if each.level == "error"] == []
    made.up()
    world = server.store.look()
    kinds = {switch.Name: switch.SwitchType for switch in world.switches}
    assert kinds == {
        "lab-ana-hosted": "Internal",
        "lab-ana-lan1": "Private",
        "lab-ana-out": "Internal",
        "lab-ana-wall": "External",
    }
    assert [nat.InternalIPInterfaceAddressPrefix for nat in world.nats] == ["10.9.1.0/24"]
    assert {(rule.Protocol, rule.ExternalPort) for rule in world.rules} == {
        ("TCP", 8080),
        ("UDP", 5353),
    }
    assert made.read() == list(made.items())
    made.up()
    assert made.read() == list(made.items())
    made.down()
    assert server.store.look().left() == []


@pytest.mark.parametrize("change", [{"forwards": NAT["forwards"][1:]}, {"ipv4": "10.9.7.0/24"}])
def test_a_nat_changes_its_rules_and_its_subnet_while_machines_run(lab, server, change):
    made = lab(LANS)
    made.up()
    server.backend.start(made.ref("pc1"))
    was = made.plan.network("out")
    plan = made.planned({"lans": {**LANS["lans"], "out": {**NAT, **change}}})
    features = server.backend.features
    changes = diff(made.plan, plan, boots=features.boots, live=features.live)
    assert [each.effect for each in changes if each.kind == "network"] == ["live"]
    now = plan.network("out")
    assert server.backend.update(made.ref(was), was, now).item == now
    (machine,) = server.store.look().machines
    assert machine.State == "Running"
    assert all(card.switch for card in machine.adapters)


def test_a_switch_changed_by_hand_is_found_and_mended(lab, server):
    made = lab(LANS)
    made.up()
    with server.store.open() as world:
        for switch in world.switches:
            if switch.Name.endswith("lan1"):
                switch.SwitchType = "Internal"
        world.rules.pop()
        world.addresses = [each for each in world.addresses if "hosted" not in each.InterfaceAlias]
    there = {item.name: item for item in made.read()}
    assert there["lan1"].type == "host"
    assert len(there["out"].forwards) == 1
    assert there["hosted"].host_addresses == ()
    made.up()
    assert made.read() == list(made.items())


def test_the_hosts_own_adapter_may_be_slow_to_come(lab, server):
    with server.store.open() as world:
        world.how_slow = 2
    made = lab(LANS)
    made.up()
    assert made.read() == list(made.items())


def test_an_adapter_that_never_comes_is_said_and_the_next_try_goes_on(lab, server, monkeypatch):
    with server.store.open() as world:
        world.how_slow = 2
    made = lab({"lans": {"hosted": {"type": "host"}}})
    with monkeypatch.context() as patch:
        patch.setattr(networks, "_SLOW_S", 0)
        with pytest.raises(BackendError, match=r"adapter vEthernet \(lab-ana-hosted\) after 0 s"):
            made.up()
    made.up()
    assert made.read() == list(made.items())


def test_a_nat_without_an_administrators_rights_says_who_may(lab, server):
    with server.store.open() as world:
        said = "Access is denied."
        world.faults.append(
            Fault("New-NetNat", "Windows System Error 5,New-NetNat", "PermissionDenied", said)
        )
    with pytest.raises(RefusedError, match=r"(?s)Access is denied.*fix: .*NAT needs administrator"):
        lab(LANS).up()


def test_a_switch_of_somebody_else_is_left_alone(lab, server):
    with server.store.open() as world:
        world.switches.append(Switch("lab-ana-lan1", "Private", "mine"))
    made = lab(LANS)
    with pytest.raises(ForeignError, match="a switch lab-ana-lan1 that is not labiac's"):
        made.up()
    made.down()
    assert [switch.Notes for switch in server.store.look().switches] == ["mine"]


def test_an_interface_that_another_switch_has_is_refused_with_the_remedy(lab, server):
    with server.store.open() as world:
        world.switches.append(Switch("office", "External", "", "Ethernet"))
    with pytest.raises(
        RefusedError, match=r"bound already.*\n.*ObjectInUse.*\n  fix: .*another interface"
    ):
        lab(LANS).up()


def test_a_nat_that_overlaps_another_is_refused(lab, server):
    with server.store.open() as world:
        prefix = {"Name": "docker", "InternalIPInterfaceAddressPrefix": "10.9.0.0/16"}
        world.nats.append(Thing(prefix))
    with pytest.raises(RefusedError, match="System Error 87"):
        lab(LANS).up()


def test_subnets_that_the_host_is_in_already_are_told_before_anything_is_made(lab, server):
    made = lab(LANS)
    hosted = made.plan.network("hosted").host_addresses[0].partition("/")[0]
    with server.store.open() as world:
        for address, alias in ((hosted, "Ethernet"), ("fe80::1%4", "vEthernet (Default Switch)")):
            known = {"IPAddress": address, "PrefixLength": 24, "InterfaceAlias": alias}
            world.addresses.append(Thing(known))
        prefix = {"Name": "docker", "InternalIPInterfaceAddressPrefix": "10.9.0.0/16"}
        world.nats.append(Thing(prefix))
    said = [each for each in server.backend.check(made.plan) if each.level == "error"]
    assert sorted(each.where for each in said) == ["hyperv hosted", "hyperv out"]
    words = " ".join(each.problem for each in said)
    assert f"{hosted}/24 on Ethernet" in words
    assert "10.9.0.0/16 as NAT docker" in words


def test_a_lab_of_another_student_in_the_same_subnet_is_named_and_ones_own_is_fine(lab, server):
    made, other = lab(LANS), lab({**LANS, "name": "other"})
    made.up()
    assert [each for each in server.backend.check(made.plan) if each.level == "error"] == []
    said = [each for each in server.backend.check(other.plan) if each.level == "error"]
    assert {each.where for each in said} == {"hyperv hosted", "hyperv out"}
    assert all("labiac destroy --lab lab --student ana" in each.fix for each in said)


def test_a_switch_in_use_stays_and_so_does_its_mark(lab, server):
    made = lab(LANS)
    made.up()
    with server.store.open() as world:
        world.faults.append(
            Fault("Remove-VMSwitch", "InvalidState,x", "InvalidOperation", "in use", times=1)
        )
    lan = made.plan.network("lan1")
    with pytest.raises(RefusedError, match="in use"):
        server.backend.delete(made.ref(lan))
    server.backend.delete(made.ref(lan))
    assert server.backend.read(made.ref(lan)) is None


def test_what_hyper_v_can_not_do_is_said_with_a_way_out(lab, server):
    made = lab(
        {
            "pool": {"ipv6": "fd00::/48"},
            "lans": {
                "lan1": {},
                "out": {"type": "nat", "ipv4": "10.9.1.0/24", "ipv6": "fd00:0:0:9::/64"},
                "wall": {"type": "bridged", "interface": "eth9"},
            },
            "pcs": {
                "pc1": {"nics": [{"attach": "nat"}, {"lan": "lan1", "impair": {"delay_ms": 5}}]},
                "pc2": {"nics": [{"lan": "lan1", "model": "82540EM"}]},
            },
        }
    )
    said = [problem for problem in server.backend.check(made.plan) if problem.level == "error"]
    found = " ".join(problem.problem for problem in said)
    for words in ("NAT for IPv4 alone", "no interface 'eth9'", "no NAT for one adapter"):
        assert words in found
    for words in ("neither delays nor loses", "no NIC model '82540EM'"):
        assert words in found
    assert all(problem.fix for problem in said)
