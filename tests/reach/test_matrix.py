from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from labiac.plan.model import Route
from labiac.reach.matrix import Ping, answers, matrix, pair, pings
from labiac.reach.trace import trace

IPV6 = {"ipv6": "fd00:0:0:1::/64"}


def with_routes(plan, **routes):
    """Return *plan* with other routes: ``r1=["10.0.3.0/24 via 10.0.2.2"]``."""
    return replace(
        plan,
        machines=tuple(
            replace(
                machine,
                routes=tuple(Route(*line.split(" via ")) for line in routes[machine.name]),
            )
            if machine.name in routes
            else machine
            for machine in plan.machines
        ),
    )


def reason(plan, source, target):
    return pair(plan, source, target).reason


def test_every_pc_of_the_closing_practical_reaches_every_other(planned, row):
    pairs = matrix(planned(**row()))
    assert [(each.source, each.target) for each in pairs] == [
        ("pc1", "pc2"),
        ("pc1", "pc3"),
        ("pc2", "pc1"),
        ("pc2", "pc3"),
        ("pc3", "pc1"),
        ("pc3", "pc2"),
    ]
    assert all(each.ok for each in pairs)


def test_a_path_names_every_node_that_the_packet_visits(forecast, row):
    assert forecast("pc1", "pc3", **row()) == "ok: pc1 r1 r2 pc3"
    assert forecast("pc3", "pc2", **row()) == "ok: pc3 r2 pc2"


def test_routers_are_in_the_matrix_only_when_asked_for(planned, row):
    plan = planned(**row())
    assert {each.source for each in matrix(plan)} == {"pc1", "pc2", "pc3"}
    assert {each.source for each in matrix(plan, all_nodes=True)} == {
        "r1",
        "r2",
        "pc1",
        "pc2",
        "pc3",
    }


def test_a_router_that_lacks_a_route_is_named_with_the_subnet(forecast, row):
    there = forecast("pc1", "pc3", **row(r1={"routing": "none"}))
    assert there == "r1 has no route to 10.0.3.0/24: pc1 r1"


def test_a_reply_that_does_not_come_back_is_said_to_be_one(forecast, row):
    there = forecast("pc1", "pc3", **row(r2={"routing": "none"}))
    assert there == "the reply from pc3: r2 has no route to 10.0.1.0/24: pc1 r1 r2 pc3"


def test_a_pc_without_a_gateway_is_told_so(forecast, row):
    there = forecast("pc1", "pc3", **row(pc1={"gateway": "none"}))
    assert there == "pc1 has no route to 10.0.3.13 (no gateway): pc1"


def test_a_gateway_outside_the_subnet_is_no_route(forecast, row):
    there = forecast("pc1", "pc3", **row(pc1={"gateway": "10.0.9.1"}))
    gateway = "its gateway 10.0.9.1 is in none of its subnets"
    assert there == f"pc1 has no route to 10.0.3.13 ({gateway}): pc1"


def test_a_broadcast_address_as_gateway_is_no_route(forecast, row):
    there = forecast("pc1", "pc3", **row(pc1={"gateway": "10.0.1.255"}))
    gateway = "its gateway 10.0.1.255 is a broadcast address"
    assert there == f"pc1 has no route to 10.0.3.13 ({gateway}): pc1"


def test_a_gateway_that_nobody_has_stays_silent(forecast, row):
    there = forecast("pc1", "pc3", **row(pc1={"gateway": "10.0.1.9"}))
    assert there == "nobody on lan1 answers for 10.0.1.9: pc1"


def test_a_pc_does_not_forward(forecast, row):
    parts = row(pc1={"gateway": "10.0.1.12"})
    parts["pcs"]["pc2"] = {"lans": ["lan1", "lan2"]}
    assert forecast("pc1", "pc3", **parts) == "pc2 does not forward (it is a PC): pc1 pc2"
    assert forecast("pc1", "pc2", **parts) == "ok: pc1 pc2"


def test_a_loop_is_named(planned, row):
    plan = with_routes(
        planned(**row()),
        r1=["10.0.9.0/24 via 10.0.2.2", "10.0.3.13/32 via 10.0.2.2"],
        r2=["10.0.3.13/32 via 10.0.2.1"],
    )
    found = pair(plan, "pc1", "pc3")
    assert found.reason == "loop: r1 -> r2 -> r1"
    assert found.path == ("pc1", "r1", "r2", "r1")


@pytest.mark.parametrize(("routers", "arrives"), [(63, True), (64, False)])
def test_sixty_three_routers_are_as_far_as_a_packet_comes(planned, routers, arrives):
    plan = planned(
        lans={f"lan{n}": {} for n in range(1, routers + 2)},
        routers={f"r{n}": {"lans": [f"lan{n}", f"lan{n + 1}"]} for n in range(1, routers + 1)},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": f"lan{routers + 1}"}},
    )
    found = pair(plan, "pc1", "pc2")
    assert found.ok is arrives
    assert found.reason == ("" if arrives else "the TTL of 64 runs out at r64")


def test_the_cable_that_is_out_is_named_on_both_sides(forecast, row):
    out = {"nics": [{"lan": "lan3", "connected": False}]}
    assert forecast("pc3", "pc1", **row(pc3=out)) == "pc3's cable to lan3 is out: pc3"
    assert forecast("pc1", "pc3", **row(pc3=out)) == "pc3's cable to lan3 is out: pc1 r1 r2"


def test_the_cable_of_a_router_that_is_out_is_named(forecast, row):
    out = {"nics": [{"lan": "lan2", "connected": False}, {"lan": "lan3"}]}
    assert forecast("pc1", "pc3", **row(r2=out)) == "r2's cable to lan2 is out: pc1 r1"


def test_a_nic_that_leads_nowhere_reaches_nobody(forecast, row):
    loose = {"nics": [{"attach": "none", "ipv4": "10.0.3.13/24"}], "gateway": "10.0.3.2"}
    assert forecast("pc3", "pc1", **row(pc3=loose)) == "pc3's eth0 is connected to nothing: pc3"


def test_a_node_behind_a_nat_of_its_own_leaves_the_lab(forecast, row):
    behind = forecast("pc3", "pc1", **row(pc3={"nics": [{"attach": "nat"}]}))
    assert behind == "pc3's eth0 leads out of the lab: pc3"


def test_two_nodes_without_a_common_ip_version_are_told_so(forecast):
    parts = {
        "lans": {"lan1": {}, "lan2": {"ipv6": "fd00::/64"}, "plain": {"ipv4": "none"}},
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "plain"}},
    }
    only = "pc2 has no IPv4 address, and pc1 no other: pc1"
    assert forecast("pc1", "pc2", **parts) == only
    assert forecast("pc1", "pc3", **parts) == "pc3 has no address: pc1"
    assert forecast("pc3", "pc1", **parts) == "pc3 has no address: pc3"


def test_a_pair_holds_only_if_it_does_in_both_ip_versions(planned):
    dual = {"ipv4": "10.0.1.0/24", **IPV6}
    plan = planned(
        lans={"lan1": dual, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        routers={"r1": {"lans": ["lan1", "lan2"]}},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    )
    assert pair(plan, "pc1", "pc2").ok
    only_ipv4 = with_routes(plan, pc1=["0.0.0.0/0 via 10.0.1.1"])
    wanted = "pc1 has no route to fd00:0:0:2::12 (no gateway)"
    assert reason(only_ipv4, "pc1", "pc2") == wanted


def test_the_pings_of_a_pair_are_the_primary_addresses_in_each_common_version(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "10.0.1.0/24", **IPV6}},
        pcs={
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan1"},
            "pc3": {"lan": "lan1", "ipv6": "none"},
        },
    )
    asked = pings(plan)
    assert asked["pc1", "pc2"] == (Ping("pc1", "10.0.1.12"), Ping("pc1", "fd00:0:0:1::12"))
    assert asked["pc1", "pc3"] == (Ping("pc1", "10.0.1.13"),)


def test_the_primary_address_is_of_the_first_nic_that_has_one(planned):
    plan = planned(
        lans={"plain": {"ipv4": "none"}, "lan1": {}, "lan2": {}},
        pcs={"pc1": {"lan": "lan2"}, "pc2": {"lans": ["plain", "lan2", "lan1"]}},
    )
    assert pings(plan)["pc1", "pc2"] == (Ping("pc1", "10.0.2.12"),)


def test_an_ipv4_address_of_another_lan_is_answered_for_as_linux_does(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "10.0.1.0/24", **IPV6}, "lan2": {"ipv4": "10.0.2.0/24"}},
        pcs={"pc1": {"lan": "lan1", "ipv4": "10.0.1.11/16"}, "pc2": {"lans": ["lan1", "lan2"]}},
    )
    assert answers(plan, [Ping("pc1", "10.0.2.12")]) == [True]


def test_an_ipv6_address_of_another_lan_is_not_answered_for(planned):
    plan = planned(
        lans={"lan1": IPV6, "lan2": {"ipv6": "fd00:0:0:2::/64"}},
        pcs={
            "pc1": {"lan": "lan1", "ipv6": "fd00:0:0:1::11/48"},
            "pc2": {"lans": ["lan1", "lan2"]},
        },
    )
    asked = [Ping("pc1", "fd00:0:0:2::12"), Ping("pc1", "fd00:0:0:1::12")]
    assert answers(plan, asked) == [False, True]


def test_a_node_answers_itself_and_nobody_answers_a_node_that_is_not_there(planned, row):
    plan = planned(**row())
    asked = [Ping("pc1", "10.0.1.11"), Ping("pc9", "10.0.1.11"), Ping("pc1", "10.0.1.99")]
    assert answers(plan, asked) == [True, False, False]


def test_the_owner_of_an_address_twice_given_is_named(planned):
    on = [{"lan": "lan1", "ipv4": "10.0.1.6/24"}, {"lan": "lan2", "ipv4": "10.0.2.6/24"}]
    plan = planned(
        lans={"lan1": {"ipv4": "none"}, "lan2": {"ipv4": "none"}},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.5/24"},
            "pc2": {"lan": "lan2", "ipv4": "10.0.1.5/24"},
            "pc3": {"nics": on},
        },
    )
    assert pair(plan, "pc3", "pc1").ok
    assert reason(plan, "pc3", "pc2") == "pc1 has 10.0.1.5 too"
    assert reason(plan, "pc2", "pc3") == "the reply from pc3: pc1 has 10.0.1.5 too"


def test_a_pc_with_a_wrong_mask_takes_the_way_by_its_gateway(forecast, row):
    parts = row(pc1={"ipv4": "10.0.1.20/25"})
    parts["pcs"]["pc4"] = {"lan": "lan1", "ipv4": "10.0.1.200"}
    assert forecast("pc1", "pc4", **parts) == "ok: pc1 r1 pc4"
    assert forecast("pc4", "pc1", **parts) == "ok: pc4 pc1"


def test_what_a_wrong_mask_takes_for_a_broadcast_gets_an_answer_but_is_not_asked(planned):
    plan = planned(
        lans={"lan1": {}},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.20/25"},
            "pc2": {"lan": "lan1", "ipv4": "10.0.1.127"},
        },
    )
    assert reason(plan, "pc1", "pc2") == "10.0.1.127 is a broadcast address to pc1"
    assert pair(plan, "pc2", "pc1").ok


def test_its_own_address_as_gateway_means_the_link_in_ipv4(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "none"}},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.1/24", "gateway": "10.0.1.1"},
            "pc2": {"lan": "lan1", "ipv4": "10.9.9.1/24", "gateway": "10.9.9.1"},
        },
    )
    assert pair(plan, "pc1", "pc2").ok


def test_its_own_address_as_gateway_is_none_in_ipv6(planned):
    plan = planned(
        lans={"lan1": IPV6, "lan2": {"ipv6": "fd00:0:0:2::/64"}},
        pcs={"pc1": {"lan": "lan1", "gateway": "fd00:0:0:1::11"}, "pc2": {"lan": "lan2"}},
    )
    gateway = "its gateway fd00:0:0:1::11 is its own address"
    assert reason(plan, "pc1", "pc2") == f"pc1 has no route to fd00:0:0:2::12 ({gateway})"


def test_a_route_to_a_subnet_that_a_node_is_in_changes_nothing(forecast, row):
    away = {"routes": [{"to": "10.0.1.0/24", "via": "10.0.1.99"}]}
    assert forecast("pc1", "pc3", **row(pc1=away)) == "ok: pc1 r1 r2 pc3"


def test_a_router_that_was_told_not_to_forward_does_not(planned, row):
    plan = planned(**row())
    idle = tuple(replace(each, forwards=each.name != "r2") for each in plan.machines)
    assert reason(replace(plan, machines=idle), "pc1", "pc3") == "r2 does not forward"


@pytest.mark.parametrize(("router", "ok"), [("pc1", True), ("r2", False)])
def test_only_an_ipv6_host_passes_over_a_gateway_that_is_silent(planned, router, ok):
    node = {"lan": "lan1", "routes": [{"to": "fd00:0:0:2::/64", "via": "fd00:0:0:1::99"}]}
    plan = planned(
        lans={"lan1": IPV6, "lan2": {"ipv6": "fd00:0:0:2::/64"}},
        routers={"r1": {"lans": ["lan1", "lan2"]}, "r2": node | {"gateway": "r1"}},
        pcs={"pc1": node, "pc2": {"lan": "lan2"}},
    )
    assert pair(plan, router, "pc2").ok is ok


def test_a_router_on_a_stick_joins_its_vlans(forecast):
    parts = {
        "lans": {"campus": {"vlans": {"red": 10, "blue": 20}}},
        "routers": {"r1": {"nics": [{"lan": "campus", "trunk": ["red", "blue"]}]}},
        "pcs": {
            "pc1": {"lan": "campus", "access": "red"},
            "pc2": {"lan": "campus", "access": "blue"},
            "pc3": {"lan": "campus", "access": "red"},
        },
    }
    assert forecast("pc1", "pc2", **parts) == "ok: pc1 r1 pc2"
    assert forecast("pc1", "pc3", **parts) == "ok: pc1 pc3"


def test_two_vlans_of_a_lan_do_not_hear_each_other(forecast):
    parts = {
        "lans": {"campus": {"vlans": {"red": {"id": 10, "ipv4": "10.1.0.0/24"}, "blue": 20}}},
        "pcs": {
            "pc1": {"lan": "campus", "access": "red"},
            "pc2": {"lan": "campus", "access": "blue", "ipv4": "none"},
            "pc3": {"lan": "campus", "access": "red", "ipv4": "10.1.0.7/24"},
        },
    }
    parts["pcs"]["pc2"] = {"nics": [{"lan": "campus", "access": "blue"}], "gateway": "none"}
    assert forecast("pc1", "pc3", **parts) == "ok: pc1 pc3"
    assert "no route" in forecast("pc1", "pc2", **parts)


def test_the_native_vlan_of_a_trunk_is_untagged(forecast):
    parts = {
        "lans": {"campus": {"vlans": {"red": 10, "blue": 20}}},
        "routers": {"r1": {"nics": [{"lan": "campus", "trunk": ["blue"], "native": "red"}]}},
        "pcs": {
            "pc1": {"lan": "campus", "access": "red"},
            "pc2": {"lan": "campus", "access": "blue"},
        },
    }
    assert forecast("pc1", "pc2", **parts) == "ok: pc1 r1 pc2"


def test_the_host_routes_between_its_lans_where_it_is_their_router(forecast):
    routed = {"type": "host", "host": {"router": True}}
    parts = {
        "lans": {"lan1": routed, "lan2": routed},
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    }
    assert forecast("pc1", "pc2", **parts) == "ok: pc1 host pc2"


def test_the_host_does_not_route_a_lan_that_it_is_only_in(forecast):
    parts = {
        "lans": {"lan1": {"type": "host", "host": {"router": True}}, "lan2": {"type": "host"}},
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2", "gateway": "10.0.2.1"}},
    }
    there = forecast("pc1", "pc2", **parts)
    assert there == "the reply from pc2: host does not route lan2: pc1 host pc2"
    assert forecast("pc2", "pc1", **parts) == "host does not route lan2: pc2 host"


@pytest.mark.parametrize("protocol", ["ospf", "rip", "bgp"])
def test_routers_of_one_protocol_learn_each_others_subnets(forecast, row, protocol):
    speak = {"routing": protocol}
    assert forecast("pc1", "pc3", **row(r1=speak, r2=speak)) == "ok: pc1 r1 r2 pc3"


def test_routers_of_different_protocols_learn_nothing_from_each_other(forecast, row):
    parts = row(r1={"routing": "ospf"}, r2={"routing": "rip"})
    assert forecast("pc1", "pc3", **parts) == "r1 has no route to 10.0.3.0/24: pc1 r1"


def test_a_route_by_an_interface_finds_its_destination_on_the_link(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "none"}},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.1/24"},
            "pc2": {"lan": "lan1", "ipv4": "10.9.9.1/24"},
        },
    )
    routed = with_routes(plan, pc1=["10.9.9.0/24 via eth0"], pc2=["0.0.0.0/0 via eth0"])
    assert pair(routed, "pc1", "pc2").ok


def test_a_route_by_a_node_that_is_gone_is_forecast_too(planned, row):
    plan = planned(**row())
    left = replace(plan, machines=tuple(m for m in plan.machines if m.name != "r1"), networks=())
    assert reason(left, "pc1", "pc3") == "nobody on lan1 answers for 10.0.1.1"


def test_a_node_that_is_not_there_has_no_pair(planned, row):
    with pytest.raises(KeyError, match="pc9"):
        pair(planned(**row()), "pc1", "pc9")


def test_nodes_that_are_alike_get_the_words_of_their_own(planned):
    plan = planned(
        lans={"lan1": {}, "lan2": {}},
        routers={"r1": {"lans": ["lan1", "lan2"]}},
        pcs={f"pc{n}": {"lan": "lan1", "gateway": "none"} for n in range(1, 4)}
        | {f"pc{n}": {"lan": "lan2"} for n in range(4, 6)},
    )
    found = {(each.source, each.target): each for each in matrix(plan)}
    for source in (1, 2, 3):
        for target in (4, 5):
            address = ip_address("10.0.2.10") + target
            assert found[f"pc{source}", f"pc{target}"].reason == (
                f"pc{source} has no route to {address} (no gateway)"
            )
            assert found[f"pc{target}", f"pc{source}"].reason == (
                f"the reply from pc{source}: pc{source} has no route to {address} (no gateway)"
            )
            assert found[f"pc{target}", f"pc{source}"].path == (
                f"pc{target}",
                "r1",
                f"pc{source}",
            )


def test_pairs_that_are_alike_share_what_holds_of_them(planned):
    pcs = {f"pc{n}": {"lan": "lan1"} for n in range(1, 4)}
    found = matrix(planned(lans={"lan1": {}}, pcs=pcs))
    assert len({id(each.found) for each in found}) == 1
    assert {each.path for each in found} == {each.ends for each in found}


def test_a_pair_of_which_something_else_is_said_keeps_the_rest(planned, row):
    before = pair(planned(**row()), "pc1", "pc3")
    after = before.told(ok=False, reason="r2 is gone")
    assert (after.ends, after.ok, after.reason) == (before.ends, False, "r2 is gone")
    assert after.path == before.path == ("pc1", "r1", "r2", "pc3")
    assert after.told(ok=True, reason="") == before != after


def test_pairs_that_say_the_same_are_equal_whoever_says_it(planned, row):
    first, again = (matrix(planned(**row())) for _ in range(2))
    assert first == again
    assert len({*first, *again}) == len(first)


def test_an_address_that_its_node_takes_for_a_broadcast_address_answers_nobody(planned):
    plan = planned(
        lans={"lan1": {}},
        pcs={
            "pc1": {"lan": "lan1", "ipv4": ["10.0.1.3/25", "10.0.1.127"]},
            "pc2": {"lan": "lan1", "ipv4": ["10.0.1.63", "10.0.1.4/26"]},
            "pc3": {"lan": "lan1"},
        },
    )
    asked = [("pc3", "10.0.1.127"), ("pc1", "10.0.1.127"), ("pc3", "10.0.1.63")]
    assert answers(plan, [Ping(*each) for each in asked]) == [False, False, True]


def test_a_packet_from_a_nodes_own_address_is_dropped_there_in_ipv4_alone(planned):
    def nic(lan, ipv4, ipv6):
        return {"lan": lan, "ipv4": ipv4, "ipv6": ipv6}

    plain = {"ipv4": "none"}
    plan = planned(
        lans={"lan1": plain, "lan2": plain, "lan3": plain},
        routers={
            "r1": {
                "nics": [
                    nic("lan1", "10.9.1.1/24", "fd00:0:0:9::1/64"),
                    nic("lan2", "10.9.2.1/24", "fd00:0:0:a::1/64"),
                ]
            }
        },
        pcs={
            "pc1": {"nics": [nic("lan1", "10.9.1.7/24", "fd00:0:0:9::7/64")], "gateway": "r1"},
            "pc2": {
                "nics": [
                    nic("lan2", "10.9.2.8/24", "fd00:0:0:a::8/64"),
                    nic("lan3", "10.9.1.7/32", "fd00:0:0:9::7/128"),
                ]
            },
        },
    )
    assert reason(plan, "pc1", "pc2") == ("pc2 has 10.9.1.7 itself: it drops what comes from there")
    assert trace(plan, "pc1", "pc2")[1].reason == ("the reply from pc2: pc2 has fd00:0:0:9::7 too")
