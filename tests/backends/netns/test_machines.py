"""Machines and LANs as they are on the host: noise, drift, live changes, services."""

from __future__ import annotations

import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.base import Copy, Ping
from labiac.backends.netns import features, kernel, places
from labiac.backends.netns.backend import NetnsBackend
from labiac.backends.netns.enter import traveller
from labiac.errors import BackendError, ForeignError
from labiac.plan.model import Impairments, Network, Route, Service
from labiac.reach.matrix import pings
from tests.backends.conftest import Labs

LAB = {
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {f"pc{number}": {"lan": f"lan{number}"} for number in (1, 2, 3)},
}
EVERY_S = 0.005
LATE_S = 5
FEWEST_PACKETS = 50


@pytest.fixture
def lab():
    if os.geteuid() != 0:
        pytest.skip("looks at the namespaces of root's labs")
    labs = Labs(NetnsBackend())
    yield labs
    labs.close()


@pytest.fixture
def plan(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    return plan


def on(plan, name, *argv):
    """Run *argv* as a user of `ip netns` would."""
    space = plan.machine(name).host_name
    return subprocess.run(
        ["ip", "netns", "exec", space, *argv], check=True, capture_output=True, text=True
    ).stdout


def update(lab, plan, name, **changes):
    was = plan.machine(name)
    now = replace(was, **changes)
    lab.backend.update(lab.ref(plan, was), was, now)
    return now


@contextmanager
def pinging(plan, source, target):
    """Ping *target* every 5 ms meanwhile, one socket, numbered; yield how many were lost so far."""
    line = threading.Event()
    sent, answered = [], set()

    def run():
        with traveller() as enter:
            space = os.open(f"/run/netns/{plan.machine(source).host_name}", os.O_RDONLY)
            enter(space)
            os.close(space)
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        raw.settimeout(EVERY_S)
        with raw:
            while not line.is_set() or len(sent) < FEWEST_PACKETS:
                number = len(sent)
                packet = struct.pack("!BBHHH", 8, 0, 0xFFFF & ~(0x0800 + 7 + number), 7, number)
                raw.sendto(packet, (target, 0))
                sent.append(number)
                listen(raw)
            end = time.monotonic() + LATE_S
            while len(answered) < len(sent) and time.monotonic() < end:
                listen(raw)

    def listen(raw):
        try:
            reply = raw.recv(100)[20:]
        except TimeoutError:
            return
        if reply[0] == 0:
            answered.add(struct.unpack("!H", reply[6:8])[0])
            time.sleep(EVERY_S)

    def lost():
        line.set()
        thread.join()
        return len(sent) - len(answered)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lost
    finally:
        line.set()
        thread.join()


def test_no_packet_of_an_untouched_pair_is_lost_while_the_lab_changes(lab, plan):
    assert lab.answers(plan, "pc1", "pc2")
    grown = lab.plan(
        {**LAB, "lans": {**LAB["lans"], "lan4": {}}, "pcs": {**LAB["pcs"], "pc4": {"lan": "lan4"}}}
    )
    backend, copy = lab.backend, Copy(plan.lab, plan.student)
    r2, wide = plan.machine("r2"), plan.machine("r2").nics
    with pinging(plan, "pc1", "10.0.2.12") as lost:
        for item in (grown.network("lan4"), grown.machine("pc4")):
            backend.create(copy, item)
        more = replace(wide[0], name="eth2", network="lan4", mac="02:00:00:00:00:99", addresses=())
        with_lan4 = replace(r2, nics=(*wide, more))
        backend.update(lab.ref(plan, r2), r2, with_lan4)
        backend.update(lab.ref(plan, r2), with_lan4, r2)
        pc3 = update(lab, plan, "pc3", routes=())
        backend.update(lab.ref(plan, pc3), pc3, plan.machine("pc3"))
        r1 = update(
            lab, plan, "r1", routes=(*plan.machine("r1").routes, Route("10.9.0.0/16", "10.0.2.2"))
        )
        backend.update(lab.ref(plan, r1), r1, plan.machine("r1"))
        for item in (grown.machine("pc4"), grown.network("lan4"), plan.machine("pc3")):
            backend.delete(lab.ref(plan, item))
        lab.up(plan)
        assert lost() == 0


def test_a_nic_moves_to_another_lan_without_being_replaced(lab, plan):
    index = on(plan, "pc1", "cat", "/sys/class/net/eth0/ifindex")
    nic = replace(plan.machine("pc1").nics[0], network="lan2", addresses=("10.0.2.50/24",))
    now = update(lab, plan, "pc1", nics=(nic,), routes=())
    assert lab.read(plan, "pc1") == now
    assert on(plan, "pc1", "cat", "/sys/class/net/eth0/ifindex") == index
    assert on(plan, "pc1", "ping", "-c1", "-W2", "10.0.2.12")


def test_a_cable_is_pulled_out_and_put_back(lab, plan):
    nic = plan.machine("pc1").nics[0]
    out = update(lab, plan, "pc1", nics=(replace(nic, connected=False),))
    assert lab.read(plan, "pc1") == out
    assert not lab.answers(plan, "pc1", "pc2")
    assert "NO-CARRIER" in on(plan, "pc1", "ip", "link", "show", "eth0")
    lab.backend.update(lab.ref(plan, out), out, plan.machine("pc1"))
    assert lab.answers(plan, "pc1", "pc2")


def test_a_nic_attached_to_nothing_is_there_without_a_carrier(lab):
    plan = lab.plan(
        {"lans": {"lan1": {}}, "pcs": {"pc1": {"nics": [{"lan": "lan1"}, {"attach": "none"}]}}}
    )
    lab.up(plan)
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert "NO-CARRIER" in on(plan, "pc1", "ip", "link", "show", "eth1")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        ("ip address add 10.0.1.99/24 dev eth0", "nics"),
        ("ip address del 10.0.1.11/24 dev eth0", "nics"),
        ("ip link set eth0 address 02:00:00:00:00:77", "nics"),
        ("ip link set eth0 down", "nics"),
        ("ip link del eth0", "nics"),
        ("ip route del default", "routes"),
        ("ip route add 10.9.0.0/16 via 10.0.1.1", "routes"),
        ("ip route add 10.9.0.0/16 dev eth0", "routes"),
        ("sysctl -qw net.ipv4.ip_forward=1", "forwards"),
    ],
)
def test_what_is_changed_by_hand_shows_in_its_field_and_up_mends_it(lab, plan, command, field):
    on(plan, "pc1", *command.split())
    drifted = lab.read(plan, "pc1")
    planned = plan.machine("pc1")
    assert getattr(drifted, field) != getattr(planned, field)
    lab.up(plan)
    assert lab.read(plan, "pc1") == planned
    assert lab.answers(plan, "pc1", "pc3")


@pytest.mark.parametrize("flag", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"])
def test_a_dual_stack_router_that_forwards_half_does_not_forward_as_planned(lab, flag):
    plan = lab.plan({"pool": {"ipv6": "fd00::/48"}, **LAB})
    lab.up(plan)
    on(plan, "r1", "sysctl", "-qw", f"{flag}=0")
    assert not lab.read(plan, "r1").forwards
    lab.up(plan)
    assert lab.read(plan, "r1") == plan.machine("r1")
    assert lab.answers(plan, "pc1", "pc3")


def test_a_namespace_deleted_by_hand_reads_as_gone_and_up_brings_it_back(lab, plan):
    subprocess.run(["ip", "netns", "del", plan.machine("pc1").host_name], check=True)
    assert lab.read(plan, "pc1") is None
    lab.up(plan)
    assert lab.answers(plan, "pc1", "pc3")


def test_a_namespace_replaced_by_hand_is_left_alone(lab, plan):
    space = plan.machine("pc1").host_name
    subprocess.run(["ip", "netns", "del", space], check=True)
    subprocess.run(["ip", "netns", "add", space], check=True)
    try:
        with pytest.raises(ForeignError, match=space):
            lab.up(plan)
    finally:
        subprocess.run(["ip", "netns", "del", space], check=True)


def test_what_a_student_does_on_a_node_of_theirs_is_not_undone(lab):
    pcs = {**LAB["pcs"], "pc1": {"lan": "lan1", "student": True}}
    plan = lab.plan({**LAB, "pcs": pcs})
    lab.up(plan)
    on(plan, "pc1", *["ip", "route", "add", "10.0.2.0/24", "via", "10.0.1.1"])
    on(plan, "pc1", *["ip", "address", "add", "10.0.1.98/24", "dev", "eth0"])
    mine = lab.read(plan, "pc1")
    assert Route("10.0.2.0/24", "10.0.1.1") in mine.routes
    lab.up(plan)
    assert lab.read(plan, "pc1") == mine


def test_a_route_over_a_gateway_on_no_subnet_of_the_node_does_not_exist_as_with_ip(lab, plan):
    wrong = (Route("0.0.0.0/0", "10.0.3.1"),)
    now = update(lab, plan, "pc1", routes=wrong)
    assert lab.read(plan, "pc1") == now  # nobody changed it: this is what was asked for
    assert "default" not in on(plan, "pc1", "ip", "route")
    assert not lab.answers(plan, "pc1", "pc2")


def test_only_routers_forward_whatever_the_host_does(plan):
    values = {
        name: on(plan, name, "cat", "/proc/sys/net/ipv4/ip_forward").strip()
        for name in ("r1", "r2", "pc1", "pc2", "pc3")
    }
    assert values == {"r1": "1", "r2": "1", "pc1": "0", "pc2": "0", "pc3": "0"}


@pytest.mark.parametrize("ipv6", [False, True])
def test_a_quiet_lab_says_nothing_of_its_own(lab, ipv6):
    lans = {"lan1": {"ipv6": "fd00:0:0:1::/64"} if ipv6 else {}}
    plan = lab.plan(
        {"lans": lans, "routers": {"r1": {"lans": ["lan1"]}}, "pcs": {"pc1": {"lan": "lan1"}}}
    )
    lab.up(plan)
    seconds = 1.2 if ipv6 else 0.5
    time.sleep(seconds)  # who takes part in multicast groups says so, once, when it comes up
    received, sent = (
        int(on(plan, "pc1", "cat", f"/sys/class/net/eth0/statistics/{way}_packets"))
        for way in ("rx", "tx")
    )
    time.sleep(seconds)
    assert received == int(on(plan, "pc1", "cat", "/sys/class/net/eth0/statistics/rx_packets"))
    assert sent == int(on(plan, "pc1", "cat", "/sys/class/net/eth0/statistics/tx_packets"))
    if not ipv6:
        assert (received, sent) == (0, 0)


def test_an_ipv6_only_lab_routes(lab):
    lans = {f"lan{number}": {"ipv6": f"fd00:0:0:{number}::/64"} for number in (1, 2)}
    plan = lab.plan(
        {
            "lans": lans,
            "routers": {"r1": {"lans": ["lan1", "lan2"]}},
            "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
        }
    )
    lab.up(plan)
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)
    assert lab.answers(plan, "pc1", "pc2")
    off = update(lab, plan, "r1", forwards=False)
    assert lab.read(plan, "r1") == off
    assert not lab.answers(plan, "pc1", "pc2")


def test_ipv6_comes_to_a_running_machine_and_goes_again(lab, plan):
    nic = plan.machine("pc1").nics[0]
    both = replace(nic, addresses=(*nic.addresses, "fd00:0:0:1::b/64"))
    now = update(lab, plan, "pc1", nics=(both,))
    assert lab.read(plan, "pc1") == now
    assert on(plan, "pc1", "ping", "-c1", "-W2", "fd00:0:0:1::b")
    lab.backend.update(lab.ref(plan, now), now, plan.machine("pc1"))
    assert lab.read(plan, "pc1") == plan.machine("pc1")


def test_a_node_has_hosts_and_a_resolver_of_its_own(lab, plan):
    assert "10.0.3.13\tpc3" in on(plan, "pc1", "cat", "/etc/hosts")
    assert "nameserver" not in on(plan, "pc1", "cat", "/etc/resolv.conf")
    now = update(lab, plan, "pc1", hosts="127.0.0.1 localhost\n")
    assert on(plan, "pc1", "cat", "/etc/hosts") == "127.0.0.1 localhost\n"
    assert lab.read(plan, "pc1") == now
    assert "10.0.3.13\tpc3" in on(plan, "pc2", "cat", "/etc/hosts")


def service(*command, name="web"):
    return (Service(name, command),)


def residents(plan, name):
    """Return the numbers of the processes in a machine's namespace."""
    space = plan.machine(name).host_name
    found = subprocess.run(
        ["ip", "netns", "pids", space], check=True, capture_output=True, text=True
    )
    return found.stdout.split()


def test_a_service_runs_as_long_as_its_node(lab, plan):
    now = update(lab, plan, "pc1", services=service("sleep", "300"))
    assert lab.read(plan, "pc1") == now
    (process,) = residents(plan, "pc1")
    lab.backend.delete(lab.ref(plan, "pc1"))
    assert not running(process)


def running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_service_that_died_shows_and_up_starts_it_again(lab, plan):
    now = update(lab, plan, "pc1", services=service("sleep", "300"))
    (process,) = residents(plan, "pc1")
    os.kill(int(process), 9)
    while running(process):
        time.sleep(0.01)
    assert lab.read(plan, "pc1") == replace(now, services=())
    lab.backend.create(Copy(plan.lab, plan.student), now)
    assert lab.read(plan, "pc1") == now
    assert len(residents(plan, "pc1")) == 1


def test_a_changed_service_takes_the_place_of_the_old_and_others_go_on(lab, plan):
    both = (*service("sleep", "300"), *service("sleep", "301", name="other"))
    was = update(lab, plan, "pc1", services=both)
    before = residents(plan, "pc1")
    now = replace(was, services=(*service("sleep", "302"), both[1]))
    lab.backend.update(lab.ref(plan, was), was, now)
    after = residents(plan, "pc1")
    assert lab.read(plan, "pc1") == now
    assert len(after) == 2
    assert len(set(after) & set(before)) == 1


def test_a_service_that_does_not_exist_is_an_error_that_names_it(lab, plan):
    with pytest.raises(BackendError, match="no-such-program"):
        update(lab, plan, "pc1", services=service("no-such-program"))


def test_a_command_left_running_on_a_node_goes_with_it(lab, plan):
    lab.backend.execute(
        lab.ref(plan, "pc1"), ["sh", "-c", "sleep 300 >/dev/null 2>&1 &"], timeout_s=5
    )
    (process,) = residents(plan, "pc1")
    lab.down(plan)
    assert not running(process)


def test_a_command_that_takes_too_long_is_ended(lab, plan):
    started = time.monotonic()
    with pytest.raises(BackendError, match="longer than"):
        lab.backend.execute(lab.ref(plan, "pc1"), ["sleep", "300"], timeout_s=0.2)
    assert time.monotonic() - started < 30
    assert residents(plan, "pc1") == []


def test_a_command_that_does_not_exist_exits_as_in_a_shell(lab, plan):
    ran = lab.backend.execute(lab.ref(plan, "pc1"), ["no-such-program"], timeout_s=5)
    assert ran.status == 127
    assert b"no-such-program" in ran.stderr


def test_attaching_becomes_the_command(lab, plan):
    program = (
        "import sys; from labiac.backends import open_backend;"
        "sys.exit(open_backend('netns').attach(sys.argv[1], sys.argv[2:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, lab.ref(plan, "pc1"), "sh", "-c", "hostname; exit 7"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "pc1\n", "")


def test_the_kernel_is_done_when_it_settles(lab, bench):
    bench.add("witness")
    plan = lab.plan(LAB)
    lab.up(plan)
    space = plan.machine("pc3").host_name
    bench.ip("witness", f"link add cable type veth peer name extra netns {space}")
    lab.down(plan)
    assert lab.backend.settled(timeout_s=20)
    assert "cable" not in bench.run_in("witness", "ip", "link")


def test_a_lab_with_more_nodes_than_files_may_be_open_is_measured(lab, plan):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 4, limits[1]))
    try:
        asked = [Ping(*ping) for pair in pings(plan).values() for ping in pair]
        copy = Copy(plan.lab, plan.student)
        assert all(lab.backend.measure(copy, asked, timeout_s=5, settle=True))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_rate_limits_what_a_node_sends(lab, plan):
    nic = replace(plan.machine("pc1").nics[0], impair=Impairments(0.0, 0.0, 0.0, 1000))
    now = update(lab, plan, "pc1", nics=(nic,))
    assert lab.read(plan, "pc1") == now
    assert "rate 1Mbit" in on(plan, "pc1", "tc", "qdisc", "show", "dev", "eth0")
    lab.backend.update(lab.ref(plan, now), now, plan.machine("pc1"))
    assert "tbf" not in on(plan, "pc1", "tc", "qdisc", "show", "dev", "eth0")


def problems(lab, description):
    return [
        (problem.where, problem.problem) for problem in lab.backend.check(lab.plan(description))
    ]


def test_what_the_kernel_cannot_do_is_refused_by_name(lab, monkeypatch):
    monkeypatch.setattr(features, "has", lambda feature: feature in {"bridge", "veth"})
    found = problems(
        lab,
        {
            "lans": {"lan1": {"vlans": {"red": 10, "blue": 20}}, "lan2": {}},
            "routers": {"r1": {"nics": [{"lan": "lan1", "trunk": ["red", "blue"]}]}},
            "pcs": {
                "pc1": {"nics": [{"lan": "lan1", "access": "red"}]},
                "pc2": {"nics": [{"lan": "lan2", "impair": {"delay_ms": 10}}]},
                "pc3": {"nics": [{"lan": "lan2", "impair": {"rate_kbit": 64}}]},
            },
        },
    )
    assert found == [
        (
            "netns lan1",
            "this kernel has no VLAN filtering on bridges (CONFIG_BRIDGE_VLAN_FILTERING)",
        ),
        ("netns r1", "this kernel has no 802.1Q interfaces (CONFIG_VLAN_8021Q)"),
        ("netns pc2", "this kernel has no netem (CONFIG_NET_SCH_NETEM)"),
        ("netns pc3", "this kernel has no token bucket (CONFIG_NET_SCH_TBF)"),
    ]


def test_vlans_keep_apart_what_they_shall_where_the_kernel_has_them(lab):
    description = {
        "lans": {"lan1": {"vlans": {"red": 10, "blue": 20}}},
        "routers": {"r1": {"nics": [{"lan": "lan1", "trunk": ["red", "blue"]}]}},
        "pcs": {
            name: {"nics": [{"lan": "lan1", "access": vlan}]}
            for name, vlan in (("pc1", "red"), ("pc2", "red"), ("pc3", "blue"))
        },
    }
    plan = lab.plan(description)
    if lab.backend.check(plan):
        assert not features.has("filtering") or not features.has("vlan")
        return
    lab.up(plan)
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)
    assert lab.answers(plan, "pc1", "pc2")
    assert lab.answers(plan, "pc1", "pc3")
    update(lab, plan, "r1", forwards=False)
    assert not lab.answers(plan, "pc1", "pc3")


SWITCHES = {
    "lans": {
        "lan1": {"ipv4": "none", "vlans": {"red": 10, "blue": 20}, "switches": ["sw1", "sw2"]}
    },
    "routers": {"r1": {"nics": [{"lan": "lan1", "trunk": ["red", "blue"]}]}},
    "pcs": {
        "pc1": {"lan": "lan1", "access": "red"},
        "pc2": {"lan": "lan1", "access": "red", "switch": "sw2"},
        "pc3": {"lan": "lan1", "access": "blue", "switch": "sw2"},
    },
}


def test_a_switch_that_the_kernel_cannot_do_is_refused_by_name(lab, monkeypatch):
    monkeypatch.setattr(features, "has", lambda feature: feature in {"bridge", "veth", "vlan"})
    assert problems(lab, SWITCHES) == [
        (
            "netns sw1, sw2",
            "this kernel has no VLAN filtering on bridges (CONFIG_BRIDGE_VLAN_FILTERING)",
        )
    ]


def test_switches_keep_vlans_apart_and_are_put_right_where_the_kernel_has_them(lab):
    plan = lab.plan(SWITCHES)
    if lab.backend.check(plan):
        assert not features.has("filtering") or not features.has("vlan")
        return
    lab.up(plan)
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)
    assert all(lab.answers(plan, "pc1", other) for other in ("pc2", "pc3"))
    for words in ("del dev pc1_eth0 vid 10", "add dev pc1_eth0 vid 30 pvid untagged"):
        on(plan, "sw1", "bridge", "vlan", *words.split())
    found = lab.read(plan, "sw1")
    assert [nic.vlan for nic in found.nics if nic.name == "pc1_eth0"] == ["30"]
    assert not lab.answers(plan, "pc1", "pc2")
    lab.backend.update(lab.ref(plan, found), found, plan.machine("sw1"))
    assert lab.read(plan, "sw1") == plan.machine("sw1")
    assert lab.answers(plan, "pc1", "pc2")


def test_a_table_of_neighbours_that_is_too_small_is_a_warning(lab, monkeypatch):
    plan = lab.plan(
        {"lans": {"lan1": {}}, "pcs": {f"pc{n}": {"lan": "lan1"} for n in range(1, 60)}}
    )
    size = {"net/ipv4/neigh/default/gc_thresh3": "1024"}  # the kernel's; other software raises it
    read = kernel.read_sysctl
    monkeypatch.setattr(kernel, "read_sysctl", lambda key: size.get(key) or read(key))
    (problem,) = lab.backend.check(plan)
    assert problem.level == "warning"
    assert "gc_thresh3" in problem.fix


def test_a_machine_without_its_lan_says_which(lab):
    plan = lab.plan(LAB)
    with pytest.raises(BackendError, match="lan1"):
        lab.backend.create(Copy(plan.lab, plan.student), plan.machine("pc1"))
    assert plan.lab not in {found.copy.lab for found in lab.backend.find()}
    assert not Path("/run/netns", f"{plan.lab}-{plan.student}~lans").exists()


def test_many_students_at_once_do_not_disturb_each_other(lab):
    plans = [lab.plan(LAB, student=f"student{number}") for number in range(6)]
    children = [in_a_process(lambda plan=plan: come_and_go(plan)) for plan in plans]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(plans)
    for plan in plans:
        assert lab.answers(plan, "pc1", "pc3")


def test_one_copy_can_be_made_by_several_processes_at_once(lab):
    plan = lab.plan(LAB)
    children = [in_a_process(lambda: come_and_go(plan)) for _ in range(3)]
    for child in children:
        os.waitpid(child, 0)  # one may delete what another needs: that is an error, and no harm
    lab.up(plan)
    assert [lab.read(plan, machine) for machine in plan.machines] == list(plan.machines)
    assert lab.answers(plan, "pc1", "pc3")


def come_and_go(plan):
    """Bring *plan* up, down, and up again."""
    labs = Labs(NetnsBackend())
    labs.up(plan)
    labs.down(plan)
    labs.up(plan)


def in_a_process(work):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BackendError:
            code = 2
        finally:
            os._exit(code)
    return child


def test_a_switch_that_is_somebody_elses_is_left_alone(lab):
    plan = lab.plan(LAB)
    space = f"{plan.lab}-{plan.student}~lans"
    subprocess.run(["ip", "netns", "add", space], check=True)
    try:
        with pytest.raises(ForeignError, match=space):
            lab.up(plan)
        lab.down(plan)
        assert Path("/run/netns", space).exists()
    finally:
        subprocess.run(["ip", "netns", "del", space], check=True)


@pytest.mark.parametrize(
    "ref", ["../x/network/lan1", "a/b/machine", "a/b/disk/c", "a/../machine/c", "a/b/machine/.."]
)
def test_a_ref_that_would_lead_elsewhere_is_refused(ref):
    with pytest.raises(BackendError):
        NetnsBackend().delete(ref)


def test_a_host_name_that_would_lead_elsewhere_is_refused(lab):
    network = Network(
        "lan1",
        "../lan1",
        "internal",
        None,
        None,
        (),
        (),
        host_routes=False,
        routes=(),
        interface="",
        forwards=(),
        watched=False,
    )
    with pytest.raises(BackendError, match="file name"):
        lab.backend.create(Copy("a", "b"), network)


def test_the_ends_of_a_cable_have_different_numbers_so_that_its_carrier_is_used_at_once(plan):
    links = Path("/sys/class/net")
    for name, nic in (("r1", "eth0"), ("r1", "eth1"), ("pc1", "eth0"), ("pc3", "eth0")):
        ends = [int(on(plan, name, "cat", f"{links}/{nic}/{end}")) for end in ("ifindex", "iflink")]
        assert ends[0] != ends[1]


def test_a_lan_and_a_port_whose_numbers_are_taken_are_found_by_name(lab):
    plan = lab.plan(LAB)
    copy = Copy(plan.lab, plan.student)
    lab.backend.create(copy, plan.networks[0])
    switch = f"{plan.lab}-{plan.student}~lans"
    inside = ("ip", "-n", switch, "link")
    subprocess.run([*inside, "del", "lan1"], check=True)
    subprocess.run([*inside, "add", "lan1", "up", "type", "bridge"], check=True)
    number = str(places.port_index("pc1", "eth0"))
    subprocess.run([*inside, "add", "index", number, "name", "odd", "type", "bridge"], check=True)
    lab.up(plan)
    assert lab.read(plan, "pc1") == plan.machine("pc1")
    assert lab.answers(plan, "pc1", "r1")


def test_a_lan_whose_number_another_has_is_refused(lab):
    plan = lab.plan(LAB)
    lab.up(plan)
    inside = ("ip", "-n", f"{plan.lab}-{plan.student}~lans", "link")
    number = str(places.bridge_index("lan4"))
    subprocess.run([*inside, "add", "index", number, "name", "odd", "type", "bridge"], check=True)
    lan = replace(plan.networks[0], name="lan4")
    with pytest.raises(BackendError, match="bridge lan4: File exists"):
        lab.backend.create(Copy(plan.lab, plan.student), lan)
