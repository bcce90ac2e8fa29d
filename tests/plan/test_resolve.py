"""A lab becomes a plan in which every default is a value that does not move."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labiac.errors import DescriptionError
from labiac.plan.document import from_data, summary, to_data, to_json
from labiac.plan.model import Machine, Network, Plan, Route
from labiac.plan.names import student_name
from labiac.plan.resolve import plan_file, resolve
from labiac.schema import Lab, Lan, Pc
from labiac.schema import load as schema_load


def plan(text, student="local", backend="netns") -> Plan:
    from labiac.schema.yaml import parse

    data, source = parse(f"name: x\n{text}", "lab.yaml")
    return resolve(schema_load.sound(schema_load._read(data, source)), student, backend)


def addresses(made, node):
    return [address for nic in made.machine(node).nics for address in nic.addresses]


def routes(made, node):
    return {route.to: route.via for route in made.machine(node).routes}


def test_the_practical_of_the_course_gets_the_numbers_a_person_guesses():
    made = plan_file("three-lans")
    assert {n.name: n.ipv4 for n in made.networks} == {
        "lan1": "10.0.1.0/24",
        "lan2": "10.0.2.0/24",
        "lan3": "10.0.3.0/24",
    }
    assert {m.name: addresses(made, m.name) for m in made.machines} == {
        "r1": ["10.0.1.1/24", "10.0.2.1/24"],
        "r2": ["10.0.2.2/24", "10.0.3.2/24"],
        "pc1": ["10.0.1.11/24"],
        "pc2": ["10.0.1.20/24"],
        "pc3": ["10.0.2.13/24"],
        "pc4": ["10.0.3.14/24"],
    }
    assert routes(made, "r1") == {"10.0.3.0/24": "10.0.2.2"}
    assert routes(made, "r2") == {"10.0.1.0/24": "10.0.2.1"}
    assert routes(made, "pc3") == {"0.0.0.0/0": "10.0.2.1"}


def test_the_same_file_and_student_give_the_same_plan():
    assert plan_file("three-lans", "ana") == plan_file("three-lans", "ana")


def test_another_student_gets_other_macs_and_host_names_but_the_same_addresses():
    ana, luis = plan_file("three-lans", "ana"), plan_file("three-lans", "luis")
    for mine, yours in zip(ana.machines, luis.machines, strict=True):
        assert mine.host_name == f"three-lans-ana-{mine.name}"
        for nic, other in zip(mine.nics, yours.nics, strict=True):
            assert nic.addresses == other.addresses
            assert nic.mac != other.mac


def test_macs_carry_the_octets_that_each_hypervisor_expects():
    heads = {"virtualbox": "08:00:27", "libvirt": "52:54:00", "hyperv": "00:15:5d"}
    lab = schema_load.load("three-lans")
    for backend, head in heads.items():
        for machine in resolve(lab, backend=backend).machines:
            assert all(nic.mac.startswith(head) for nic in machine.nics)
    assert all(n.mac.startswith("02:") for m in resolve(lab).machines for n in m.nics)


def test_backends_differ_in_nothing_but_macs_seeds_and_how_labiac_gets_in():
    lab = schema_load.load("three-lans")

    def rest(made):
        data = [to_data(machine) for machine in made.machines]
        for machine in data:
            del machine["seed"], machine["management"]
            for nic in machine["nics"]:
                del nic["mac"]
        return data

    assert rest(resolve(lab, backend="netns")) == rest(resolve(lab, backend="virtualbox"))


def test_students_with_their_own_subnets_get_different_ones():
    text = "pool: {per_student: true}\nlans: {lan3: {}}\npcs: {pc4: {lan: lan3}}\n"
    assert addresses(plan(text, "s7"), "pc4") == ["10.7.3.14/24"]
    assert addresses(plan(text, "s8"), "pc4") == ["10.8.3.14/24"]
    assert plan(text, "ana").networks[0].ipv4 == plan(text, "ana").networks[0].ipv4


def test_a_pool_too_small_for_every_student_is_refused():
    with pytest.raises(DescriptionError, match="too small to give every student other subnets"):
        plan("pool: {ipv4: 192.168.0.0/24, per_student: true}\nlans: {lan1: {}}\n")


def test_a_name_without_a_number_keeps_its_subnet_when_others_come():
    alone = plan("lans: {office: {}}\n").network("office").ipv4
    with_others = plan("lans: {lan1: {}, dmz: {}, office: {}, lab7: {}}\n").network("office").ipv4
    assert alone == with_others


def test_a_number_that_is_taken_gives_way_to_a_hash():
    made = plan("lans: {lan1: {ipv4: 10.0.2.0/23}, lan2: {}, lan3: {}}\n")
    assert made.network("lan1").ipv4 == "10.0.2.0/23"
    subnets = {network.ipv4 for network in made.networks}
    assert len(subnets) == 3
    assert "10.0.3.0/24" not in subnets


def test_overlapping_subnets_are_refused_at_the_second():
    with pytest.raises(DescriptionError) as caught:
        plan("lans:\n  a: {ipv4: 10.0.0.0/16}\n  b: {ipv4: 10.0.9.0/24}\n")
    (problem,) = caught.value.problems
    assert str(problem).startswith("lab.yaml:4 lans.b.ipv4: 10.0.9.0/24 overlaps 10.0.0.0/16")


def test_an_address_outside_its_lan_is_refused_with_the_ones_that_fit():
    with pytest.raises(DescriptionError) as caught:
        plan("lans: {lan1: {}}\npcs:\n  pc1: {lan: lan1, ipv4: 10.2.0.1/24}\n")
    assert str(caught.value) == (
        "lab.yaml:4 pcs.pc1.ipv4: 10.2.0.1/24 is outside lan1 (10.0.1.0/24)\n"
        "  fix: use 10.0.1.1-10.0.1.254, or leave it out"
    )


@pytest.mark.parametrize(
    ("pcs", "says"),
    [
        ("pc1: {lan: lan1, ipv4: 10.0.1.0}", "is the address of 10.0.1.0/24 itself"),
        ("pc1: {lan: lan1, ipv4: 10.0.1.255}", "or its broadcast"),
        ("pc1: {lan: lan1, ipv4: 10.0.1.9}, pc2: {lan: lan1, ipv4: 10.0.1.9}", "is also pc1's"),
        ("pc1: {lan: lan1, ipv6: fd00::9}", "has no prefix, and lan1 has no IPv6 subnet"),
    ],
)
def test_an_address_that_no_nic_can_have_is_refused(pcs, says):
    with pytest.raises(DescriptionError, match=says):
        plan(f"lans: {{lan1: {{}}}}\npcs: {{{pcs}}}\n")


def test_a_full_subnet_is_refused_for_whom_there_is_no_room():
    pcs = ", ".join(f"pc{n}: {{lan: lan1}}" for n in range(1, 8))
    with pytest.raises(DescriptionError, match=r"has no address left for pc\d"):
        plan(f"lans: {{lan1: {{ipv4: 10.0.0.0/29}}}}\npcs: {{{pcs}}}\n")


def test_a_point_to_point_subnet_has_two_hosts():
    made = plan("lans: {p: {ipv4: 10.9.0.0/31}}\nrouters: {r1: {lan: p}, r2: {lan: p}}\n")
    assert {*addresses(made, "r1"), *addresses(made, "r2")} == {"10.9.0.0/31", "10.9.0.1/31"}


def test_a_lan_that_names_a_family_has_just_that_one():
    made = plan(
        "pool: {ipv6: fd00::/48}\n"
        "lans: {lan1: {}, lan2: {ipv4: 10.2.0.0/24}, lan3: {ipv6: fd01::/64}, lan4: {ipv4: none}}\n"
    )
    assert [(network.ipv4, network.ipv6) for network in made.networks] == [
        ("10.0.1.0/24", "fd00:0:0:1::/64"),
        ("10.2.0.0/24", None),
        (None, "fd01::/64"),
        (None, None),
    ]


def test_ipv6_shows_the_same_digits_as_ipv4():
    made = plan(
        "pool: {ipv6: fd00::/48}\nlans: {lan12: {}}\nrouters: {r1: {lan: lan12}}\n"
        "pcs: {pc14: {lan: lan12}}\n"
    )
    assert addresses(made, "pc14") == ["10.0.12.24/24", "fd00:0:0:12::24/64"]
    assert routes(made, "pc14") == {"0.0.0.0/0": "10.0.12.1", "::/0": "fd00:0:0:12::1"}


def test_a_router_on_a_stick_gets_a_sub_interface_and_address_for_each_vlan():
    made = plan(
        "lans: {lan1: {vlans: {red: 10, blue: 20}}}\n"
        "routers: {r1: {nics: [{lan: lan1, trunk: [red, blue]}]}}\n"
        "pcs: {pc1: {lan: lan1, access: red}, pc2: {lan: lan1, access: blue}}\n"
    )
    (stick,) = made.machine("r1").nics
    assert [(sub.name, sub.addresses) for sub in stick.trunk] == [
        ("eth0.10", ("10.0.10.1/24",)),
        ("eth0.20", ("10.0.20.1/24",)),
    ]
    assert stick.addresses == ()
    assert addresses(made, "pc1") == ["10.0.10.11/24"]
    assert routes(made, "pc2") == {"0.0.0.0/0": "10.0.20.1"}


def test_the_native_vlan_of_a_trunk_is_untagged():
    made = plan(
        "lans: {lan1: {vlans: {red: 10, blue: 20}}}\n"
        "routers: {r1: {nics: [{lan: lan1, trunk: [red], native: blue}]}}\n"
    )
    (stick,) = made.machine("r1").nics
    assert stick.addresses == ("10.0.20.1/24",)


def test_the_first_router_of_the_lan_is_the_gateway_unless_the_file_says_otherwise():
    made = plan(
        "lans: {lan1: {}}\nrouters: {r1: {lan: lan1}, r2: {lan: lan1}}\n"
        "pcs:\n  pc1: {lan: lan1}\n  pc2: {lan: lan1, gateway: r2}\n"
        "  pc3: {lan: lan1, gateway: none}\n  pc4: {lan: lan1, gateway: 10.0.1.99}\n"
    )
    assert [routes(made, f"pc{n}").get("0.0.0.0/0") for n in (1, 2, 3, 4)] == [
        "10.0.1.1",
        "10.0.1.2",
        None,
        "10.0.1.99",
    ]


def test_a_route_in_the_file_wins_over_the_computed_one():
    made = plan(
        "lans: {lan1: {}, lan2: {}}\n"
        "routers:\n  r1: {lans: [lan1, lan2]}\n"
        "  r2: {lan: lan1, routes: [{to: 10.0.2.0/24, via: 10.0.1.7}]}\n"
    )
    assert routes(made, "r2") == {"10.0.2.0/24": "10.0.1.7"}


def test_routing_none_leaves_the_routes_to_the_student():
    made = plan(
        "routing: none\nlans: {lan1: {}, lan2: {}}\n"
        "routers: {r1: {lan: lan1}, r2: {lans: [lan1, lan2]}}\npcs: {pc1: {lan: lan1}}\n"
    )
    assert made.machine("r1").routes == ()
    assert made.machine("r1").student
    assert routes(made, "pc1") == {"0.0.0.0/0": "10.0.1.1"}
    assert not made.machine("pc1").student


def test_the_shortest_way_is_taken_and_ties_go_to_the_first_in_the_file():
    ring = plan(
        "lans: {lan1: {}, lan2: {}, lan3: {}, lan4: {}}\n"
        "routers:\n  r1: {lans: [lan1, lan2]}\n  r2: {lans: [lan2, lan3]}\n"
        "  r3: {lans: [lan3, lan4]}\n  r4: {lans: [lan4, lan1]}\n"
    )
    assert routes(ring, "r1") == {"10.0.3.0/24": "10.0.2.2", "10.0.4.0/24": "10.0.1.4"}
    assert routes(ring, "r3") == {"10.0.1.0/24": "10.0.4.4", "10.0.2.0/24": "10.0.3.2"}


def test_the_host_is_the_way_out_of_a_nat_lan_and_knows_the_way_back():
    made = plan(
        "lans: {lan1: {type: nat}, lan2: {}}\n"
        "routers: {r2: {lans: [lan1, lan2]}}\npcs: {pc1: {lan: lan2}, pc2: {lan: lan1}}\n"
    )
    network = made.network("lan1")
    assert network.host_addresses == ("10.0.1.1/24",)
    assert network.host_routes
    assert network.routes == (Route("10.0.2.0/24", "10.0.1.2"),)
    assert routes(made, "r2") == {"0.0.0.0/0": "10.0.1.1"}
    assert routes(made, "pc1") == {"0.0.0.0/0": "10.0.2.2"}


def test_a_host_that_does_not_route_is_no_gateway():
    made = plan("lans: {lan1: {type: host}}\npcs: {pc1: {lan: lan1}}\n")
    assert made.machine("pc1").routes == ()
    routing = plan("lans: {lan1: {type: host, host: {router: true}}}\npcs: {pc1: {lan: lan1}}\n")
    assert routes(routing, "pc1") == {"0.0.0.0/0": "10.0.1.1"}


def test_a_port_forward_to_a_node_without_an_address_is_refused():
    with pytest.raises(DescriptionError) as error:
        plan(
            "lans: {lan1: {type: nat, forwards: [{host_port: 8080, to: pc1, port: 80}]}}\n"
            "pcs: {pc1: {lan: lan1, ipv4: none}}\n"
        )
    (problem,) = error.value.problems
    assert str(problem).splitlines() == [
        "lab.yaml:2 lans.lan1.forwards[0].to: pc1 has no address in a LAN",
        "  fix: give it one, or name another node",
    ]


def test_a_port_forward_leads_to_the_address_of_its_node_in_that_lan():
    made = plan(
        "lans: {lan1: {type: nat, forwards: [{host_port: 8080, to: pc4, port: 80}]}}\n"
        "pcs: {pc4: {lan: lan1}}\n"
    )
    (forward,) = made.network("lan1").forwards
    assert (forward.guest, forward.guest_port, forward.host_address) == (
        "10.0.1.14",
        80,
        "127.0.0.1",
    )


def test_a_name_stands_for_the_first_address_of_its_node():
    lines = plan_file("three-lans").machine("pc1").hosts.splitlines()
    assert "10.0.1.1\tr1" in lines
    assert "10.0.2.1\tr1-eth1" in lines
    assert "10.0.3.14\tpc4" in lines


def test_the_hostnames_of_all_nodes_are_the_same_everywhere():
    assert len({machine.hosts for machine in plan_file("three-lans").machines}) == 1


def test_a_nic_with_a_nat_of_its_own_has_the_host_as_its_way_out():
    made = plan("pcs: {pc1: {attach: nat}}\n")
    (nic,) = made.machine("pc1").nics
    address = nic.addresses[0]
    assert address.startswith("100.")
    assert address.endswith("/30")
    assert set(routes(made, "pc1")) == {"0.0.0.0/0"}


@pytest.mark.parametrize(
    "student", ["José Pérez", "a b", "../../etc", "Ana", "x" * 150, "名前", "-a"]
)
def test_a_students_name_is_spelled_so_that_it_cannot_leave_its_place(student):
    safe = student_name(student)
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 0 < len(safe) <= 40
    assert safe != student_name(student + "x")


@pytest.mark.parametrize("student", ["", "  ", "a\nb", "x" * 201, "\x00"])
def test_a_students_name_that_cannot_be_used_is_refused(student):
    with pytest.raises(DescriptionError, match="is no name of a student"):
        student_name(student)


@pytest.mark.parametrize(
    ("student", "spelled"),
    [("Łukasz Wałęsa", "lukasz-walesa"), ("Jörg Weiß", "jorg-weiss"), ("SØREN ÆRØ", "soren-aero")],
)
def test_no_letter_of_a_latin_name_is_dropped(student, spelled):
    assert student_name(student).rpartition("-")[0] == spelled


def test_plain_names_stay_as_they_are():
    assert [student_name(name) for name in ("ana", "s-7", "2026-17")] == ["ana", "s-7", "2026-17"]


def test_a_plan_survives_the_way_through_json():
    made = plan(
        "pool: {ipv6: fd00::/48}\nlans: {lan1: {type: nat, vlans: {red: 10}}}\n"
        "routers: {r1: {nics: [{lan: lan1, trunk: [red]}]}}\n"
        "pcs: {pc1: {nics: [{attach: generic, driver: vde, properties: {a: b}}, {attach: none}],\n"
        "  services: {web: {command: [nc, -l]}}}}\n"
    )
    for item in (*made.networks, *made.machines):
        cls = Network if isinstance(item, Network) else Machine
        assert from_data(cls, json.loads(json.dumps(to_data(item)))) == item
        assert to_json(item) == json.dumps(to_data(item))


def test_the_printed_plan_has_the_documented_keys():
    data = summary(plan_file("three-lans"))
    assert (
        data["networks"][0].items()
        >= {
            "name": "lan1",
            "type": "internal",
            "ipv4": "10.0.1.0/24",
            "ipv6": None,
            "vlans": {},
        }.items()
    )
    r1 = data["machines"][0]
    assert (r1["name"], r1["role"]) == ("r1", "router")
    assert {
        "name": "eth0",
        "network": "lan1",
        "addresses": ["10.0.1.1/24"],
        "vlan": None,
    }.items() <= {key: value for key, value in r1["nics"][0].items() if key != "mac"}.items()
    assert r1["routes"] == [{"to": "10.0.3.0/24", "via": "10.0.2.2"}]


def test_a_route_through_a_node_takes_its_address_in_the_lan_they_share():
    made = plan(
        "pool: {ipv6: fd00::/48}\nlans: {lan1: {}, lan2: {}}\n"
        "routers: {r1: {lans: [lan1, lan2]}}\n"
        "pcs:\n  pc1: {lan: lan2, gateway: none, routes: [{to: 10.9.0.0/16, via: r1}]}\n"
        "  pc2: {lan: lan2, gateway: none, routes: [{to: default, via: r1}]}\n"
        "  pc3: {lan: lan2, gateway: none, routes: [{to: fd09::/64, via: 10.0.2.1}]}\n"
    )
    assert routes(made, "pc1") == {"10.9.0.0/16": "10.0.2.1"}
    assert routes(made, "pc2") == {"0.0.0.0/0": "10.0.2.1", "::/0": "fd00:0:0:2::1"}
    assert routes(made, "pc3") == {}


def test_the_host_takes_the_address_that_the_file_gives_it():
    made = plan("lans: {lan1: {type: host, host: {ipv4: 10.0.1.200}}}\n")
    assert made.network("lan1").host_addresses == ("10.0.1.200/24",)


def test_an_address_without_a_subnet_needs_its_prefix():
    made = plan("lans: {lan1: {ipv4: none}}\npcs: {pc1: {lan: lan1, ipv4: 10.9.0.1/24}}\n")
    assert addresses(made, "pc1") == ["10.9.0.1/24"]
    with pytest.raises(DescriptionError, match="has no prefix, and this NIC no LAN"):
        plan("pcs: {pc1: {attach: none, ipv4: 10.9.0.1}}\n")


def test_an_address_without_a_subnet_has_one_owner_too():
    with pytest.raises(DescriptionError, match=r"10\.9\.0\.1/16 is also pc1's"):
        plan(
            "lans: {lan1: {ipv4: none}}\n"
            "pcs: {pc1: {lan: lan1, ipv4: 10.9.0.1/24}, pc2: {lan: lan1, ipv4: 10.9.0.1/16}}\n"
        )


def test_a_pool_with_no_subnet_left_is_said():
    with pytest.raises(DescriptionError, match="has no subnet left"):
        plan("pool: {ipv4: 192.168.7.0/24}\nlans: {a: {}, b: {}}\n")
    with pytest.raises(DescriptionError, match="has no subnet left"):
        plan("pool: {ipv4: 192.168.7.0/25}\nlans: {lan1: {}}\n")


def test_the_checks_of_the_file_are_in_the_plan():
    made = plan(
        "pcs: {pc1: {}, pc2: {}}\nchecks:\n  - all_ping: true\n"
        "  - ping: {from: pc1, to: pc2}\n  - no_ping: {from: pc1, to: pc2}\n"
        "  - path: {from: pc1, to: pc2, visits: []}\n"
    )
    assert [check.kind for check in made.checks] == ["all_ping", "ping", "no_ping", "path"]


def test_a_file_with_mistakes_says_those_of_its_numbers_too(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("name: x\nlans: {lan1: {tpye: a}}\npcs: {pc1: {lan: lan1, ipv4: 10.9.9.9}}\n")
    with pytest.raises(DescriptionError) as caught:
        plan_file(str(file))
    assert [problem.field for problem in caught.value.problems] == [
        "lans.lan1.tpye",
        "pcs.pc1.ipv4",
    ]


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        ("lan: lan9", "there is no LAN 'lan9'"),
        ("lan: lan1, gateway: r9", "there is no node 'r9'"),
        ("lan: lan1, gateway: ''", "'' is neither an address nor a node"),
        ("lan: lan1, routes: [{to: default, via: none}]", "'none' is neither an address nor a"),
        ("lan: lan1, trunk: [red]", "there is no VLAN 'red'"),
        ("lan: lan1, access: red", "there is no VLAN 'red'"),
        (f"lan: lan1, cpus: {'9' * 5000}", "inf is no whole number"),
    ],
)
def test_a_lab_that_breaks_a_rule_is_not_planned_and_that_is_all_that_is_said(
    node, problem, tmp_path
):
    file = tmp_path / "lab.yaml"
    file.write_text(f"name: x\nlans: {{lan1: {{}}}}\npcs: {{pc1: {{{node}}}}}\n")
    with pytest.raises(DescriptionError) as caught:
        plan_file(str(file))
    (only,) = caught.value.problems
    assert only.problem.startswith(problem)


def test_a_lab_in_python_is_held_to_the_same_rules():
    lab = Lab(name="x", lans={"lan1": Lan()}, pcs={"pc1": Pc(lan="lan9", gateway="r9")})
    with pytest.raises(DescriptionError) as caught:
        resolve(lab)
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["pcs.pc1.gateway", "pcs.pc1.lan"]


def test_what_is_not_in_the_plan_is_a_key_error():
    with pytest.raises(KeyError):
        plan_file("three-lans").machine("pc9")


NAMES = st.lists(
    st.from_regex(r"\A(lan|net|office|v)[0-9]{0,3}\Z"), min_size=1, max_size=30, unique=True
)


@settings(max_examples=60, deadline=None)
@given(NAMES)
def test_no_two_lans_ever_share_addresses(names):
    import ipaddress

    made = plan("lans: {" + ", ".join(f"{name}: {{}}" for name in names) + "}\n")
    subnets = [ipaddress.ip_network(network.ipv4) for network in made.networks]
    for index, subnet in enumerate(subnets):
        assert not any(subnet.overlaps(other) for other in subnets[:index])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"\A(pc|web|x)[0-9]{0,3}\Z"), min_size=1, max_size=60, unique=True))
def test_no_two_nodes_of_a_lan_ever_share_an_address_or_a_mac(names):
    made = plan(
        "lans: {lan1: {}}\npcs: {" + ", ".join(f"{name}: {{lan: lan1}}" for name in names) + "}\n"
    )
    nics = [nic for machine in made.machines for nic in machine.nics]
    assert len({nic.addresses for nic in nics}) == len(nics)
    assert len({nic.mac for nic in nics}) == len(nics)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.data())
def test_removing_a_numbered_lan_leaves_the_other_numbered_ones_as_they_were(names, data):
    gone = data.draw(st.sampled_from(names))
    before = plan("lans: {" + ", ".join(f"{name}: {{}}" for name in names) + "}\n")
    left = [name for name in names if name != gone]
    after = plan("lans: {" + ", ".join(f"{name}: {{}}" for name in left) + "}\n")
    numbers = [int("".join(filter(str.isdigit, name)) or 0) for name in names]
    for name in left:
        number = int("".join(filter(str.isdigit, name)) or 0)
        if number > 0 and numbers.count(number) == 1:
            assert before.network(name).ipv4 == after.network(name).ipv4
