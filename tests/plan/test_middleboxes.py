"""Firewalls, NATs and bridges in a plan: numbers, routes, what they do, and the words for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labiac.errors import DescriptionError
from labiac.plan.document import from_data as plan_from
from labiac.plan.document import to_json
from labiac.plan.model import Machine, Policy, Redirect, Rule, Translation
from labiac.plan.resolve import plan_file, resolve
from labiac.plan.said import differences
from labiac.schema.load import from_data

DUAL = {"ipv4": "10.0.0.0/8", "ipv6": "fd00::/48"}


def plan(student="local", **parts):
    return resolve(from_data({"name": "x", **parts}), student)


def lans(*names, **more):
    return {name: {} for name in names} | more


def firewall(*lans, **fields):
    return {"role": "firewall", "lans": list(lans), **fields}


def nat(*lans, **fields):
    """Return a NAT whose last LAN is its outside."""
    return {"role": "nat", "lans": list(lans), "outside": lans[-1], **fields}


def bridge(*lans, **fields):
    return {"role": "bridge", "lans": list(lans), **fields}


def addresses(made, node):
    return [address for nic in made.machine(node).nics for address in nic.addresses]


def routes(made, node):
    return {route.to: route.via for route in made.machine(node).routes}


def refusals(**parts):
    with pytest.raises(DescriptionError) as error:
        plan(**parts)
    return [f"{each.field}: {each.problem} ({each.fix})" for each in error.value.problems]


# Roles and numbers.


def test_middleboxes_come_between_routers_and_pcs_whatever_the_order_of_the_file():
    made = plan(
        pcs={"pc1": {"lan": "lan1"}},
        middleboxes={"fw1": firewall("lan1", "lan2"), "br1": bridge("lan2", "lan3")},
        routers={"r9": {"lans": ["lan1"]}},
        lans=lans("lan1", "lan2", "lan3"),
    )
    assert [(each.name, each.role, each.forwards) for each in made.machines] == [
        ("r9", "router", True),
        ("fw1", "firewall", True),
        ("br1", "bridge", False),
        ("pc1", "pc", False),
    ]
    assert made.end_nodes == ("pc1",)


def test_a_firewall_and_a_nat_take_their_own_number_as_routers_do():
    made = plan(
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={"fw4": firewall("lan1", "lan2"), "gw5": nat("lan2", "lan3")},
    )
    assert addresses(made, "fw4") == ["10.0.1.4/24", "10.0.2.4/24"]
    assert addresses(made, "gw5") == ["10.0.2.5/24", "10.0.3.5/24"]


def test_a_middlebox_takes_no_number_of_a_router_or_a_pc():
    box = {"fw1": firewall("lan1"), "fw11": firewall("lan1")}
    made = plan(
        lans=lans("lan1"),
        routers={"r1": {"lans": ["lan1"]}},
        middleboxes=box,
        pcs={"pc1": {"lan": "lan1"}},
    )
    assert addresses(made, "r1") == ["10.0.1.1/24"]
    assert addresses(made, "pc1") == ["10.0.1.11/24"]


NODES = st.lists(st.from_regex(r"\A(r|pc|web)[0-9]{0,2}\Z"), min_size=1, max_size=20, unique=True)


@settings(max_examples=40, deadline=None)
@given(NODES, st.from_regex(r"\A(fw|box)[0-9]{0,2}\Z"), st.sampled_from([firewall, nat]))
def test_adding_a_middlebox_leaves_every_address_as_it_was(names, name, role):
    parts = {
        "lans": lans("lan1", "lan2"),
        "routers": {each: {"lans": ["lan1", "lan2"]} for each in names if each[0] == "r"},
        "pcs": {each: {"lan": "lan1"} for each in names if each[0] != "r"},
    }
    before = plan(**parts)
    after = plan(**parts, middleboxes={name: role("lan1", "lan2")})
    assert after.networks == before.networks
    for machine in before.machines:
        assert after.machine(machine.name).nics == machine.nics


def test_a_plan_with_middleboxes_survives_the_way_through_json():
    made = plan(
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={
            "fw1": firewall("lan1", "lan2", rules=[{"allow": "tcp", "ports": [80, "90-99"]}]),
            "gw2": nat("lan1", "lan2", forwards=[{"port": 80, "to": "pc1"}]),
            "br3": bridge("lan2", "lan3"),
        },
        pcs={"pc1": {"lan": "lan1"}},
    )
    for machine in made.machines:
        assert plan_from(Machine, json.loads(to_json(machine))) == machine


# What a firewall lets through.


def test_a_rule_has_the_prefixes_of_lans_and_the_addresses_of_nodes_in_both_versions():
    made = plan(
        pool=DUAL,
        lans=lans("lan1", "lan2"),
        middleboxes={
            "fw": firewall(
                "lan1",
                "lan2",
                policy="reject",
                rules=[
                    {"allow": "icmp", "from": "lan1", "to": ["pc2", "10.9.0.0/16"]},
                    {"deny": "tcp", "ports": [22, "80-90"]},
                    {"reject": "any", "to": "10.0.2.12"},
                ],
            )
        },
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    )
    assert made.machine("fw").policy == Policy(
        default="reject",
        rules=(
            Rule(
                action="accept",
                protocol="icmp",
                sources=("10.0.1.0/24", "fd00:0:0:1::/64"),
                targets=("10.0.2.12/32", "fd00:0:0:2::12/128", "10.9.0.0/16"),
                ports=(),
            ),
            Rule("drop", "tcp", (), (), ((22, 22), (80, 90))),
            Rule("reject", "any", (), ("10.0.2.12/32",), ()),
        ),
    )


def test_a_firewall_that_says_nothing_drops_everything():
    made = plan(lans=lans("lan1", "lan2"), middleboxes={"fw": firewall("lan1", "lan2")})
    assert made.machine("fw").policy == Policy((), "drop")
    assert made.machine("fw").translation is None


def test_a_lan_with_vlans_stands_for_the_subnets_of_them_all():
    campus = {"ipv4": "10.9.0.0/24", "vlans": {"red": 10, "blue": 20}}
    made = plan(
        lans={"campus": campus, "lan1": {}},
        middleboxes={"fw": firewall("lan1", rules=[{"allow": "any", "from": "campus"}])},
    )
    sources = made.machine("fw").policy.rules[0].sources
    assert sources == ("10.9.0.0/24", "10.0.10.0/24", "10.0.20.0/24")


def test_joined_lans_stand_for_their_one_subnet():
    made = plan(
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={
            "br": bridge("lan1", "lan2"),
            "fw": firewall("lan2", "lan3", rules=[{"allow": "any", "from": ["lan1", "lan2"]}]),
        },
    )
    assert made.machine("fw").policy.rules[0].sources == ("10.0.1.0/24",)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            {"allow": "any", "from": "wire"},
            (
                "middleboxes.fw.rules[0].from: wire has no address, so that no packet would match "
                "(leave it out, or give it one)"
            ),
        ),
        (
            {"allow": "any", "from": ["lan1", "idle"]},
            (
                "middleboxes.fw.rules[0].from: idle has no address, so that no packet would match "
                "(leave it out, or give it one)"
            ),
        ),
        (
            {"allow": "any", "from": "lan1", "to": "fd00::/64"},
            (
                "middleboxes.fw.rules[0]: what it is from and what it is to have no IP version in "
                "common (name addresses of the same IP version)"
            ),
        ),
    ],
)
def test_a_rule_that_no_packet_can_match_is_refused_not_widened(rule, says):
    said = refusals(
        lans=lans("lan1", wire={"ipv4": "none"}),
        middleboxes={"fw": firewall("lan1", rules=[rule])},
        pcs={"idle": {"lan": "wire"}},
    )
    assert said == [says]


def test_a_rule_about_a_bridge_is_said_once(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(
        "name: x\nlans: {lan1: {}, lan2: {}}\nmiddleboxes:\n"
        "  br: {role: bridge, lans: [lan1, lan2]}\n"
        "  fw: {role: firewall, lans: [lan1], rules: [{allow: any, from: br}]}\n"
        "  gw: {role: nat, lans: [lan1, lan9], outside: lan9, forwards: [{port: 1, to: br}]}\n"
    )
    with pytest.raises(DescriptionError) as error:
        plan_file(str(file))
    assert [each.problem for each in error.value.problems] == [
        "br is a bridge: it has no address",
        "br is a bridge: it has no address",
        "there is no LAN 'lan9'",
    ]


# What a NAT hides.

HOME = {
    "lans": lans("home", "street", "far"),
    "routers": {"r1": {"lans": ["street", "far"]}},
    "pcs": {"pc1": {"lan": "home"}, "pc2": {"lan": "street"}, "pc3": {"lan": "far"}},
}


def hops(made, node):
    """Return the names of the nodes that the routes of *node* lead to."""
    owners = {
        address.partition("/")[0]: machine.name
        for machine in made.machines
        for nic in machine.nics
        for address in nic.addresses
    }
    return {to: owners.get(via, via) for to, via in routes(made, node).items()}


@pytest.mark.parametrize("pool", [{"ipv4": "10.0.0.0/8"}, DUAL])
def test_nobody_outside_a_nat_learns_a_way_in_and_everybody_inside_the_way_out(pool):
    made = plan(**HOME, pool=pool, middleboxes={"gw": nat("home", "street")})
    inside = {made.network("home").ipv4, made.network("home").ipv6}
    assert inside.isdisjoint(routes(made, "r1"))
    assert set(hops(made, "gw").values()) == {"r1"}
    assert len(routes(made, "gw")) == len(pool)
    assert set(hops(made, "pc1").values()) == {"gw"}
    assert len(routes(made, "pc1")) == len(pool)
    assert set(hops(made, "pc2").values()) == {"r1"}


def test_a_pc_outside_takes_no_nat_as_gateway():
    parts = {**HOME, "routers": {}}
    made = plan(**parts, middleboxes={"gw": nat("home", "street")})
    assert routes(made, "pc2") == {}
    assert hops(made, "pc1") == {"0.0.0.0/0": "gw"}


def test_a_router_inside_learns_the_way_out_and_the_nat_the_ways_inside():
    parts = {**HOME, "routers": {**HOME["routers"], "r2": {"lans": ["home", "attic"]}}}
    parts["lans"] = lans(*HOME["lans"], "attic")
    made = plan(**parts, middleboxes={"gw": nat("home", "street")})
    assert set(hops(made, "r2").values()) == {"gw"}
    assert hops(made, "gw")[made.network("attic").ipv4] == "r2"
    assert made.network("attic").ipv4 not in routes(made, "r1")


def test_two_nats_in_a_row_hide_what_is_behind_each():
    made = plan(
        lans=lans("home", "street", "far"),
        middleboxes={"gw1": nat("home", "street"), "gw2": nat("street", "far")},
        pcs={"pc1": {"lan": "home"}, "pc3": {"lan": "far"}},
    )
    assert hops(made, "gw1") == {made.network("far").ipv4: "gw2"}
    assert routes(made, "gw2") == {}
    assert routes(made, "pc3") == {}


def test_what_a_nat_hides_is_known_outside_by_another_way_if_there_is_one():
    parts = {**HOME, "routers": {**HOME["routers"], "r2": {"lans": ["home", "far"]}}}
    made = plan(**parts, middleboxes={"gw": nat("home", "street")})
    assert hops(made, "r1")[made.network("home").ipv4] == "r2"


def test_a_nat_behind_the_nat_of_the_host_has_a_default_route_only_and_so_have_those_inside():
    made = plan(
        lans=lans("home", "cellar", out={"type": "nat"}),
        routers={"r2": {"lans": ["home", "cellar"]}},
        middleboxes={"gw": nat("home", "out")},
        pcs={"pc1": {"lan": "home"}, "pc2": {"lan": "out"}},
    )
    host = made.network("out").host_addresses[0].partition("/")[0]
    assert hops(made, "gw") == {"0.0.0.0/0": host, made.network("cellar").ipv4: "r2"}
    assert hops(made, "r2")["0.0.0.0/0"] == "gw"
    assert hops(made, "pc2") == {"0.0.0.0/0": host}
    assert made.network("out").routes == ()


def test_a_port_of_a_nat_leads_to_the_address_that_is_inside_in_each_version_it_has_outside():
    made = plan(
        pool=DUAL,
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={
            "gw": nat(
                "lan1",
                "lan2",
                forwards=[
                    {"port": 8080, "to": "pc1", "to_port": 80},
                    {"port": 53, "to": "pc1", "protocol": "udp"},
                ],
            )
        },
        pcs={"pc1": {"lans": ["lan2", "lan3", "lan1"]}},
    )
    assert made.machine("gw").policy is None
    assert made.machine("gw").translation == Translation(
        outside="eth1",
        redirects=(
            Redirect("tcp", 8080, "10.0.1.11", 80),
            Redirect("tcp", 8080, "fd00:0:0:1::11", 80),
            Redirect("udp", 53, "10.0.1.11", 53),
            Redirect("udp", 53, "fd00:0:0:1::11", 53),
        ),
    )


def test_a_port_of_a_nat_can_lead_to_a_node_behind_a_router_inside():
    parts = {**HOME, "routers": {"r2": {"lans": ["home", "far"]}}}
    made = plan(
        **parts, middleboxes={"gw": nat("home", "street", forwards=[{"port": 80, "to": "pc3"}])}
    )
    [redirect] = made.machine("gw").translation.redirects
    assert [f"{redirect.target}/24"] == addresses(made, "pc3")


def test_the_outside_of_a_nat_can_be_a_vlan():
    made = plan(
        lans=lans("home", "far", campus={"vlans": {"red": 10}}),
        routers={"r1": {"nics": [{"lan": "campus", "access": "red"}, {"lan": "far"}]}},
        middleboxes={
            "gw": {
                "role": "nat",
                "outside": "campus",
                "nics": [{"lan": "campus", "access": "red", "name": "wan"}, {"lan": "home"}],
            }
        },
    )
    assert made.machine("gw").translation.outside == "wan"
    assert routes(made, "r1") == {}
    assert hops(made, "gw") == {made.network("far").ipv4: "r1"}


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("pc2", "pc2 has no address inside (name a node with an address behind gw)"),
        ("idle", "idle has no address inside (name a node with an address behind gw)"),
        (
            "pc6",
            (
                "pc6 has no address of an IP version that gw has outside "
                "(give both an address of the same IP version)"
            ),
        ),
    ],
)
def test_a_port_that_leads_nowhere_inside_is_refused(to, says):
    said = refusals(
        lans=lans("home", "street", six={"ipv6": "fd00:6::/64"}, wire={"ipv4": "none"}),
        middleboxes={"gw": nat("home", "six", "street", forwards=[{"port": 80, "to": to}])},
        pcs={"pc2": {"lan": "street"}, "idle": {"lan": "wire"}, "pc6": {"lan": "six"}},
    )
    assert said == [f"middleboxes.gw.forwards[0].to: {says}"]


# What a bridge joins.


def test_a_bridge_has_neither_addresses_nor_routes_and_its_nics_take_any_frame():
    made = plan(
        lans=lans("lan1", "lan2"),
        routers={"r1": {"lans": ["lan1"]}},
        middleboxes={"br": bridge("lan1", "lan2", student=True)},
    )
    br = made.machine("br")
    assert (br.routes, br.forwards, br.routing, br.student) == ((), False, "static", True)
    assert [(nic.addresses, nic.promiscuous) for nic in br.nics] == [((), True)] * 2
    assert "br" not in br.hosts.split()


def test_joined_lans_share_the_subnet_of_the_first_and_their_numbers():
    made = plan(
        pool=DUAL,
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={"br": bridge("lan2", "lan1")},
        routers={"r1": {"lans": ["lan2", "lan3"]}},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "x1": {"lan": "lan2"}},
    )
    assert [(each.ipv4, each.ipv6) for each in made.networks] == [
        ("10.0.1.0/24", "fd00:0:0:1::/64"),
        ("10.0.1.0/24", "fd00:0:0:1::/64"),
        ("10.0.3.0/24", "fd00:0:0:3::/64"),
    ]
    assert addresses(made, "pc2") == ["10.0.1.12/24", "fd00:0:0:1::12/64"]
    assert "10.0.1.11/24" not in addresses(made, "x1")
    assert hops(made, "pc1") == {"0.0.0.0/0": "r1", "::/0": "r1"}


def test_a_subnet_that_one_of_joined_lans_names_is_that_of_all():
    made = plan(
        lans=lans("lan1", wire={"ipv4": "none"}, lan3={"ipv4": "172.16.0.0/24"}),
        middleboxes={"br": bridge("lan1", "wire", "lan3")},
        pcs={"pc1": {"lan": "wire"}},
    )
    assert {each.ipv4 for each in made.networks} == {"172.16.0.0/24"}
    assert addresses(made, "pc1") == ["172.16.0.11/24"]


def test_joined_lans_can_name_the_same_subnet_but_not_two():
    same = {"lan1": {"ipv4": "10.5.0.0/24"}, "lan2": {"ipv4": "10.5.0.0/24"}}
    made = plan(lans=same, middleboxes={"br": bridge("lan1", "lan2")})
    assert {each.ipv4 for each in made.networks} == {"10.5.0.0/24"}
    two = {"lan1": {"ipv4": "10.5.0.0/24"}, "lan2": {"ipv4": "10.6.0.0/24"}}
    assert refusals(lans=two, middleboxes={"br": bridge("lan1", "lan2")}) == [
        (
            "lans.lan2.ipv4: 10.6.0.0/24, and lan1 has 10.5.0.0/24: a bridge joins the two into "
            "one LAN (write 10.5.0.0/24, or leave it out)"
        )
    ]


def test_an_address_is_taken_in_all_of_joined_lans():
    said = refusals(
        lans=lans("lan1", "lan2", "lan3"),
        middleboxes={"br1": bridge("lan1", "lan2"), "br2": bridge("lan2", "lan3")},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.9"},
            "pc2": {"lan": "lan3", "ipv4": "10.0.1.9"},
            "pc3": {"lan": "lan2", "ipv4": "10.0.2.9"},
        },
    )
    assert said == [
        "pcs.pc2.ipv4: 10.0.1.9 is also pc1's (use 10.0.1.1-10.0.1.254, or leave it out)",
        (
            "pcs.pc3.ipv4: 10.0.2.9 is outside lan1+lan2+lan3 (10.0.1.0/24) "
            "(use 10.0.1.1-10.0.1.254, or leave it out)"
        ),
    ]


def test_the_cable_of_a_bridge_that_is_out_renumbers_nobody():
    def made(*, connected):
        nics = [{"lan": "lan1"}, {"lan": "lan2", "connected": connected}]
        return plan(
            lans=lans("lan1", "lan2"),
            middleboxes={"br": {"role": "bridge", "nics": nics}},
            pcs={"pc2": {"lan": "lan2"}},
        )

    assert addresses(made(connected=True), "pc2") == addresses(made(connected=False), "pc2")


def test_who_is_joined_to_a_lan_of_the_host_has_the_host_as_gateway_and_its_ports():
    forwards = [{"host_port": 8080, "to": "pc1", "port": 80}]
    made = plan(
        lans={"lan1": {}, "lan2": {"type": "nat", "forwards": forwards}},
        middleboxes={"br": bridge("lan1", "lan2")},
        pcs={"pc1": {"lan": "lan1"}},
    )
    assert made.network("lan2").host_addresses == ("10.0.1.1/24",)
    assert made.network("lan1").host_addresses == ()
    assert routes(made, "pc1") == {"0.0.0.0/0": "10.0.1.1"}
    assert made.network("lan2").forwards[0].guest == "10.0.1.11"


def test_every_student_can_have_joined_lans_of_their_own():
    made = plan(
        "s7",
        pool={"ipv4": "10.0.0.0/8", "per_student": True},
        lans=lans("lan1", "lan2"),
        middleboxes={"br": bridge("lan1", "lan2")},
    )
    assert [each.ipv4 for each in made.networks] == ["10.7.1.0/24"] * 2


def test_a_bridge_leaves_the_numbers_of_lans_that_it_does_not_join():
    three = lans("lan1", "lan2", "lan3", "net")
    alone = plan(lans=three)
    joined = plan(lans=three, middleboxes={"br": bridge("lan1", "lan2")})
    for name in ("lan1", "lan3", "net"):
        assert joined.network(name) == alone.network(name)


# The words of a comparison.


def told(old, new):
    return [f"{each.field}: {each.was} -> {each.now}" for each in differences(old, new)]


def box(fields):
    made = plan(
        lans=lans("lan1", "lan2"),
        middleboxes={"box": fields},
        pcs={"pc1": {"lan": "lan1"}},
    )
    return made.machine("box")


def test_a_changed_policy_is_told_in_the_words_of_the_lab_file():
    rules = [
        {"allow": "icmp"},
        {"allow": "tcp", "ports": [80, "90-99"], "from": ["pc1", "10.9.0.0/16"], "to": "lan2"},
    ]
    old = box(firewall("lan1", "lan2", rules=rules))
    new = box(firewall("lan1", "lan2", rules=[rules[0], {"deny": "any"}], policy="accept"))
    assert told(old, new) == [
        "rule: allow tcp 80, 90-99 from 10.0.1.11, 10.9.0.0/16 to 10.0.2.0/24 -> deny any",
        "policy: drop -> accept",
    ]
    turned = box(firewall("lan1", "lan2", rules=[{"deny": "any"}, rules[0]], policy="accept"))
    assert told(new, turned) == ["rule: allow icmp, deny any -> deny any, allow icmp"]


def test_a_changed_translation_is_told_in_words():
    old = box(nat("lan1", "lan2", forwards=[{"port": 80, "to": "pc1"}]))
    new = box({"role": "nat", "lans": ["lan1", "lan2"], "outside": "lan1"})
    assert told(old, new) == ["outside: eth1 -> eth0", "forward tcp 80: to 10.0.1.11:80 -> None"]


def test_a_changed_role_is_told_with_all_that_it_brings():
    old, new = box(firewall("lan1", "lan2")), box(nat("lan1", "lan2"))
    assert told(old, new) == [
        "role: firewall -> nat",
        "policy: drop -> None",
        "outside: None -> eth1",
    ]


def test_a_new_firewall_is_told_with_its_policy():
    said = told(None, box(firewall("lan1", rules=[{"reject": "udp"}])))
    assert said[-2:] == ["rule: None -> reject udp", "policy: None -> drop"]


def ids(*lans, watches):
    return {"role": "ids", "lans": list(lans), "watches": [watches]}


def test_a_nic_that_listens_has_no_address_and_its_lan_is_watched():
    boxes = {"ids9": ids("lan1", "lan2", watches="lan1")}
    made = plan(pool=DUAL, lans=lans("lan1", "lan2"), middleboxes=boxes)
    ear, other = made.machine("ids9").nics
    assert (ear.listens, ear.promiscuous, ear.addresses) == (True, True, ())
    assert (other.listens, other.promiscuous) == (False, False)
    assert other.addresses == ("10.0.2.9/24", "fd00:0:0:2::9/64")
    assert [lan.watched for lan in made.networks] == [True, False]
    assert not made.machine("ids9").forwards


def test_an_ids_is_nobodys_gateway_and_has_one():
    boxes = {"ids9": ids("lan1", "lan2", watches="lan1")}
    lab = {"lans": lans("lan1", "lan2"), "pcs": {"pc1": {"lan": "lan2"}}}
    made = plan(**lab, middleboxes=boxes, routers={"r1": {"lans": ["lan1", "lan2"]}})
    assert [route.via for route in made.machine("ids9").routes] == ["10.0.2.1"]
    assert plan(**lab, middleboxes=boxes).machine("pc1").routes == ()


def test_who_begins_to_listen_and_the_lan_it_listens_to_are_told():
    lab = {"lans": lans("lan1", "lan2")}
    one, two = (
        plan(**lab, middleboxes={"ids9": ids("lan1", "lan2", watches=each)})
        for each in ("lan2", "lan1")
    )
    nic = differences(one.machine("ids9"), two.machine("ids9"))
    assert ("eth0 listens", "no", "yes") in nic
    assert ("eth1 listens", "yes", "no") in nic
    assert differences(one.network("lan1"), two.network("lan1")) == (("watched", "no", "yes"),)
    assert ("eth0", None, "lan1 listens") in differences(None, two.machine("ids9"))


def test_a_plan_of_an_older_labiac_has_nobody_who_listens():
    made = plan(lans=lans("lan1"), middleboxes={"ids9": ids("lan1", watches="lan1")})
    data = json.loads(to_json(made.machine("ids9")))
    del data["nics"][0]["listens"]
    assert not plan_from(Machine, data).nics[0].listens
