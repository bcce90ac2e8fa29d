"""What a guest answers when it is looked at, and what mends it. Pure: the answers are real ones."""

import json
from dataclasses import replace

import pytest

from labiac.backends import guest
from labiac.plan.model import Route, SubInterface
from labiac.plan.nftables import ruleset
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {
    "name": "seen",
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "middleboxes": {
        "fw": {"role": "firewall", "lans": ["lan1", "lan3"], "policy": "drop"},
    },
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"nics": [{"lan": "lan3", "connected": False}]}},
}


@pytest.fixture(scope="module")
def plan():
    return resolve(from_data(LAB, "test"), "ana", "libvirt")


class Guest:
    """A guest that is as planned, until a test changes it."""

    def __init__(self, machine):
        self.links = {"lo": link("lo", "00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"])}
        for nic in machine.nics:
            cable = ["LOWER_UP"] if nic.connected else []
            held = nic.addresses if nic.connected else ()
            self.links[nic.name] = link(nic.name, nic.mac, held, ["UP", *cable])
        self.routes = {4: [], 6: []}
        for route in machine.routes:
            version = 6 if ":" in route.to else 4
            to = "default" if route.to.endswith("/0") else route.to
            self.routes[version].append(
                {"type": "unicast", "dst": to, "gateway": route.via, "protocol": "static"}
            )
        self.forwards = [int(machine.forwards)] * 2
        self.hosts = machine.hosts
        self.rules = ["table inet labiac {}\n"] * 2 if ruleset(machine) else []

    def says(self):
        told = [[*self.links.values()], self.routes[4], self.routes[6], *self.forwards]
        lines = "".join(f"{json.dumps(each)}\n" for each in told)
        return "\0".join([lines, self.hosts, *self.rules])


def link(name, mac, addresses, flags=("UP", "LOWER_UP")):
    held = [address.partition("/") for address in addresses]
    return {
        "ifname": name,
        "flags": ["BROADCAST", *flags],
        "address": mac,
        "addr_info": [{"local": local, "prefixlen": int(length)} for local, _, length in held],
    }


def changed(machine, change):
    """Return *machine* as it is seen after *change* of its guest."""
    there = Guest(machine)
    change(there)
    return guest.seen(machine, there.says())


@pytest.mark.parametrize("name", ["r1", "r2", "fw", "pc1", "pc2"])
def test_a_guest_that_is_as_planned_is_seen_so_and_left_alone(plan, name):
    machine = plan.machine(name)
    assert guest.seen(machine, Guest(machine).says()) == machine
    assert list(guest.steps(machine, machine)) == []


def commands(was, now):
    """Return the commands that make *was* what *now* says, those of ip one by one."""
    found = []
    for argv, data in guest.steps(was, now):
        found += data.decode().splitlines() if argv[0] == "ip" else [" ".join(argv)]
    return found


def test_another_address_is_seen_and_taken_away_and_a_lost_one_comes_back(plan):
    machine = plan.machine("r1")
    own = machine.nics[1].addresses[0]

    def change(there):
        there.links["eth1"]["addr_info"] = [{"local": "10.0.2.77", "prefixlen": 24}]

    seen = changed(machine, change)
    assert seen.nics[1].addresses == ("10.0.2.77/24",)
    assert commands(seen, machine) == [
        "address delete 10.0.2.77/24 dev eth1",
        f"address add {own} dev eth1",
        *(f"route replace {route.to} via {route.via}" for route in machine.routes),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("dynamic", True), ("local", "fe80::5054:ff:fe00:1")],
    ids=["from DHCP", "link-local"],
)
def test_an_address_that_nobody_wrote_down_is_not_looked_at(plan, field, value):
    machine = plan.machine("pc1")
    more = {"local": "10.0.1.200", "prefixlen": 24, field: value}
    seen = changed(machine, lambda there: there.links["eth0"]["addr_info"].append(more))
    assert seen == machine


def test_a_route_of_somebody_s_is_seen_and_one_that_a_daemon_learned_is_not(plan):
    machine = plan.machine("r1")

    def change(there):
        there.routes[4] = [
            {"type": "unicast", "dst": "10.9.0.0/16", "gateway": "10.0.1.9", "protocol": "boot"},
            {"type": "unicast", "dst": "10.8.0.0/16", "gateway": "10.0.1.9", "protocol": "ospf"},
            {"type": "unicast", "dst": "10.0.1.0/24", "dev": "eth0", "protocol": "kernel"},
            {"type": "blackhole", "dst": "10.7.0.0/16", "protocol": "static"},
        ]

    seen = changed(machine, change)
    assert seen.routes == (Route("10.9.0.0/16", "10.0.1.9"),)
    assert commands(seen, machine)[-1 - len(machine.routes) :] == [
        "route delete 10.9.0.0/16 via 10.0.1.9",
        *(f"route replace {route.to} via {route.via}" for route in machine.routes),
    ]


def test_a_route_with_two_next_hops_is_two_routes(plan):
    hops = [{"gateway": "10.0.1.8"}, {"via": {"family": "inet6", "host": "fd00::9"}}]

    def change(there):
        there.routes[4] = [
            {"type": "unicast", "dst": "default", "protocol": "static", "nexthops": hops}
        ]

    seen = changed(plan.machine("pc1"), change)
    assert {route.via for route in seen.routes} == {"10.0.1.8", "fd00::9"}
    assert {route.to for route in seen.routes} == {"0.0.0.0/0"}


def test_what_a_nic_without_a_cable_would_have_is_not_missed(plan):
    machine = plan.machine("pc2")
    assert machine.nics[0].addresses
    assert machine.routes
    there = Guest(machine)
    there.routes = {4: [], 6: []}
    assert guest.seen(machine, there.says()) == machine


def test_a_nic_that_was_switched_off_is_as_with_its_cable_out(plan):
    machine = plan.machine("pc1")

    def change(there):
        there.links["eth0"]["flags"] = ["BROADCAST"]

    seen = changed(machine, change)
    assert seen.nics[0].connected is False
    assert "link set dev eth0 up" in commands(seen, machine)


def test_forwarding_switched_off_is_seen_and_switched_on(plan):
    machine = plan.machine("r1")

    def change(there):
        there.forwards[0] = 0

    seen = changed(machine, change)
    assert seen.forwards is False
    assert any("net.ipv4.ip_forward=1" in each for each in commands(seen, machine))


def test_hosts_that_somebody_wrote_are_seen_and_written_anew(plan):
    machine = plan.machine("pc1")

    def change(there):
        there.hosts += "192.0.2.1 elsewhere\n"

    seen = changed(machine, change)
    assert "elsewhere" in seen.hosts
    ((argv, data),) = [step for step in guest.steps(seen, machine) if step[0][0] == "install"]
    assert argv[-1] == "/etc/hosts"
    assert data.decode() == machine.hosts


@pytest.mark.parametrize("listed", ["", "table inet labiac { other }\n"])
def test_rules_that_are_not_as_planned_are_seen_and_loaded(plan, listed):
    machine = plan.machine("fw")

    def change(there):
        there.rules[0] = listed

    seen = changed(machine, change)
    assert seen.policy is None
    assert (("nft", "-f", "-"), ruleset(machine).encode()) in list(guest.steps(seen, machine))


def test_a_sub_interface_that_is_gone_or_has_another_tag_is_made_anew(plan):
    plain = plan.machine("r1")
    sub = SubInterface("eth0.10", "red", 10, ("10.0.7.1/24",))
    machine = replace(plain, nics=(replace(plain.nics[0], trunk=(sub,)), plain.nics[1]))
    there = Guest(machine)
    assert guest.seen(machine, there.says()).nics[0].trunk == ()
    tagged = link("eth0.10", plain.nics[0].mac, sub.addresses)
    tagged["linkinfo"] = {"info_kind": "vlan", "info_data": {"id": 11}}
    there.links["eth0.10"] = tagged
    seen = guest.seen(machine, there.says())
    assert seen.nics[0].trunk == (replace(sub, id=11),)
    made = "link add link eth0 name eth0.10 type vlan id 10"
    assert made in commands(seen, machine)


def test_what_somebody_did_by_hand_stays_where_a_change_is_about_something_else(plan):
    was = plan.machine("r1")
    by_hand = ("10.9.9.9/24", *was.nics[0].addresses)
    found = replace(was, nics=(replace(was.nics[0], addresses=by_hand), was.nics[1]), routes=())
    now = replace(was, hosts="127.0.0.1 localhost\n", memory_mib=768)
    assert guest.changed(found, was, now) == replace(found, hosts=now.hosts, memory_mib=768)


def test_what_a_change_is_about_becomes_as_planned_whatever_somebody_did_to_it(plan):
    was = plan.machine("r1")
    by_hand = [replace(nic, addresses=("10.9.9.9/24",)) for nic in was.nics]
    found = replace(was, nics=tuple(by_hand), routes=())
    moved = replace(was.nics[0], addresses=("10.0.1.77/24",))
    now = replace(was, nics=(moved, was.nics[1]), routes=(Route("0.0.0.0/0", "10.0.1.2"),))
    assert guest.changed(found, was, now) == replace(now, nics=(moved, by_hand[1]))


def test_what_a_student_did_becomes_as_planned_once_the_node_is_no_more_theirs(plan):
    now = plan.machine("pc1")
    found = replace(now, routes=())
    assert guest.changed(found, replace(now, student=True), now) == now
