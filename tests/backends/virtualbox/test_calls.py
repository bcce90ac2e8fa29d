"""The pure half: plan items to calls of VBoxManage, and what it tells back to plan items."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.base import Copy
from labiac.backends.virtualbox import box as boxes
from labiac.backends.virtualbox import network
from labiac.backends.virtualbox.box import Wanted
from labiac.backends.virtualbox.cards import Wire, wire_of
from labiac.backends.virtualbox.info import blocks, scan
from labiac.plan.model import Forward
from labiac.plan.resolve import plan_file, resolve
from labiac.schema.load import from_data

SAMPLES = Path(__file__).with_name("samples")
ANA = Copy("course", "ana")
COURSE = {
    "name": "course",
    "management": "none",
    "lans": {
        "lan1": {},
        "out": {
            "type": "nat",
            "ipv4": "10.0.5.0/24",
            "forwards": [
                {"host_port": 8080, "to": "pc4", "port": 80},
                {"host_port": 5353, "to": "pc4", "port": 53, "protocol": "udp"},
            ],
        },
        "wall": {"type": "bridged", "interface": "eth0"},
        "hosted": {"type": "host"},
    },
    "routers": {
        "r1": {
            "nics": [
                {"attach": "nat", "forwards": [{"host_port": 2201, "port": 22}]},
                {"lan": "lan1", "model": "e1000"},
                {"lan": "out", "model": "e1000"},
                {"lan": "wall", "model": "e1000"},
                {"lan": "hosted", "model": "e1000"},
                {
                    "attach": "generic",
                    "driver": "UDPTunnel",
                    "properties": {"dest": "127.0.0.1", "dport": "10001"},
                    "promiscuous": True,
                    "model": "e1000",
                },
                {"attach": "none", "model": "e1000"},
            ]
        }
    },
    "pcs": {
        "pc4": {"lan": "out"},
        "slow": {"lan": "lan1", "impair": {"rate_kbit": 2000}, "cpus": 2},
        "large": {"nics": [{"lan": "lan1"}] * 9},
    },
}


@pytest.fixture(scope="module")
def course():
    """A lab with each type of LAN, and each way to attach a NIC."""
    return resolve(from_data(COURSE, "test"), "ana", "virtualbox")


def wanted(plan, name):
    wires = {lan.name: wire_of(lan, "vboxnet0") for lan in plan.networks}
    machine = plan.machine(name)
    copy, console = Copy(plan.lab, plan.student), ("server", "console")
    return Wanted(copy, machine, wires, console, machine.seed, 22_001)


def text(calls):
    """Return *calls* as a person reads them: a word with its value a line."""
    return "".join(shlex.join(call).replace(" --", " \\\n    --") + "\n" for call in calls)


def test_the_practical_is_as_it_was_approved(golden):
    plan = plan_file("three-lans", "ana", "virtualbox")
    for machine in plan.machines:
        calls = boxes.changes(boxes.bare(), wanted(plan, machine.name))
        golden(f"three-lans/{machine.name}.txt", text(calls))


@pytest.mark.parametrize("name", ["r1", "pc4", "slow", "large"])
def test_each_way_to_attach_a_nic_is_as_it_was_approved(course, name, golden):
    golden(f"course/{name}.txt", text(boxes.changes(boxes.bare(), wanted(course, name))))


def test_who_listens_is_promiscuous_where_it_listens(golden):
    box = {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan1"]}
    lab = {"name": "watched", "lans": {"lan1": {}, "lan2": {}}, "middleboxes": {"ids9": box}}
    plan = resolve(from_data(lab, "test"), "ana", "virtualbox")
    golden("watched/ids9.txt", text(boxes.changes(boxes.bare(), wanted(plan, "ids9"))))


def test_a_nat_network_is_as_it_was_approved(course, golden):
    golden("course/out.txt", text(network.changes(None, course.network("out"))))


def test_a_machine_that_is_as_wanted_takes_no_call(course):
    assert boxes.changes(sample(course), r1(course)) == []


def test_a_machine_that_was_read_is_the_one_that_was_planned(course):
    want = r1(course)
    assert boxes.observed(want, sample(course)) == replace(want.machine, seed=())


def test_a_seed_is_known_by_the_name_of_its_file(course):
    want = r1(course)
    there = replace(sample(course), seed=f"/anywhere/{boxes.seed_name(want.seed)}")
    assert boxes.observed(want, there) == want.machine
    assert boxes.seed_name(want.seed[1:]) != boxes.seed_name(want.seed)


def test_cards_go_when_a_nic_goes_and_their_rules_before_they_are_another(course):
    want = r1(course)
    fewer = replace(want, machine=replace(want.machine, nics=want.machine.nics[1:3]))
    (call,) = boxes.changes(sample(course), fewer)
    assert [word for word in call if word.endswith("=none")] == [
        "--nic-bandwidth-group1=none",
        "--nic-bandwidth-group2=none",
        *(f"--nic{slot}=none" for slot in range(3, 8)),
    ]
    assert call[call.index("delete") - 1 :][:3] == ["--nat-pf1", "delete", "tcp-2201"]


def test_a_rate_is_a_group_of_its_own_that_comes_first_and_goes_last(course):
    want = wanted(course, "slow")
    first, *_ = boxes.changes(boxes.bare(), want)
    assert first[2:] == ["add", "nic1", "--type=network", "--limit=2000k"]
    there = replace(boxes.bare(), rates={"nic1": 1000, "nic9": 5})
    calls = [call[2:] for call in boxes.changes(there, want) if call[0] == "bandwidthctl"]
    assert calls == [["set", "nic1", "--limit=2000k"], ["remove", "nic9"]]


def test_the_larger_board_comes_before_the_nics_that_need_it_and_goes_after_them(course):
    large, small = wanted(course, "large"), wanted(course, "pc4")
    board, cards = boxes.changes(boxes.bare(), large)
    assert (board[2:], cards[0]) == (["--chipset=ich9"], "modifyvm")
    there = replace(boxes.bare(), chipset="ich9")
    assert boxes.changes(there, small)[-1][2:] == ["--chipset=piix3"]


def test_a_cable_a_lan_and_promiscuity_change_while_the_machine_runs(course):
    want, there = r1(course), sample(course)
    moved = replace(there.cards[2], wire=Wire("null"), cable=False, promiscuous=True)
    was = replace(there, cards={**there.cards, 2: moved})
    assert [call[2:] for call in boxes.live(was, want)] == [
        ["nic2", "intnet", "course-ana-lan1"],
        ["setlinkstate2", "on"],
        ["nicpromisc2", "deny"],
    ]
    assert boxes.live(there, want) == []


@pytest.mark.parametrize(
    "change", [{"mac": "080027000001"}, {"model": "Am79C973"}, {"forwards": ()}, {"rate_kbit": 9}]
)
def test_any_other_change_of_a_card_takes_a_machine_that_is_off(course, change):
    there = sample(course)
    was = replace(there, cards={**there.cards, 1: replace(there.cards[1], **change)})
    assert boxes.live(was, r1(course)) is None


def test_memory_and_cards_that_come_or_go_take_a_machine_that_is_off(course):
    there = sample(course)
    fewer = {slot: card for slot, card in there.cards.items() if slot != 3}
    assert boxes.live(replace(there, cards=fewer), r1(course)) is None
    assert boxes.live(replace(there, memory_mib=1), r1(course)) is None


def test_a_nat_network_that_is_as_wanted_takes_no_call(course):
    assert network.changes(natnet(), course.network("out")) == []
    assert network.observed(course.network("out"), natnet()) == course.network("out")


def test_a_rule_of_a_nat_network_changes_by_its_name(course):
    lan = course.network("out")
    first, second = lan.forwards
    other = replace(lan, forwards=(replace(first, guest_port=81), second))
    ((*_, option, delete, name, _option, rule),) = network.changes(natnet(), other)
    assert (option, delete, name) == ("--port-forward-4", "delete", "tcp-8080")
    assert rule == "tcp-8080:tcp:[127.0.0.1]:8080:[10.0.5.14]:81"


def test_a_nat_network_that_moves_takes_its_rules_along_anew(course):
    there = {**natnet(), "Network": "10.0.6.0/24"}
    (call,) = network.changes(there, course.network("out"))
    assert call[4:6] == ["--network", "10.0.5.0/24"]
    assert call.count("delete") == 2
    assert call.count("--port-forward-4") == 4


def test_a_nat_network_changed_by_hand_is_seen(course):
    lan = course.network("out")
    rules = "mine:tcp:[]:2222:[10.0.6.9]:22\n"
    moved = {
        **natnet(),
        "Network": "10.0.6.0/24",
        "Gateway": "10.0.6.1",
        "Port-forwarding (ipv4)": rules,
    }
    assert network.observed(lan, moved) == replace(
        lan,
        ipv4="10.0.6.0/24",
        host_addresses=("10.0.6.1/24",),
        forwards=(Forward("tcp", 2222, "10.0.6.9", 22, ""),),
    )
    assert network.changes({**natnet(), "Enabled": "No", "DHCP Server": "Yes"}, lan) == [
        ["natnetwork", "modify", "--netname", "course-ana-out", "--dhcp", "off", "--enable"]
    ]


def natnet():
    return blocks((SAMPLES / "natnetwork.txt").read_text())[0]


def sample(plan):
    """Return a machine as VirtualBox told of it, with the MACs of *plan*, on the smaller board."""
    info = scan((SAMPLES / "showvminfo.txt").read_text()) | {"chipset": "piix3"}
    for slot, nic in enumerate(plan.machine("r1").nics, 1):
        info[f"macaddress{slot}"] = nic.mac.replace(":", "").upper()
    return boxes.box(info, (SAMPLES / "r1.vbox").read_text())


def r1(plan):
    return replace(wanted(plan, "r1"), console=("server", "/home/ana/labs/r1/console"))
