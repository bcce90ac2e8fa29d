"""Firewalls, NATs and bridges: what they let through, what they hide, what they join."""

from __future__ import annotations

import pytest

from labiac.reach.matrix import matrix, pair
from labiac.reach.trace import trace

NEIGHBOURS = {"lan1": {}, "lan2": {}}
PCS = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}}


@pytest.fixture
def walled(forecast):
    """Say of pc1 and pc2, on both sides of firewall fw, whether one reaches the other."""

    def say(source, target, *rules, policy="drop", lans=NEIGHBOURS):
        fw = {"role": "firewall", "lans": ["lan1", "lan2"], "rules": list(rules), "policy": policy}
        parts = {"lans": lans, "middleboxes": {"fw": fw}, "pcs": PCS}
        return forecast(source, target, **parts)

    return say


@pytest.fixture
def hidden():
    """Return a lab's parts: pc1, pc2 - lan1 - gw - lan2 (pc3) - r1 - lan3 - pc4; gw is a NAT."""

    def parts(**changes):
        return {
            "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
            "routers": {"r1": {"lans": ["lan2", "lan3"]}},
            "middleboxes": {"gw": {"role": "nat", "lans": ["lan2", "lan1"], "outside": "lan2"}},
            "pcs": {
                "pc1": {"lan": "lan1"},
                "pc2": {"lan": "lan1"},
                "pc3": {"lan": "lan2"},
                "pc4": {"lan": "lan3"},
            },
        } | changes

    return parts


def test_a_firewall_names_the_rule_that_drops_a_packet(walled):
    said = walled("pc1", "pc2", {"allow": "tcp"}, {"deny": "icmp", "from": "pc1"})
    assert said == "fw drops icmp from 10.0.1.11 to 10.0.2.12 (rule 2): pc1 fw"


def test_a_packet_that_no_rule_matches_meets_the_policy(walled):
    assert walled("pc1", "pc2") == "fw drops icmp from 10.0.1.11 to 10.0.2.12 (policy): pc1 fw"
    said = walled("pc1", "pc2", policy="reject")
    assert said == "fw rejects icmp from 10.0.1.11 to 10.0.2.12 (policy): pc1 fw"
    assert walled("pc1", "pc2", policy="accept") == "ok: pc1 fw pc2"


def test_the_first_rule_that_matches_decides(walled):
    allow, deny = {"allow": "icmp"}, {"reject": "any", "to": "lan2"}
    assert walled("pc1", "pc2", allow, deny) == "ok: pc1 fw pc2"
    said = walled("pc1", "pc2", deny, allow)
    assert said == "fw rejects icmp from 10.0.1.11 to 10.0.2.12 (rule 1): pc1 fw"


def test_an_answer_passes_where_its_question_did_whatever_the_rules_say_of_it(walled):
    assert walled("pc1", "pc2", {"allow": "icmp", "from": "pc1"}) == "ok: pc1 fw pc2"
    assert walled("pc2", "pc1", {"allow": "icmp", "from": "pc1"}).startswith("fw drops icmp")


def test_a_firewall_answers_and_asks_as_any_router(walled):
    assert walled("pc1", "fw") == "ok: pc1 fw"
    assert walled("fw", "pc2") == "ok: fw pc2"


def test_a_rule_about_one_ip_version_says_nothing_of_the_other(walled):
    lans = {f"lan{n}": {"ipv4": f"10.0.{n}.0/24", "ipv6": f"fd00:0:0:{n}::/64"} for n in (1, 2)}
    only_ipv4 = {"allow": "icmp", "from": "10.0.1.0/24"}
    said = walled("pc1", "pc2", only_ipv4, lans=lans)
    assert said == "fw drops icmp from fd00:0:0:1::11 to fd00:0:0:2::12 (policy): pc1 fw"
    assert walled("pc1", "pc2", {"allow": "icmp", "from": "lan1"}, lans=lans).startswith("ok")


def test_nodes_that_a_rule_tells_apart_are_not_alike(planned):
    plan = planned(
        lans=NEIGHBOURS,
        middleboxes={
            "fw": {
                "role": "firewall",
                "lans": ["lan1", "lan2"],
                "rules": [{"deny": "icmp", "from": "pc3"}, {"allow": "icmp"}],
            }
        },
        pcs={**{f"pc{n}": {"lan": "lan1"} for n in (1, 3, 4)}, "pc2": {"lan": "lan2"}},
    )
    silent = [each.ends for each in matrix(plan) if not each.ok]
    assert silent == [("pc3", "pc2")]


def test_a_firewall_that_has_not_seen_the_question_drops_the_answer(forecast):
    around = {
        "lans": NEIGHBOURS,
        "routers": {"r1": {"lans": ["lan1", "lan2"]}},
        "middleboxes": {"fw": {"role": "firewall", "lans": ["lan1", "lan2"], "policy": "accept"}},
        "pcs": {"pc1": {"lan": "lan1", "gateway": "r1"}, "pc2": {"lan": "lan2", "gateway": "fw"}},
    }
    why = "fw has not seen the question: it drops the answer"
    assert forecast("pc1", "pc2", **around) == f"the reply from pc2: {why}: pc1 r1 pc2"
    assert forecast("pc2", "pc1", **around) == "ok: pc2 fw pc1"


def test_who_is_behind_a_nat_reaches_out_and_nobody_reaches_in(forecast, hidden):
    assert forecast("pc1", "pc4", **hidden()) == "ok: pc1 gw r1 pc4"
    assert forecast("pc4", "pc1", **hidden()).startswith("r1 has no route to 10.0.1.0/24")
    assert forecast("pc1", "pc2", **hidden()) == "ok: pc1 pc2"


def test_a_nat_lets_in_what_has_a_route_there(forecast, hidden):
    parts = hidden()
    parts["routers"] = {
        "r1": {"lans": ["lan2", "lan3"], "routes": [{"to": "10.0.1.0/24", "via": "gw"}]}
    }
    assert forecast("pc4", "pc1", **parts) == "ok: pc4 r1 gw pc1"


def test_the_host_hides_a_nat_lan_from_its_other_lans(forecast):
    lab = {
        "lans": {"lan1": {"type": "nat"}, "lan2": {"type": "host", "host": {"router": True}}},
        "pcs": {"host": {"lan": "lan1"}, "pc2": {"lan": "lan2", "gateway": "none"}},
    }
    # pc2 answers the host, which is in its own LAN; not to be mistaken for a PC of that name.
    assert forecast("host", "pc2", **lab).startswith("ok: ")
    assert forecast("pc2", "host", **lab).startswith("pc2 has no route to 10.0.1.")


def test_rules_beyond_a_nat_see_its_address(planned, hidden):
    parts = hidden(routers={})
    fw = {"role": "firewall", "lans": ["lan2", "lan3"], "rules": [{"allow": "icmp", "from": "gw"}]}
    parts["middleboxes"] = {**parts["middleboxes"], "fw": fw}
    parts["pcs"] = {**parts["pcs"], "pc3": {"lan": "lan2", "gateway": "fw"}}
    plan = planned(**parts)
    assert pair(plan, "pc1", "pc4").path == ("pc1", "gw", "fw", "pc4")
    assert pair(plan, "pc1", "pc4").ok
    assert pair(plan, "pc3", "pc4").reason == ("fw drops icmp from 10.0.2.13 to 10.0.3.14 (policy)")


def test_nats_nest(forecast, hidden):
    parts = hidden(routers={})
    out = {"role": "nat", "lans": ["lan3", "lan2"], "outside": "lan3"}
    parts["middleboxes"] = {**parts["middleboxes"], "isp": out}
    assert forecast("pc1", "pc4", **parts) == "ok: pc1 gw isp pc4"


def test_an_answer_comes_back_to_the_nat_or_not_at_all(forecast, hidden):
    parts = hidden()
    parts["pcs"] = {**parts["pcs"], "pc4": {"lan": "lan3", "gateway": "none"}}
    why = "pc4 has no route to 10.0.2.171 (no gateway)"
    assert forecast("pc1", "pc4", **parts) == f"the reply from pc4: {why}: pc1 gw r1 pc4"


def test_a_trace_shows_the_translation_at_its_hop_there_and_back(planned, hidden):
    (found,) = trace(planned(**hidden()), "pc1", "pc4")
    assert [(hop.node, hop.source, hop.target) for hop in (*found.there, *found.back)] == [
        ("pc1", "", ""),
        ("gw", "10.0.2.171", ""),
        ("r1", "", ""),
        ("pc4", "", ""),
        ("r1", "", ""),
        ("gw", "", "10.0.1.11"),
    ]
    assert (found.asker, found.heard) == ("10.0.1.11", "10.0.2.171")
    assert found.back[-1].to == "pc1"


def test_a_trace_names_the_rule_that_lets_a_packet_through(planned):
    fw = {"role": "firewall", "lans": ["lan1", "lan2"], "rules": [{"allow": "icmp"}]}
    (found,) = trace(planned(lans=NEIGHBOURS, middleboxes={"fw": fw}, pcs=PCS), "pc1", "pc2")
    assert [(hop.node, hop.rule) for hop in (*found.there, *found.back)] == [
        ("pc1", ""),
        ("fw", "rule 1"),
        ("pc2", ""),
        ("fw", "known"),
    ]


def test_a_trace_ends_at_the_firewall_with_the_route_that_the_packet_would_have_taken(planned):
    fw = {"role": "firewall", "lans": ["lan1", "lan2"]}
    (found,) = trace(planned(lans=NEIGHBOURS, middleboxes={"fw": fw}, pcs=PCS), "pc1", "pc2")
    last = found.there[-1]
    assert (last.node, last.route, last.rule, last.to) == ("fw", "10.0.2.0/24", "policy", "")
    assert found.problem == "fw drops icmp from 10.0.1.11 to 10.0.2.12 (policy)"


BRIDGED = {
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan3"}},
}


def test_who_is_joined_by_bridges_hears_each_other_and_paths_name_no_bridge(planned, forecast):
    bridges = {
        "br1": {"role": "bridge", "lans": ["lan1", "lan2"]},
        "br2": {"role": "bridge", "lans": ["lan2", "lan3"]},
    }
    assert forecast("pc1", "pc3", **BRIDGED, middleboxes=bridges) == "ok: pc1 pc3"
    pairs = matrix(planned(**BRIDGED, middleboxes=bridges), all_nodes=True)
    assert {each.source for each in pairs} == {"pc1", "pc2", "pc3"}


def test_a_bridge_with_its_cable_out_joins_nothing(forecast):
    nics = [{"lan": "lan1"}, {"lan": "lan2", "connected": False}]
    bridges = {"br1": {"role": "bridge", "nics": nics}}
    said = forecast("pc1", "pc2", **BRIDGED, middleboxes=bridges)
    assert said == "nobody on lan1 answers for 10.0.1.12: pc1"


def test_a_bridge_of_three_ports_joins_all_of_them(forecast):
    bridges = {"br1": {"role": "bridge", "lans": ["lan3", "lan1", "lan2"]}}
    assert forecast("pc1", "pc2", **BRIDGED, middleboxes=bridges) == "ok: pc1 pc2"
    assert forecast("pc3", "pc2", **BRIDGED, middleboxes=bridges) == "ok: pc3 pc2"


def test_routers_in_bridged_lans_are_neighbours_of_each_other(forecast):
    parts = {
        "lans": {f"lan{n}": {} for n in (1, 2, 3, 4)},
        "routing": "ospf",
        "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan3", "lan4"]}},
        "middleboxes": {"br": {"role": "bridge", "lans": ["lan2", "lan3"]}},
        "pcs": {"pc1": {"lan": "lan1"}, "pc4": {"lan": "lan4"}},
    }
    assert forecast("pc1", "pc4", **parts) == "ok: pc1 r1 r2 pc4"


WATCHED = {
    "lans": {"lan1": {}, "lan2": {}},
    "middleboxes": {"ids9": {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan1"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}


def test_an_ids_forwards_nothing_and_is_reached_only_where_it_does_not_listen(forecast):
    assert forecast("pc2", "ids9", **WATCHED) == "ok: pc2 ids9"
    assert "no route" in forecast("pc1", "ids9", **WATCHED)
    routed = {**WATCHED, "routers": {"r1": {"lans": ["lan1", "lan2"]}}}
    assert forecast("pc1", "ids9", **routed) == "ok: pc1 r1 ids9"
    assert forecast("ids9", "pc1", **routed) == "ok: ids9 r1 pc1"


def test_who_listens_answers_for_no_address_of_its_other_nics(forecast):
    lost = {**WATCHED, "pcs": {"pc1": {"lan": "lan1", "ipv4": "10.0.1.11/16"}}}
    assert forecast("pc1", "ids9", **lost) == "nobody on lan1 answers for 10.0.2.9: pc1"
