from __future__ import annotations

from dataclasses import replace

import pytest

from labiac.reach.trace import Hop, trace


def test_a_trace_says_of_each_hop_the_route_and_who_takes_it(planned, row):
    (found,) = trace(planned(**row()), "pc1", "pc3")
    assert (found.version, found.asker, found.asked) == (4, "10.0.1.11", "10.0.3.13")
    assert found.ok
    assert [replace(hop, mac="") for hop in found.there] == [
        Hop("pc1", "0.0.0.0/0", "eth0", "10.0.1.1", "lan1", "10.0.1.1", "r1"),
        Hop("r1", "10.0.3.0/24", "eth1", "10.0.2.2", "lan2", "10.0.2.2", "r2"),
        Hop("r2", "10.0.3.0/24", "eth1", "", "lan3", "10.0.3.13", "pc3"),
    ]
    assert [hop.node for hop in found.back] == ["pc3", "r2", "r1"]
    assert found.back[-1].to == "pc1"


def test_a_trace_ends_at_the_node_that_has_no_route(planned, row):
    (found,) = trace(planned(**row(r1={"routing": "none"})), "pc1", "pc3")
    assert found.reason == "r1 has no route to 10.0.3.0/24"
    assert found.problem == found.reason
    assert found.there[-1] == Hop("r1")
    assert found.back == ()


def test_a_trace_ends_on_the_segment_where_nobody_answers(planned, row):
    (found,) = trace(planned(**row(pc1={"gateway": "10.0.1.9"})), "pc1", "pc3")
    assert found.there == (Hop("pc1", "0.0.0.0/0", "eth0", "10.0.1.9", "lan1", asks="10.0.1.9"),)


def test_a_reply_that_is_lost_is_traced_to_where_it_is_lost(planned, row):
    (found,) = trace(planned(**row(r2={"routing": "none"})), "pc1", "pc3")
    assert not found.ok
    assert found.there[-1].to == "pc3"
    assert found.reason == "the reply from pc3: r2 has no route to 10.0.1.0/24"
    assert found.problem == "r2 has no route to 10.0.1.0/24"
    assert [(hop.node, hop.to) for hop in found.back] == [("pc3", "r2"), ("r2", "")]
    assert found.back[-1] == Hop("r2")


def test_the_neighbour_that_answers_does_so_with_the_mac_of_its_interface(planned, row):
    plan = planned(**row())
    (found,) = trace(plan, "pc1", "pc3")
    assert [hop.mac for hop in found.there] == [
        plan.machine("r1").nics[0].mac,
        plan.machine("r2").nics[0].mac,
        plan.machine("pc3").nics[0].mac,
    ]


def test_the_other_routes_that_match_are_named_the_longest_prefix_first(planned, row):
    routes = [
        {"to": "10.0.3.0/24", "via": "10.0.1.1"},
        {"to": "10.0.3.0/28", "via": "10.0.1.1"},
        {"to": "10.0.4.0/24", "via": "10.0.1.1"},
    ]
    (found,) = trace(planned(**row(pc1={"routes": routes})), "pc1", "pc3")
    assert found.there[0].route == "10.0.3.0/28"
    assert found.there[0].others == ("10.0.3.0/24 via 10.0.1.1", "0.0.0.0/0 via 10.0.1.1")


def test_a_node_that_passes_nothing_on_takes_no_route(planned, row):
    plan = planned(**row(pc1={"gateway": "10.0.1.14"}, pc2={"lan": "lan1", "ipv4": "10.0.1.14"}))
    (found,) = trace(plan, "pc1", "pc3")
    assert found.problem == "pc2 does not forward (it is a PC)"
    assert found.there[-1] == Hop("pc2")


def test_a_loop_ends_at_the_node_that_is_visited_again(planned, row):
    back = {"routing": "none", "routes": [{"to": "10.0.3.0/24", "via": "10.0.2.1"}]}
    there = {"routing": "none", "routes": [{"to": "10.0.3.0/24", "via": "10.0.2.2"}]}
    plan = planned(**row(r1=there, r2={**back, "lans": ["lan2"]}))
    (found,) = trace(plan, "pc1", "pc3")
    assert found.problem == "loop: r1 -> r2 -> r1"
    assert [hop.node for hop in found.there] == ["pc1", "r1", "r2", "r1"]
    assert found.there[-1] == Hop("r1")


def test_an_address_of_nobody_can_be_asked_for(planned, row):
    (found,) = trace(planned(**row()), "pc1", "pc3", ["10.0.3.99"])
    assert found.asked == "10.0.3.99"
    assert found.problem == "nobody on lan3 answers for 10.0.3.99"
    assert found.there[-1].node == "r2"
    (found,) = trace(planned(**row()), "pc1", "pc3", ["10.9.9.9"])
    assert found.problem == "r1 has no route to 10.9.9.9/32"


def test_a_node_without_a_route_asks_from_no_address(planned, row):
    (found,) = trace(planned(**row(pc1={"gateway": "none"})), "pc1", "pc3")
    assert found.asker == ""


def test_there_is_a_trace_of_each_common_ip_version(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "10.0.1.0/24", "ipv6": "fd00::/64"}},
        pcs={
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan1"},
            "pc3": {"lan": "lan1", "ipv4": "none"},
        },
    )
    assert [each.version for each in trace(plan, "pc1", "pc2")] == [4, 6]
    assert [each.version for each in trace(plan, "pc1", "pc3")] == [6]


def test_a_ping_leaves_from_the_address_of_the_interface_that_it_leaves_by(planned):
    plan = planned(
        lans={"lan1": {}, "lan2": {}},
        pcs={"pc1": {"lans": ["lan1", "lan2"]}, "pc2": {"lan": "lan2"}},
    )
    (found,) = trace(plan, "pc1", "pc2")
    assert found.asker == "10.0.2.11"


def test_of_several_ipv6_addresses_the_nearest_is_sent_from(planned):
    several = ["2001:db8::7/64", "fd00:0:0:1::7/64", "fd00:0:0:2::7/64"]
    plan = planned(
        lans={"plain": {"ipv4": "none"}},
        pcs={
            "pc1": {"lan": "plain", "ipv6": several},
            "pc2": {"lan": "plain", "ipv6": "fd00:0:0:2::9/64"},
        },
    )
    (found,) = trace(plan, "pc1", "pc2")
    assert found.asker == "fd00:0:0:2::7"


def test_a_node_that_is_not_there_has_no_trace(planned, row):
    with pytest.raises(KeyError, match="pc9"):
        trace(planned(**row()), "pc9", "pc1")
