"""Firewalls, NATs and bridges as they are on the host: real TCP, real pings, both IP versions."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from labiac.backends.base import Copy, Ping
from labiac.backends.netns import features, rules
from labiac.backends.netns.backend import NetnsBackend
from labiac.backends.netns.enter import traveller
from labiac.backends.netns.user import UserBackend
from labiac.errors import CommandError
from labiac.plan.model import Policy, Redirect, Rule, Service, Translation
from tests.backends.conftest import Labs
from tests.backends.netns.test_machines import on, pinging, update

LAB = {
    "pool": {"ipv6": "fd00::/48"},
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}
PC1, PC2 = ("10.0.1.11", "fd00:0:0:1::11"), ("10.0.2.12", "fd00:0:0:2::12")
R1_OUTSIDE = ("10.0.2.1", "fd00:0:0:2::1")
ICMP = Rule("accept", "icmp", (), (), ())
WEB = Rule("accept", "tcp", (), (), ((80, 80),))
SERVER = """
import socket
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    line, (client, *_) = server.accept()
    line.sendall(client.removeprefix("::ffff:").encode())
    line.close()
"""
SERVICE = Service("web", (sys.executable, "-c", SERVER))
CLIENT = """
import socket, sys, time
for _ in range(100):
    try:
        line = socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5)
    except ConnectionRefusedError:
        if sys.argv[3] == "once":
            sys.exit("refused")
        time.sleep(0.05)
    except TimeoutError:
        sys.exit("silence")
    except OSError as error:
        sys.exit(error.strerror)
    else:
        print(line.recv(100).decode())
        break
"""


@pytest.fixture(params=["root", "user"])
def lab(request, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("plays root and an ordinary user, which takes root")
    labs = Labs(NetnsBackend() if request.param == "root" else UserBackend(tmp_path))
    yield labs
    labs.close()


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("looks at the namespaces of root's labs")
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()


def firewall(*rules, default="drop"):
    return {"role": "firewall", "policy": Policy(rules, default)}


def nat(*redirects):
    return {"role": "nat", "translation": Translation("eth1", redirects)}


def up(lab, **changes):
    """Bring up two LANs with a web server each, and *changes* to the router between them."""
    plan = with_middlebox(lab.plan(LAB), **changes)
    lab.up(plan)
    return plan


def with_middlebox(plan, **changes):
    """Return *plan* with *changes* to the router, and a web server on each PC."""
    machines = tuple(
        replace(machine, **(changes if machine.name == "r1" else {"services": (SERVICE,)}))
        for machine in plan.machines
    )
    return replace(plan, machines=machines)


def pings(lab, plan, source, *addresses):
    asked = [Ping(source, address) for address in addresses]
    copy = Copy(plan.lab, plan.student)
    return lab.backend.measure(copy, asked, timeout_s=5, settle=False)


def whom_the_web_sees(lab, plan, source, address, port=80, *, tries="many"):
    """Return the address that the web server sees the client under, or why there was no answer."""
    argv = [sys.executable, "-c", CLIENT, address, str(port), tries]
    ran = lab.backend.execute(lab.ref(plan, source), argv, timeout_s=10)
    return (ran.stdout or ran.stderr).decode().strip()


def test_a_firewall_lets_through_what_its_rules_allow_and_drops_the_rest(lab):
    web_of_pc2 = Rule("accept", "tcp", ("10.0.1.0/24", "fd00:0:0:1::/64"), PC2, ((80, 80),))
    plan = up(lab, **firewall(web_of_pc2))
    for own, other in zip(PC1, PC2, strict=True):
        assert whom_the_web_sees(lab, plan, "pc1", other) == own
        assert whom_the_web_sees(lab, plan, "pc2", own) == "silence"
    assert pings(lab, plan, "pc1", *PC2) == [False, False]
    assert lab.read(plan, "r1") == plan.machine("r1")


def test_an_answer_passes_where_a_question_would_not(lab):
    plan = up(lab, **firewall(Rule("accept", "icmp", ("10.0.1.0/24", PC1[1]), (), ())))
    assert pings(lab, plan, "pc1", *PC2) == [True, True]
    assert pings(lab, plan, "pc2", *PC1) == [False, False]


def test_the_first_rule_that_matches_decides(lab):
    deny = Rule("drop", "any", (PC1[0],), (), ())
    plan = up(lab, **firewall(deny, ICMP, default="accept"))
    assert pings(lab, plan, "pc1", *PC2) == [False, True]
    update(lab, plan, "r1", **firewall(ICMP, deny, default="accept"))
    assert pings(lab, plan, "pc1", *PC2) == [True, True]


@pytest.mark.parametrize(
    ("everywhere", "passes"), [("0.0.0.0/0", [True, False]), ("::/0", [False, True])]
)
def test_all_of_one_ip_version_is_nothing_of_the_other(root, everywhere, passes):
    plan = up(root, **firewall(Rule("accept", "any", (everywhere,), (), ())))
    assert pings(root, plan, "pc1", *PC2) == passes
    update(root, plan, "r1", **firewall(Rule("accept", "icmp", (), (everywhere, PC1[0]), ())))
    assert pings(root, plan, "pc1", *PC2) == passes


def test_a_firewall_itself_answers_as_any_router_does(lab):
    plan = up(lab, **firewall())
    assert pings(lab, plan, "pc1", *R1_OUTSIDE, *PC2) == [True, True, False, False]


def test_what_is_rejected_is_told_so(lab):
    plan = up(lab, **firewall(ICMP, default="reject"))
    for address in PC2:
        assert whom_the_web_sees(lab, plan, "pc1", address, tries="once") == "refused"
    assert pings(lab, plan, "pc1", *PC2) == [True, True]
    update(lab, plan, "r1", **firewall(Rule("reject", "icmp", (), (), ())))
    began = time.monotonic()
    assert pings(lab, plan, "pc1", *PC2) == [False, False]
    assert time.monotonic() - began < 1
    assert whom_the_web_sees(lab, plan, "pc1", PC2[0]) == "silence"


def test_the_answer_to_a_question_that_took_another_way_is_dropped(lab):
    """Two ways between two LANs: a router there, a firewall that lets all through back."""
    routers = {name: {"lans": ["lan1", "lan2"]} for name in ("r1", "r2")}
    plan = lab.plan({**LAB, "routers": routers})
    plan = with_middlebox(plan, **firewall(default="accept"))
    by_r2 = [
        replace(route, via=route.via.removesuffix("1") + "2")
        for route in plan.machine("pc1").routes
    ]
    machines = tuple(
        replace(machine, routes=tuple(by_r2)) if machine.name == "pc1" else machine
        for machine in plan.machines
    )
    lab.up(replace(plan, machines=machines))
    assert pings(lab, plan, "pc1", *PC2) == [False, False]
    assert pings(lab, plan, "pc2", *PC1) == [True, True]  # r2 knows of no conversations


def test_a_nat_hides_who_is_behind_it(lab):
    plan = up(lab, **nat())
    for outside, address in zip(R1_OUTSIDE, PC2, strict=True):
        assert whom_the_web_sees(lab, plan, "pc1", address) == outside
    assert lab.read(plan, "r1") == plan.machine("r1")


@contextmanager
def captured(lab, plan, node, nic, *, packets=0, seconds):
    """Capture what passes a NIC meanwhile: it is listened to already, and to the limit."""
    sink = io.BytesIO()
    limits = {"packets": packets, "seconds": seconds}
    with ThreadPoolExecutor(1) as pool:
        capturing = pool.submit(lab.backend.capture, lab.ref(plan, node), nic, sink, **limits)
        while not sink.getvalue() and not capturing.done():
            time.sleep(0.01)
        yield sink
        capturing.result()


def test_packets_leave_a_nat_under_its_own_address(lab):
    plan = up(lab, **nat())
    with captured(lab, plan, "pc2", "eth0", seconds=2) as sink:
        assert pings(lab, plan, "pc1", *PC2) == [True, True]
    reading = ["tcpdump", "-nr", "-", "icmp or icmp6"]
    seen = subprocess.run(reading, input=sink.getvalue(), capture_output=True, check=True)
    for outside, inside, address in zip(R1_OUTSIDE, PC1, PC2, strict=True):
        assert f"{outside} > {address}: ICMP".encode() in seen.stdout
        assert f"{inside} >".encode() not in seen.stdout


def test_a_nat_keeps_nobody_out_who_has_a_route(lab):
    plan = up(lab, **nat())
    assert whom_the_web_sees(lab, plan, "pc2", PC1[0]) == PC2[0]


def test_a_port_of_a_nat_leads_to_a_node_inside(lab):
    redirects = [Redirect("tcp", 8080, address, 80) for address in PC1]
    plan = up(lab, **nat(*redirects))
    for outside, client in zip(R1_OUTSIDE, PC2, strict=True):
        assert whom_the_web_sees(lab, plan, "pc2", outside, 8080) == client
        assert whom_the_web_sees(lab, plan, "pc2", outside, 80, tries="once") == "refused"


def test_a_redirect_follows_the_outside_address(lab):
    plan = up(lab, **nat(Redirect("tcp", 8080, PC1[0], 80)))
    r1 = plan.machine("r1")
    moved = replace(r1.nics[1], addresses=("10.0.2.77/24",))
    update(lab, plan, "r1", nics=(r1.nics[0], moved))
    assert whom_the_web_sees(lab, plan, "pc2", "10.0.2.77", 8080) == PC2[0]


def test_a_router_becomes_a_firewall_a_nat_and_a_router_again_while_it_runs(lab):
    plan = up(lab)
    ref, steps = lab.ref(plan, "r1"), (firewall(), nat(), {})
    was = plan.machine("r1")
    for step, seen in zip(steps, ("silence", R1_OUTSIDE[0], PC1[0]), strict=True):
        now = replace(plan.machine("r1"), **step)
        assert lab.backend.update(ref, was, now).item == now
        assert lab.read(plan, "r1") == now
        assert whom_the_web_sees(lab, plan, "pc1", PC2[0]) == seen
        was = now


def test_no_packet_of_a_conversation_is_lost_when_rules_change(root):
    plan = up(root, **firewall(ICMP))
    with pinging(plan, "pc1", PC2[0]) as lost:
        for said in ((ICMP, WEB), (WEB,), (), (ICMP,)):
            update(root, plan, "r1", **firewall(*said))
        assert lost() == 0


def test_a_new_question_meets_the_new_rules_while_an_old_conversation_goes_on(root):
    plan = up(root, **firewall(ICMP))
    assert pings(root, plan, "pc1", *PC2) == [True, True]
    with pinging(plan, "pc1", PC2[0]) as lost:
        time.sleep(0.1)
        update(root, plan, "r1", **firewall())
        assert pings(root, plan, "pc1", *PC2) == [False, False]
        assert lost() == 0


@pytest.mark.parametrize(
    "command",
    [
        "flush ruleset",
        "delete table inet labiac",
        "flush chain inet labiac forward",
        "insert rule inet labiac forward accept",
        "add chain inet labiac mine",
        "chain inet labiac forward { policy accept; }",
    ],
)
def test_rules_that_were_changed_by_hand_show_and_up_mends_them(root, command):
    plan = up(root, **firewall(WEB))
    on(plan, "r1", "nft", command)
    assert root.read(plan, "r1") == replace(plan.machine("r1"), policy=None)
    root.up(plan)
    assert root.read(plan, "r1") == plan.machine("r1")
    assert pings(root, plan, "pc1", *PC2) == [False, False]


def test_what_passed_is_no_change_of_the_rules(root):
    plan = up(root, **firewall(ICMP))
    on(plan, "r1", "nft", "add table inet mine")
    assert pings(root, plan, "pc1", *PC2) == [True, True]
    assert root.read(plan, "r1") == plan.machine("r1")


def test_nft_is_found_where_the_path_of_ordinary_users_does_not_lead(lab, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    plan = up(lab, **firewall(ICMP))
    assert lab.backend.check(plan) == []
    assert lab.read(plan, "r1") == plan.machine("r1")


def test_rules_are_refused_by_name_where_there_is_no_nft(root, monkeypatch):
    plan = with_middlebox(root.plan(LAB), **firewall(ICMP))
    monkeypatch.setattr(rules, "command", lambda: "no-nft")
    (problem,) = root.backend.check(plan)
    assert problem.problem == "firewalls and NATs need nftables, and there is no nft"
    assert "apt install nftables" in problem.fix
    with pytest.raises(CommandError, match="no-nft"):
        root.up(plan)
    assert root.read(plan, "r1") is None


@pytest.mark.parametrize(
    ("box", "missing"), [(firewall(ICMP), "stateful nftables"), (nat(), "nftables with NAT")]
)
def test_rules_that_the_kernel_cannot_do_are_refused_by_name(root, monkeypatch, box, missing):
    plan = with_middlebox(root.plan(LAB), **box)
    assert root.backend.check(plan) == []
    monkeypatch.setattr(features, "has", lambda feature: feature in {"bridge", "veth"})
    (problem,) = root.backend.check(plan)
    assert problem.where == "netns r1"
    assert problem.problem.startswith(f"this kernel has no {missing} (CONFIG_NF_TABLES_INET")


def test_a_rule_that_the_kernel_does_not_take_is_not_accepted(bench):
    bench.add("box")
    with traveller() as enter:
        enter(bench.descriptors["box"])
        assert rules.accepted("add table inet here")
        assert not rules.accepted("add rule inet nowhere forward accept")


def test_a_nat_that_lost_its_outside_gets_it_back(root):
    plan = up(root, **nat(Redirect("tcp", 8080, PC1[0], 80)))
    on(plan, "r1", "ip", "link", "del", "eth1")
    assert [nic.name for nic in root.read(plan, "r1").nics] == ["eth0"]
    root.up(plan)
    assert root.read(plan, "r1") == plan.machine("r1")
    assert whom_the_web_sees(root, plan, "pc2", R1_OUTSIDE[0], 8080) == PC2[0]


def test_rules_loaded_again_by_hand_are_the_same_rules(root):
    plan = up(root, **nat())
    listed = on(plan, "r1", "nft", "list", "ruleset")
    on(plan, "r1", "nft", "flush", "ruleset")
    assert root.read(plan, "r1") == replace(plan.machine("r1"), translation=None)
    space = plan.machine("r1").host_name
    load = ["ip", "netns", "exec", space, "nft", "-f", "-"]
    subprocess.run(load, input=listed, check=True, text=True)
    assert root.read(plan, "r1") == plan.machine("r1")


JOINED = {
    "pool": {"ipv6": "fd00::/48"},
    "lans": {"lan1": {}, "lan2": {}},
    "middleboxes": {"br": {"role": "bridge", "lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}
OTHER_SIDE = ("10.0.1.12", "fd00:0:0:1::12")


def test_a_bridge_makes_its_lans_one(lab):
    plan = lab.plan(JOINED)
    lab.up(plan)
    assert pings(lab, plan, "pc1", *OTHER_SIDE) == [True, True]
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)


def test_without_its_bridge_a_lan_is_alone(lab):
    plan = lab.plan(JOINED)
    lab.up(plan)
    lab.backend.delete(lab.ref(plan, "br"))
    assert pings(lab, plan, "pc1", *OTHER_SIDE) == [False, False]
    lab.up(plan)
    assert pings(lab, plan, "pc1", *OTHER_SIDE) == [True, True]


def test_a_bridge_has_neither_addresses_nor_stp_nor_snooping_and_says_nothing(root):
    plan = root.plan(JOINED)
    root.up(plan)
    held = on(plan, "br", "ip", "-oneline", "address").splitlines()
    assert {line.split()[1] for line in held} == {"lo"}
    switch = "/sys/class/net/br0/bridge"
    settings = ("stp_state", "forward_delay", "multicast_snooping")
    said = on(plan, "br", "cat", *(f"{switch}/{name}" for name in settings))
    assert said.split() == ["0", "0", "0"]
    time.sleep(0.5)
    assert on(plan, "br", "cat", "/sys/class/net/br0/statistics/tx_packets").strip() == "0"


def test_a_bridge_takes_another_nic_and_gives_it_back_while_it_runs(lab):
    plan = lab.plan(JOINED)
    lab.up(plan)
    br = plan.machine("br")
    narrow = update(lab, plan, "br", nics=br.nics[:1])
    assert lab.read(plan, "br") == narrow
    assert pings(lab, plan, "pc1", *OTHER_SIDE) == [False, False]
    lab.backend.update(lab.ref(plan, br), narrow, br)
    assert lab.read(plan, "br") == br
    assert pings(lab, plan, "pc1", *OTHER_SIDE) == [True, True]


def test_a_bridge_becomes_a_router_and_a_bridge_again_while_it_runs(lab):
    plan = lab.plan(JOINED)
    lab.up(plan)
    br = plan.machine("br")
    routed = {**JOINED, "middleboxes": {}, "routers": {"br": {"lans": ["lan1", "lan2"]}}}
    router = lab.plan(routed).machine("br")
    own = router.nics[0].addresses[0].partition("/")[0]
    assert lab.backend.update(lab.ref(plan, br), br, router).item == router
    assert lab.read(plan, "br") == router
    assert pings(lab, plan, "pc1", own, *OTHER_SIDE) == [True, False, False]
    lab.backend.update(lab.ref(plan, br), router, br)
    assert lab.read(plan, "br") == br
    assert pings(lab, plan, "pc1", own, *OTHER_SIDE) == [False, True, True]


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("link set eth1 nomaster", [True, False]),
        ("link set eth1 down", [True, False]),
        ("link del br0", [False, False]),
        ("link set br0 down", [False, False]),
    ],
)
def test_what_is_no_port_of_its_bridge_shows_as_a_cable_out_and_up_mends_it(root, command, out):
    plan = root.plan(JOINED)
    root.up(plan)
    on(plan, "br", "ip", *command.split())
    assert [nic.connected for nic in root.read(plan, "br").nics] == out
    assert pings(root, plan, "pc1", *OTHER_SIDE) == [False, False]
    root.up(plan)
    assert root.read(plan, "br") == plan.machine("br")
    assert pings(root, plan, "pc1", *OTHER_SIDE) == [True, True]


def test_a_router_that_was_made_a_bridge_by_hand_shows_as_one_and_up_mends_it(root):
    plan = root.plan(LAB)
    root.up(plan)
    on(plan, "r1", "ip", "link", "add", "br0", "up", "type", "bridge")
    on(plan, "r1", "ip", "link", "set", "eth0", "master", "br0")
    assert root.read(plan, "r1").role == "bridge"
    root.up(plan)
    assert root.read(plan, "r1") == plan.machine("r1")
    assert pings(root, plan, "pc1", *PC2) == [True, True]


def test_other_conversations_go_on_while_a_bridge_takes_another_nic(root):
    plan = root.plan(JOINED)
    root.up(plan)
    br = plan.machine("br")
    third = replace(br.nics[0], name="eth2", mac="02:00:00:00:00:99", attach="none", network="")
    assert pings(root, plan, "pc1", *OTHER_SIDE) == [True, True]
    with pinging(plan, "pc1", OTHER_SIDE[0]) as lost:
        more = update(root, plan, "br", nics=(*br.nics, third))
        root.backend.update(root.ref(plan, br), more, br)
        assert lost() == 0


def test_a_bridge_in_a_bridged_lan_is_refused_with_a_way_out(root):
    plan = root.plan(JOINED)
    lans = tuple(replace(lan, type="bridged", interface="lo") for lan in plan.networks[1:])
    found = root.backend.check(replace(plan, networks=(plan.networks[0], *lans)))
    (problem,) = [each for each in found if each.where == "netns br"]
    assert problem.field == "middleboxes.br.nics[1].lan"
    assert "internal" in problem.fix


def test_commands_run_and_packets_are_seen_on_a_bridge(lab):
    plan = lab.plan(JOINED)
    lab.up(plan)
    ran = lab.backend.execute(
        lab.ref(plan, "br"), ["ip", "-br", "link", "show", "br0"], timeout_s=5
    )
    assert ran.stdout.startswith(b"br0")
    with captured(lab, plan, "br", "br0", packets=1, seconds=5) as sink:
        assert pings(lab, plan, "pc1", *OTHER_SIDE) == [True, True]
    assert len(sink.getvalue()) > len("a pcap header is 24 long")
