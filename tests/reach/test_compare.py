"""What differs between a lab as planned and as it is, in the words that are printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labiac.plan.model import Route
from labiac.reach.compare import Deviations


@pytest.fixture
def lab(planned, row):
    return planned(**row())


def with_machine(plan, name, **changes):
    """Return *plan* where machine *name* is different."""
    return replace(
        plan,
        machines=tuple(
            replace(each, **changes) if each.name == name else each for each in plan.machines
        ),
    )


def with_nic(plan, name, number=0, **changes):
    """Return *plan* where a NIC of machine *name* is different."""
    nics = list(plan.machine(name).nics)
    nics[number] = replace(nics[number], **changes)
    return with_machine(plan, name, nics=tuple(nics))


def with_routes(plan, name, *routes):
    """Return *plan* where machine *name* has other routes: ``10.0.3.0/24 via 10.0.2.2``."""
    return with_machine(plan, name, routes=tuple(Route(*line.split(" via ")) for line in routes))


def without(plan, name):
    return replace(plan, machines=tuple(each for each in plan.machines if each.name != name))


def compared(plan, live, source="pc1", target="pc3", **broken):
    return list(Deviations(plan, live, broken).differences(source, target))


def texts(*arguments, **broken):
    return [each.text for each in compared(*arguments, **broken)]


def command(*arguments):
    (found,) = compared(*arguments)
    return " ".join(found.command)


def test_a_lab_as_planned_differs_nowhere(lab):
    assert texts(lab, lab) == []


def test_a_missing_route_is_named_with_its_next_hop_as_planned(lab):
    live = with_routes(lab, "r2")
    assert texts(lab, live, "pc3", "pc1") == [
        "r2: route to 10.0.1.0/24 is missing; planned via 10.0.2.1"
    ]
    assert command(lab, live, "pc3", "pc1") == "ip route replace 10.0.1.0/24 via 10.0.2.1"


def test_a_missing_default_route_is_called_so(lab):
    assert texts(lab, with_routes(lab, "pc1")) == [
        "pc1: default route is missing; planned via 10.0.1.1"
    ]


def test_a_route_that_leads_elsewhere_is_named_with_both_next_hops(lab):
    live = with_routes(lab, "r1", "10.0.3.0/24 via 10.0.2.12")
    assert texts(lab, live) == ["r1: route to 10.0.3.0/24 goes via 10.0.2.12; planned via 10.0.2.2"]


def test_a_longer_prefix_that_nobody_planned_is_named(lab):
    live = with_routes(lab, "r1", "10.0.3.0/24 via 10.0.2.2", "10.0.3.13/32 via 10.0.2.12")
    (found,) = compared(lab, live)
    assert found.text == "r1: route to 10.0.3.13/32 via 10.0.2.12 is not planned"
    assert found.command == ()


def test_an_address_too_many_that_takes_the_packet_is_named_by_its_route(lab):
    addresses = ("10.0.1.11/24", "10.0.3.99/24")
    assert texts(lab, with_nic(lab, "pc1", addresses=addresses)) == [
        "pc1: route to 10.0.3.0/24 out of eth0 is not planned"
    ]


def test_a_missing_address_is_named_with_what_is_there_instead(lab):
    live = with_nic(lab, "pc3", addresses=("10.0.9.13/24",))
    assert texts(lab, live)[0] == "pc3: address 10.0.3.13/24 is missing; has 10.0.9.13/24"


def test_a_missing_address_is_given_back_on_its_interface(lab):
    # Its default route stays in the plan's words, and goes nowhere without the address.
    assert texts(lab, with_nic(lab, "r2", 1, addresses=())) == [
        "r2: address 10.0.3.2/24 is missing"
    ]
    assert command(lab, with_nic(lab, "r2", 1, addresses=())) == (
        "ip address add 10.0.3.2/24 dev eth1"
    )


def test_a_router_that_does_not_forward_is_named_with_the_setting(lab):
    live = with_machine(lab, "r1", forwards=False)
    assert texts(lab, live) == ["r1 does not forward"]
    assert command(lab, live) == "sysctl -w net.ipv4.ip_forward=1"


@pytest.fixture
def boxes(planned):
    """Return a row of boxes: pc1 - lan1 - fw - lan2 - br - lan3 - pc3."""
    return planned(
        lans={"lan1": {}, "lan2": {}, "lan3": {}},
        middleboxes={
            "fw": {"role": "firewall", "lans": ["lan1", "lan2"], "rules": [{"allow": "icmp"}]},
            "br": {"role": "bridge", "lans": ["lan2", "lan3"]},
        },
        pcs={"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
    )


def test_a_firewall_whose_rules_were_changed_is_named(boxes):
    assert texts(boxes, boxes) == []
    live = with_machine(boxes, "fw", policy=None)
    assert texts(boxes, live) == ["fw: its nftables rules are not as planned"]
    assert texts(boxes, live, "pc1", "fw") == []


def test_a_bridge_that_does_not_join_its_lans_is_named(boxes):
    out = with_nic(boxes, "br", 1, connected=False)
    assert texts(boxes, out) == ["br: eth1 does not join lan3"]
    moved = with_nic(boxes, "br", 0, network="lan1")
    assert texts(boxes, moved) == ["br: eth0 does not join lan2"]
    assert texts(boxes, without(boxes, "br"), br="br is gone") == ["br is gone"]


def test_a_router_that_has_become_a_bridge_is_named(lab):
    live = with_machine(lab, "r1", role="bridge", forwards=False)
    assert texts(lab, live)[0] == "r1 is a bridge; planned router"
    assert compared(lab, live)[0].command == ()
    assert texts(lab, live, "pc1", "r1")[0] == "r1 is a bridge; planned router"


def test_a_router_need_not_forward_to_answer_itself(lab):
    assert texts(lab, with_machine(lab, "r1", forwards=False), "pc1", "r1") == []


def test_an_interface_that_is_down_comes_before_what_the_kernel_took_with_it(lab):
    live = with_routes(with_nic(lab, "pc1", connected=False), "pc1")
    assert texts(lab, live) == [
        "pc1: eth0 is down",
        "pc1: default route is missing; planned via 10.0.1.1",
    ]


def test_an_interface_that_is_gone_is_named(lab):
    live = with_machine(lab, "r2", nics=lab.machine("r2").nics[:1])
    assert texts(lab, live)[0] == "r2: eth1 is gone"


def test_a_cable_in_another_lan_is_named_with_both(lab):
    assert texts(lab, with_nic(lab, "pc3", network="lan1"))[0] == (
        "pc3: eth0 is plugged into lan1; planned lan3"
    )
    loose = with_nic(lab, "pc3", attach="none", network="")
    assert texts(lab, loose)[0] == "pc3: eth0 is plugged into nothing; planned lan3"


def test_a_node_that_is_gone_is_named_once_there_and_back(lab):
    assert texts(lab, without(lab, "r2"), r2="r2 is gone") == ["r2 is gone"]


def test_either_end_may_be_what_is_gone(lab):
    assert texts(lab, without(lab, "pc1"), pc1="pc1 does not run") == ["pc1 does not run"]
    assert texts(lab, without(lab, "pc3"), pc3="pc3 is gone") == ["pc3 is gone"]


def test_a_lan_that_is_gone_comes_before_the_cables_that_led_to_it(lab):
    live = with_nic(lab, "pc1", attach="none", network="")
    assert texts(lab, live, lan1="lan1 is gone")[0] == "lan1 is gone"


def test_somebody_else_with_the_address_that_is_looked_for_is_named(lab):
    addresses = ("10.0.2.12/24", "10.0.2.2/24")
    assert texts(lab, with_nic(lab, "pc2", addresses=addresses)) == [
        "pc2: address 10.0.2.2 is not planned"
    ]


def test_the_same_address_in_another_lan_disturbs_nobody(lab):
    addresses = ("10.0.2.12/24", "10.0.1.1/32")
    assert texts(lab, with_nic(lab, "pc2", addresses=addresses), "pc1", "r1") == []


def test_what_is_wrong_beside_the_way_is_not_named(lab):
    assert texts(lab, with_nic(lab, "pc2", connected=False)) == []


def test_what_is_wrong_on_the_way_back_is_named(planned):
    ring = {
        "lans": {"lan1": {}, "lan2": {}},
        "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan1", "lan2"]}},
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2", "gateway": "10.0.2.2"}},
    }
    lab = planned(**ring)
    live = with_machine(lab, "r2", forwards=False)
    assert texts(lab, live, "pc1", "pc2") == ["r2 does not forward"]


def test_what_a_student_does_on_their_own_node_is_no_difference(planned, row):
    lab = planned(**row(r2={"student": True}))
    live = with_routes(lab, "r2")
    assert texts(lab, live, "pc3", "pc1") == []
    assert texts(lab, without(lab, "r2"), r2="r2 is gone") == ["r2 is gone"]


def test_a_way_planned_to_fail_is_compared_as_far_as_it_goes(planned, row):
    lab = planned(**row(r2={"routing": "none"}))
    assert texts(lab, with_nic(lab, "pc3", connected=False), "pc3", "pc1") == ["pc3: eth0 is down"]


def test_ipv6_is_compared_in_its_own_words(planned):
    lan = {"ipv4": "none", "ipv6": "fd00:0:0:1::/64"}
    lab = planned(
        lans={"lan1": lan, "lan2": {"ipv4": "none", "ipv6": "fd00:0:0:2::/64"}},
        routers={"r1": {"lans": ["lan1", "lan2"]}},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    )
    assert texts(lab, with_routes(lab, "pc1"), "pc1", "pc2") == [
        "pc1: default route is missing; planned via fd00:0:0:1::1"
    ]
    assert command(lab, with_machine(lab, "r1", forwards=False), "pc1", "pc2") == (
        "sysctl -w net.ipv6.conf.all.forwarding=1"
    )


def test_the_host_is_compared_where_it_is_the_router(planned):
    lab = planned(
        lans={name: {"type": "host", "host": {"router": True}} for name in ("lan1", "lan2")},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
    )
    lan2 = replace(lab.network("lan2"), host_addresses=("10.0.9.1/24",))
    live = replace(lab, networks=(lab.network("lan1"), lan2))
    (found,) = compared(lab, live, "pc1", "pc2")
    assert (
        found.text
        == f"host: address {lab.network('lan2').host_addresses[0]} is missing; has 10.0.9.1/24"
    )
    assert found.command == ()


def test_a_stranger_beyond_a_bridge_has_the_address_too(planned):
    lab = planned(
        lans={"lan1": {}, "lan2": {}},
        middleboxes={"br1": {"role": "bridge", "lans": ["lan1", "lan2"]}},
        pcs={"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}, "pc3": {"lan": "lan2"}},
    )
    live = with_nic(lab, "pc3", addresses=("10.0.1.13/24", "10.0.1.12/24"))
    assert texts(lab, live, "pc1", "pc2") == ["pc3: address 10.0.1.12 is not planned"]
