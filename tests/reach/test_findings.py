"""What `check` finds odd about labs that can be made."""

from __future__ import annotations

import pytest

from labiac.plan.resolve import plan_file
from labiac.reach.findings import findings
from labiac.schema.load import stacks

PAIR = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}


@pytest.fixture
def found(planned):
    """Return the findings of a lab of these parts: ``warning routers.r1: problem``."""

    def say(**parts):
        return [
            f"{level} {'.'.join(map(str, path))}: {problem}"
            for path, problem, fix, level in findings(planned(**parts))
            if fix
        ]

    return say


@pytest.mark.parametrize("stack", stacks())
def test_nothing_about_a_stack_is_more_than_worth_a_note(stack):
    assert [each for each in findings(plan_file(stack)) if each.level != "note"] == []


def test_a_good_lab_has_no_findings(found, row):
    assert found(**row()) == []


# ---- LANs and cables ----


def test_a_lan_that_nobody_is_plugged_into_is_found(found):
    assert found(lans={"lan1": {}, "lan2": {}}, pcs=PAIR) == [
        "warning lans.lan2: nobody is plugged into lan2"
    ]


def test_a_pc_that_is_alone_on_a_lan_is_found(found):
    assert found(lans={"lan1": {}}, pcs={"pc1": {"lan": "lan1"}}) == [
        "warning lans.lan1: only pc1 is plugged into lan1"
    ]


def test_a_router_alone_on_a_lan_is_worth_a_note_for_it_may_stand_for_what_lies_behind(found):
    lab = {"lans": {"lan1": {}, "stub": {}}, "routers": {"r1": {"lans": ["lan1", "stub"]}}}
    assert found(**lab, pcs=PAIR) == ["note lans.stub: only r1 is plugged into stub"]


def test_the_host_counts_as_plugged_into_its_lans(found):
    assert found(lans={"lan1": {"type": "nat"}}, pcs={"pc1": {"lan": "lan1"}}) == []
    assert found(lans={"lan1": {}, "lan2": {"type": "host"}}, pcs=PAIR) == [
        "warning lans.lan2: only the host is plugged into lan2"
    ]


def test_a_node_that_is_connected_to_nothing_is_found(found):
    out = {"pc3": {"attach": "none"}, "pc4": {"lan": "lan1", "connected": False}, "pc5": {}}
    assert found(lans={"lan1": {}}, pcs=PAIR | out) == [
        "warning pcs.pc3: no cable of pc3 is in",
        "warning pcs.pc4: no cable of pc4 is in",
        "warning pcs.pc5: pc5 has no NIC",
    ]


def test_a_node_with_a_nat_of_its_own_is_connected(found):
    assert found(lans={"lan1": {}}, pcs=PAIR | {"pc3": {"attach": "nat"}}) == []


# ---- gateways and next hops ----


def test_a_gateway_that_nobody_has_is_found_once_for_all_who_use_it(found):
    pcs = {name: {"lan": "lan1", "gateway": "10.0.1.9"} for name in ("pc1", "pc2")}
    assert found(lans={"lan1": {}}, pcs=pcs) == [
        "warning pcs.pc1.gateway: 10.0.1.9, the gateway of pc1, pc2, is nobody's on lan1"
    ]


def test_a_gateway_that_does_not_forward_is_found(found):
    pcs = PAIR | {"pc3": {"lan": "lan1", "gateway": "pc1"}}
    assert found(lans={"lan1": {}}, pcs=pcs) == [
        "warning pcs.pc3.gateway: 10.0.1.11, the gateway of pc3, is pc1's, which does not forward"
    ]


def test_a_host_that_does_not_route_is_no_gateway(found):
    pcs = {"pc1": {"lan": "lan1", "gateway": "10.0.1.1"}}
    assert found(lans={"lan1": {"type": "host"}}, pcs=pcs) == [
        (
            "warning pcs.pc1.gateway: 10.0.1.1, the gateway of pc1, is the host's, "
            "which does not forward"
        )
    ]


@pytest.mark.parametrize(
    ("gateway", "why"),
    [
        ("10.0.9.1", "in none of its subnets"),
        ("10.0.1.255", "a broadcast address"),
        ("10.0.1.13", "its own address"),
    ],
)
def test_a_gateway_that_cannot_be_set_is_found(found, gateway, why):
    pcs = PAIR | {"pc3": {"lan": "lan1", "gateway": gateway}}
    said = found(lans={"lan1": {}}, pcs=pcs)
    if gateway == "10.0.1.13":  # Linux takes it for a route to the link, in IPv4
        assert said == []
    else:
        assert said == [f"warning pcs.pc3.gateway: {gateway}, the gateway of pc3, is {why}"]


def test_a_gateway_whose_cable_is_out_is_found_at_the_cable(found, row):
    out = {"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan2"}]}
    said = found(**row(r1=out))
    assert said[0] == (
        "warning routers.r1.nics.0: 10.0.1.1, the gateway of pc1, is out of reach: "
        "r1's cable to lan1 is out"
    )


def test_the_own_cable_of_who_needs_a_gateway_is_found_too(found, row):
    out = {"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan1", "ipv4": "none"}]}
    said = found(**row(pc1=out))
    assert (
        "warning pcs.pc1.nics.0: 10.0.1.1, the gateway of pc1, is out of reach: "
        "pc1's cable to lan1 is out"
    ) in said


def test_a_next_hop_of_a_route_is_found_with_what_it_shall_lead_to(found, row):
    routes = [{"to": "10.7.0.0/16", "via": "10.0.2.99"}, {"to": "10.8.0.0/16", "via": "10.0.2.99"}]
    assert found(**row(r1={"routes": routes})) == [
        (
            "warning routers.r1.routes: 10.0.2.99, the next hop of r1 to 10.7.0.0/16, 10.8.0.0/16, "
            "is nobody's on lan2"
        )
    ]


def test_what_a_students_node_has_for_a_gateway_is_no_finding(found):
    pcs = PAIR | {"pc3": {"lan": "lan1", "gateway": "10.0.1.9", "student": True}}
    assert found(lans={"lan1": {}}, pcs=pcs) == []


def test_beyond_a_physical_interface_there_may_be_a_gateway(found):
    lans = {"lan1": {"type": "bridged", "interface": "eth0"}}
    assert found(lans=lans, pcs={"pc1": {"lan": "lan1", "gateway": "10.0.1.9"}}) == []


def test_beyond_a_bridge_there_may_be_a_physical_interface(found):
    lans = {"left": {"ipv4": "10.0.1.0/24"}, "right": {"type": "bridged", "interface": "eth0"}}
    bridge = {"br": {"role": "bridge", "lans": ["left", "right"]}}
    pcs = {"pc1": {"lan": "left", "gateway": "10.0.1.9"}}
    assert found(lans=lans, middleboxes=bridge, pcs=pcs) == []


# ---- VLANs ----


def vlans(**nodes):
    """Return a switch with two VLANs, routed by r1 on a stick, and two PCs in each."""
    pcs = {
        f"pc{number}": {"lan": "sw", "access": name}
        for number, name in enumerate(("red", "red", "blue", "blue"), 1)
    }
    parts = {"r1": {"lan": "sw", "trunk": ["red", "blue"]}} | pcs | nodes
    return {
        "lans": {"sw": {"ipv4": "none", "vlans": {"red": 10, "blue": 20}}},
        "routers": {name: node for name, node in parts.items() if name[0] == "r"},
        "pcs": {name: node for name, node in parts.items() if name[0] == "p"},
    }


def test_a_router_on_a_stick_is_a_good_lab(found):
    assert found(**vlans()) == []


def test_a_vlan_that_nobody_routes_is_found_where_another_is_routed(found):
    assert found(**vlans(r1={"lan": "sw", "trunk": ["red"]})) == [
        "warning lans.sw.vlans.blue: nobody routes VLAN blue of sw, though r1 routes red"
    ]


def test_vlans_that_nobody_routes_at_all_are_meant_to_be_apart(found):
    parts = vlans()
    assert found(**parts | {"routers": {}}) == []


def test_a_vlan_that_only_a_trunk_carries_is_found_at_the_trunk(found):
    out = {"lan": "sw", "access": "red"}
    assert found(**vlans(pc3=out, pc4=out)) == [
        "note routers.r1.nics.0.trunk.blue: only the trunk of r1 is in VLAN blue of sw"
    ]


def test_a_vlan_with_a_single_pc_or_none_is_found(found):
    red = {"lan": "sw", "access": "red"}
    lone = vlans(r1={"lan": "sw", "access": "red"}, pc3=red)
    assert found(**lone)[0] == "warning lans.sw.vlans.blue: only pc4 is in VLAN blue of sw"
    none = vlans(r1={"lan": "sw", "access": "red"}, pc3=red, pc4=red)
    assert found(**none) == ["warning lans.sw.vlans.blue: no NIC is in VLAN blue of sw"]


def test_native_vlans_that_differ_between_trunks_are_worth_a_note(found):
    trunks = {
        "r1": {"lan": "sw", "trunk": ["blue"], "native": "red"},
        "r2": {"lan": "sw", "trunk": ["red"], "native": "blue"},
    }
    assert found(**vlans(**trunks)) == [
        (
            "note routers.r2.nics.0.native: the native VLAN of sw is blue here, and on the trunk "
            "of r1 it is red"
        )
    ]


def test_a_sub_interface_without_an_address_is_found_unless_it_is_a_students(found):
    bare = {"lan": "sw", "trunk": {"red": {"ipv4": "none"}, "blue": {}}}
    assert found(**vlans(r1=bare)) == [
        "warning routers.r1.nics.0.trunk.red: r1 has no address in VLAN red: it does not route it"
    ]
    assert found(**vlans(r1=bare | {"student": True})) == []


def test_vlan_1_is_that_of_nics_without_a_vlan(found):
    lans = {"sw": {"vlans": {"red": 1}}}
    pcs = {"pc1": {"lan": "sw", "access": "red"}, "pc2": {"lan": "sw", "access": "red"}}
    assert found(lans=lans, pcs=pcs) == []
    assert found(lans=lans, pcs=pcs | {"pc3": {"lan": "sw"}}) == [
        (
            "warning lans.sw.vlans.red: VLAN red of sw has ID 1, and NICs without a VLAN are in "
            "that: pc3"
        )
    ]


# ---- numbers ----


def test_an_address_that_two_nodes_of_one_broadcast_domain_have_is_an_error(found):
    lans = {"sw": {"ipv4": "none", "vlans": {"red": {"id": 1, "ipv4": "none"}}}}
    pcs = {
        "pc1": {"lan": "sw", "access": "red", "ipv4": "10.0.1.5/24"},
        "pc2": {"lan": "sw", "ipv4": "10.0.1.5/24"},
    }
    assert "error pcs.pc2.nics.0.ipv4: pc1 on sw and pc2 on sw both have 10.0.1.5" in found(
        lans=lans, pcs=pcs
    )


def test_the_subnets_of_two_lans_that_a_router_joins_may_not_overlap(found):
    lans = {"lan1": {"ipv4": "none"}, "lan2": {"ipv4": "none"}}
    routers = {
        "r1": {
            "nics": [{"lan": "lan1", "ipv4": "10.0.0.1/16"}, {"lan": "lan2", "ipv4": "10.0.2.1/24"}]
        }
    }
    pcs = {
        "pc1": {"lan": "lan1", "ipv4": "10.0.0.11/16"},
        "pc2": {"lan": "lan2", "ipv4": "10.0.2.12/24"},
    }
    assert found(lans=lans, routers=routers, pcs=pcs) == [
        (
            "warning routers.r1.nics.0.ipv4: 10.0.0.0/16 (r1 on lan1) overlaps "
            "10.0.2.0/24 (r1 on lan2): routers can't tell them apart"
        )
    ]


def test_a_prefix_that_is_too_short_is_found_at_the_nic_that_has_it(found, row):
    assert found(**row(pc1={"ipv4": "10.0.1.11/16"})) == [
        (
            "warning pcs.pc1.nics.0.ipv4: 10.0.0.0/16 (pc1 on lan1) overlaps "
            "10.0.2.0/24 (r1 on lan2), 10.0.3.0/24 (r2 on lan3): routers can't tell them apart"
        )
    ]


def test_the_same_subnet_on_lans_that_nobody_routes_is_no_finding(found):
    lans = {"lan1": {"ipv4": "none"}, "lan2": {"ipv4": "none"}}
    pcs = {
        f"pc{number}": {"lan": f"lan{number // 3 + 1}", "ipv4": f"10.0.1.{number}/24"}
        for number in (1, 2, 3, 4)
    }
    assert found(lans=lans, pcs=pcs) == []


def test_two_nats_may_hide_the_same_subnet(found):
    lans = {"home1": {"ipv4": "none"}, "home2": {"ipv4": "none"}, "out": {}}
    boxes = {
        f"gw{n}": {
            "role": "nat",
            "outside": "out",
            "nics": [{"lan": f"home{n}", "ipv4": "192.168.0.1/24"}, {"lan": "out"}],
        }
        for n in (1, 2)
    }
    pcs = {f"pc{n}": {"lan": f"home{n}", "ipv4": "192.168.0.2/24"} for n in (1, 2)}
    assert found(lans=lans, middleboxes=boxes, pcs=pcs) == []


# ---- ways ----


def test_packets_that_go_round_are_one_finding(found, row):
    routes = {"r1": "10.0.2.2", "r2": "10.0.2.1"}
    loop = {name: {"routes": [{"to": "10.9.0.0/16", "via": via}]} for name, via in routes.items()}
    far = {"pc9": {"lan": "far", "ipv4": "10.9.0.1/16"}, "pc8": {"lan": "far"}}
    parts = row(**loop)
    parts["lans"] |= {"far": {"ipv4": "10.9.0.0/16"}}
    parts["pcs"] |= far
    assert found(**parts) == [
        (
            "warning routers.r1.routes: packets go round in circles: r1 -> r2 -> r1 "
            "(pc1 -> pc9, pc1 -> pc8, pc2 -> pc9, pc2 -> pc8, pc3 -> pc9, pc3 -> pc8)"
        )
    ]


def square(**boxes):
    """Return two LANs that two routers join: pc1's gateway is the one, pc2's the other."""
    nodes = {name: {"lans": ["lan1", "lan2"]} for name in ("a", "b") if name not in boxes}
    return {
        "lans": {"lan1": {}, "lan2": {}},
        "routers": nodes,
        "middleboxes": {name: {**box, "lans": ["lan1", "lan2"]} for name, box in boxes.items()},
        "pcs": {"pc1": {"lan": "lan1", "gateway": "a"}, "pc2": {"lan": "lan2", "gateway": "b"}},
    }


def test_an_answer_by_another_router_is_worth_a_note(found):
    assert found(**square()) == [
        "note : answers take another way than questions: pc1 -> pc2 by a, back by b"
    ]


def test_an_answer_beside_a_firewall_is_a_warning(found):
    firewall = {"role": "firewall", "policy": "accept"}
    assert found(**square(b=firewall)) == [
        "warning middleboxes.b: answers take another way than questions: pc1 -> pc2 by a, back by b"
    ]


def test_a_gateway_that_sends_on_to_a_router_of_the_same_lan_is_no_finding(found, row):
    parts = row()
    parts["pcs"]["pc2"]["gateway"] = "r2"
    assert found(**parts) == []


def test_an_answer_by_another_router_is_no_finding_where_a_student_decides(found):
    parts = square()
    parts["routers"]["b"]["student"] = True
    assert found(**parts) == []
