"""Whether a connection to a port gets through, as far as that can be known."""

from __future__ import annotations

import pytest

from labiac.reach import ports
from labiac.reach.judge import Judge

LANS = {"lan1": {}, "lan2": {}}
PCS = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}}
ONLY_WEB = [{"allow": "tcp", "ports": [80, "8000-8080"], "to": "pc2"}]


def port_verdict(plan, *asked):
    return ports.port_verdict(Judge(plan), *asked)


@pytest.fixture
def walled(planned):
    """Plan pc1 - lan1 - fw - lan2 - pc2 with the rules of firewall fw."""

    def lab(*rules, **more):
        fw = {"role": "firewall", "lans": ["lan1", "lan2"], "rules": list(rules)}
        return planned(lans=LANS, middleboxes={"fw": fw}, pcs=PCS, **more)

    return lab


@pytest.fixture
def hidden(planned):
    """Plan pc1 - lan1 - gw - lan2 - pc2, where port 8080 of NAT gw's outside leads to pc1."""

    def lab(**pcs):
        web = {"port": 8080, "to": "pc1", "to_port": 80}
        gw = {"role": "nat", "lans": ["lan1", "lan2"], "outside": "lan2", "forwards": [web]}
        return planned(lans=LANS, middleboxes={"gw": gw}, pcs={**PCS, **pcs})

    return lab


def outside(plan):
    return plan.machine("gw").nics[1].addresses[0].partition("/")[0]


@pytest.mark.parametrize(("port", "ok"), [(80, True), (8000, True), (8080, True), (8081, False)])
def test_a_rule_about_ports_is_about_those_and_no_other(walled, port, ok):
    found = port_verdict(walled(*ONLY_WEB), "pc1", "pc2", port)
    assert found.ok is ok
    assert found.path == (("pc1", "fw", "pc2") if ok else ("pc1", "fw"))


def test_the_rule_that_stops_a_connection_is_named_with_the_port(walled):
    plan = walled({"reject": "tcp", "ports": 22}, *ONLY_WEB)
    assert port_verdict(plan, "pc1", "pc2", 22).reason == (
        "fw rejects tcp/22 from 10.0.1.11 to 10.0.2.12 (rule 1)"
    )
    assert port_verdict(plan, "pc1", "pc2", 53, "udp").reason == (
        "fw drops udp/53 from 10.0.1.11 to 10.0.2.12 (policy)"
    )


def test_a_rule_about_any_traffic_is_about_connections_too(walled):
    assert port_verdict(walled({"allow": "any"}), "pc1", "pc2", 443).ok


def test_a_way_without_a_route_is_no_way_for_a_connection(planned, row):
    found = port_verdict(planned(**row(r1={"routing": "none"})), "pc1", "pc3", 80)
    assert (found.ok, found.reason) == (False, "r1 has no route to 10.0.3.0/24")


def test_a_redirect_of_a_nat_leads_to_the_node_inside(hidden):
    plan = hidden()
    found = port_verdict(plan, "pc2", outside(plan), 8080)
    assert (found.ok, found.path) == (True, ("pc2", "gw", "pc1"))


def test_another_port_of_a_nat_is_its_own(hidden):
    plan = hidden()
    assert port_verdict(plan, "pc2", outside(plan), 80).path == ("pc2", "gw")
    assert port_verdict(plan, "pc2", outside(plan), 8080, "udp").path == ("pc2", "gw")


def test_who_is_inside_too_gets_the_answer_from_another_address_than_it_asked(hidden):
    plan = hidden(pc3={"lan": "lan1"})
    found = port_verdict(plan, "pc3", outside(plan), 8080)
    assert found.path == ("pc3", "gw", "pc1")
    assert found.reason == (
        f"the reply from gw: it comes from 10.0.1.11, and pc3 asked {outside(plan)}"
    )


def test_an_answer_over_udp_that_a_firewall_has_not_seen_asked_for_meets_its_rules(planned):
    def lab(*rules):
        fw = {"role": "firewall", "lans": ["lan1", "lan2"], "rules": list(rules)}
        return planned(
            lans=LANS,
            routers={"r1": {"lans": ["lan1", "lan2"]}},
            middleboxes={"fw": fw},
            pcs={
                "pc1": {"lan": "lan1", "gateway": "r1"},
                "pc2": {"lan": "lan2", "gateway": "fw"},
            },
        )

    why = "the reply from pc2: fw drops udp from 10.0.2.12 to 10.0.1.11 (policy)"
    assert port_verdict(lab(), "pc1", "pc2", 53, "udp").reason == why
    assert port_verdict(lab({"allow": "udp"}), "pc1", "pc2", 53, "udp").ok
    assert not port_verdict(lab({"allow": "tcp"}), "pc1", "pc2", 53, "tcp").ok


def test_a_node_reaches_its_own_ports(walled):
    plan = walled()
    assert port_verdict(plan, "pc1", "pc1", 80).ok
    assert port_verdict(plan, "pc1", "10.0.1.11", 80).ok


def test_nodes_without_a_common_ip_version_have_no_connection(planned):
    plan = planned(
        lans={"lan1": {"ipv4": "10.0.1.0/24", "ipv6": "fd00::/64"}},
        pcs={"pc1": {"lan": "lan1", "ipv4": "none"}, "pc2": {"lan": "lan1", "ipv6": "none"}},
    )
    found = port_verdict(plan, "pc1", "pc2", 80)
    assert found.reason == "pc2 has no IPv6 address, and pc1 no other"


def test_an_address_of_nobody_takes_no_connection(walled):
    found = port_verdict(walled({"allow": "any"}), "pc1", "10.0.2.99", 80)
    assert found.reason == "nobody on lan2 answers for 10.0.2.99"
