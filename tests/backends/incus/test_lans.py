"""LANs that meet the host, and NICs with a NAT of their own: on a real Incus."""

import os
import secrets
import subprocess
from dataclasses import replace

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, Ping, ref_of
from labiac.backends.incus import api, hosts, lans, names
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

from .inside import entered

pytestmark = [
    pytest.mark.incus,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root enters the network of an Incus"),
]
INCUS = open_backend("incus")
ASK = "import socket; print(socket.create_connection(('{}', {}), 10).recv(8).decode())"


class Host:
    """The network that Incus itself is in, with a cable to somebody outside, who knows no lab."""

    def __init__(self) -> None:
        self.outside = f"li{secrets.token_hex(3)}"
        self.uplink = f"u{self.outside}"
        self.wire = f"198.18.{secrets.randbelow(256)}"
        self.address, self.far = f"{self.wire}.1", f"{self.wire}.2"

    def run(self, *argv: str) -> str:
        return subprocess.run(entered(*argv), check=True, capture_output=True, text=True).stdout

    def __enter__(self):
        ip = ("ip", "-n", self.outside)
        subprocess.run(["ip", "netns", "add", self.outside], check=True)
        far = ("peer", "name", "eth0", "netns", f"/run/netns/{self.outside}")
        self.run("ip", "link", "add", self.uplink, "type", "veth", *far)
        self.run("ip", "link", "set", self.uplink, "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", self.uplink)
        subprocess.run([*ip, "address", "add", f"{self.far}/24", "dev", "eth0"], check=True)
        subprocess.run([*ip, "link", "set", "eth0", "up"], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.outside], check=True)  # the cable goes with it


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        yield host


@pytest.fixture(scope="module")
def description(host):
    """Return a LAN of each type, and a node in each: no two tests have the same subnets."""
    number, port = secrets.randbelow(200) + 20, secrets.randbelow(20_000) + 20_000
    forwards = [{"host_port": port, "to": "pc1", "port": 22}]
    lan1 = {"type": "nat", "ipv4": f"10.{number}.1.0/24", "ipv6": f"fd{number:02x}::/64"}
    return {
        "name": f"li{secrets.token_hex(3)}",
        "lans": {
            "lan1": {**lan1, "forwards": forwards},
            "lan2": {"type": "host", "ipv4": f"10.{number}.2.0/24"},
            "lan3": {"type": "bridged", "interface": host.uplink, "ipv4": f"{host.wire}.0/24"},
        },
        "pcs": {
            "pc1": {"nics": [{"lan": "lan1"}, {"lan": "lan2"}]},
            "pc2": {
                "nics": [
                    {"attach": "nat", "forwards": [{"host_port": port + 1, "port": 22}]},
                    {"lan": "lan3", "ipv4": f"{host.wire}.77"},
                ]
            },
        },
    }


@pytest.fixture(scope="module")
def plan(description):
    """Return the lab, up, and see that nothing is left of it."""
    plan = planned(description)
    copy = Copy(plan.lab, plan.student)
    assert [each for each in INCUS.check(plan) if each.level == "error"] == []
    refs = [INCUS.create(copy, item).ref for item in (*plan.networks, *plan.machines)]
    yield plan
    for ref in reversed(refs):
        INCUS.delete(ref)
    left = [each["description"] for each in api.get(api.path_of("networks", recursion="1"))]
    assert not [each for each in left if plan.lab in each]


def planned(description, **lab):
    return resolve(from_data({**description, **lab}), "ana", "incus")


def ref(plan, name, kind="machine"):
    return ref_of(Copy(plan.lab, plan.student), kind, name)


def read(plan, item):
    kind = "network" if item in plan.networks else "machine"
    return INCUS.read(ref(plan, item.name, kind)).item


def answers(plan, source, address):
    copy = Copy(plan.lab, plan.student)
    return INCUS.measure(copy, [Ping(source, address)], timeout_s=10, settle=False) == [True]


def test_what_was_made_reads_as_it_was_planned(plan):
    items = (*plan.networks, *plan.machines)
    assert [read(plan, item) for item in items] == list(items)


def test_the_host_is_in_a_lan_of_type_host_and_reached_from_it(plan, host):
    gateway = plan.network("lan2").host_addresses[0].partition("/")[0]
    assert answers(plan, "pc1", gateway)
    node = plan.machine("pc1").nics[1].addresses[0].partition("/")[0]
    assert "1 received" in host.run("ping", "-c", "1", "-w", "10", node)


def test_a_lan_of_type_nat_leads_out_under_the_address_of_the_host(plan, host):
    assert answers(plan, "pc1", host.far)


def test_a_nic_with_a_nat_of_its_own_leads_out(plan):
    asked = INCUS.execute(ref(plan, "pc2"), ["ip", "route", "get", "203.0.113.1"], timeout_s=10)
    assert b"dev eth0" in asked.stdout
    (way,) = plan.machine("pc2").routes
    assert answers(plan, "pc2", way.via)


def test_a_nic_with_a_nat_goes_with_its_network_and_comes_back_while_the_node_runs(plan):
    was = plan.machine("pc2")
    now = replace(was, nics=was.nics[1:], routes=())
    own = api.path_of("networks", names.bridge(Copy(plan.lab, plan.student), "pc2.eth0"))
    assert INCUS.update(ref(plan, "pc2"), was, now).item == now
    assert api.get(own) is None
    assert INCUS.update(ref(plan, "pc2"), now, was).item == was
    assert answers(plan, "pc2", was.routes[0].via)


def test_a_nic_in_a_bridged_lan_is_on_the_wire_itself(plan, host):
    assert answers(plan, "pc2", host.far)
    seen = INCUS.execute(ref(plan, "pc2"), ["ip", "neigh", "show", "dev", "eth1"], timeout_s=10)
    assert host.far.encode() in seen.stdout


def test_ports_of_the_host_lead_to_their_nodes(plan, host):
    ports = (*plan.network("lan1").forwards, *plan.machine("pc2").nics[0].forwards)
    for port in ports:
        ask = ASK.format(port.host_address, port.host_port)
        assert host.run("python3", "-c", ask).startswith("SSH-2.0")


def test_a_port_is_moved_while_the_node_runs_and_one_that_is_gone_shows(plan, host):
    was = plan.network("lan1")
    port = was.forwards[0]
    now = replace(was, forwards=(replace(port, host_port=port.host_port + 2),))
    assert INCUS.update(ref(plan, "lan1", "network"), was, now).item == now
    ask = ASK.format(port.host_address, port.host_port + 2)
    assert host.run("python3", "-c", ask).startswith("SSH-2.0")
    assert INCUS.update(ref(plan, "lan1", "network"), now, was).item == was


def test_what_somebody_changed_of_a_lan_shows_and_is_mended_by_the_next_up(plan):
    lan1, lan2 = plan.network("lan1"), plan.network("lan2")
    copy = Copy(plan.lab, plan.student)
    node = names.place(copy, "pc1").path()
    known = api.get(node)
    kept = {name: each for name, each in known["devices"].items() if each["type"] != "proxy"}
    api.call("PUT", node, {**known, "devices": kept})
    assert read(plan, lan1) == replace(lan1, forwards=())
    other = lan2.host_addresses[0].replace(".1/", ".9/")
    path = api.path_of("networks", names.bridge(copy, "lan2"))
    api.call("PATCH", path, {"config": {"ipv4.address": other, "ipv4.routing": "true"}})
    assert read(plan, lan2) == replace(lan2, host_addresses=(other,), host_routes=True)
    for lan in (lan1, lan2):
        assert INCUS.create(copy, lan).item == lan
        assert read(plan, lan) == lan


def test_two_copies_of_a_lan_that_the_host_is_in_are_refused_before_anything_is_made(
    plan, description
):
    taken = [problem.problem for problem in INCUS.check(planned({**description, "name": "other"}))]
    assert len([each for each in taken if f"of {plan.lab} of ana" in each]) == 3  # two of lan1


def test_more_containers_than_the_kernel_has_inotify_for_are_refused(plan, tmp_path, monkeypatch):
    limit = tmp_path / "limit"
    limit.write_text("11\n")
    monkeypatch.setattr(hosts, "_INOTIFY", limit)
    (problem,) = (each for each in INCUS.check(plan) if "inotify" in each.problem)
    assert problem.fix.startswith("sysctl -w fs.inotify.max_user_instances=")


def test_what_a_killed_run_left_of_a_node_that_never_was_goes_with_it(description):
    number = secrets.randbelow(200)
    nic = {"attach": "nat", "ipv4": f"100.127.{number}.2/30"}
    lost = planned(description, name=f"li{secrets.token_hex(3)}", lans={}, pcs={"pc1": nic})
    copy = Copy(lost.lab, lost.student)
    lans.behind(copy, lost.machine("pc1"))
    path = api.path_of("networks", names.bridge(copy, "pc1.eth0"))
    assert api.get(path)
    INCUS.delete(ref(lost, "pc1"))
    assert api.get(path) is None
