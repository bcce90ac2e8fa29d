"""Checks of the plan: who is meant by a name, and what is said of them."""

from __future__ import annotations

import pytest

from labiac.plan.checks import denies
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {
    "name": "row",
    "pool": {"ipv6": "fd00::/48"},
    "lans": {"lan1": {}, "lan2": {}, "lan3": {"ipv4": "10.0.3.0/24"}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan3"}},
}


def asked(check):
    (made,) = resolve(from_data({**LAB, "checks": [check]})).checks
    return made.asked


def test_a_next_hop_that_is_a_node_may_be_any_of_its_addresses_of_that_ip_version():
    made = asked({"route": {"node": "r1", "to": "10.0.3.0/24", "via": "r2"}})
    assert made.prefixes == ("10.0.3.0/24",)
    assert made.hops == ("10.0.2.2", "10.0.3.2")


def test_a_default_route_is_one_of_each_ip_version_of_the_node():
    assert asked({"route": {"node": "pc1", "to": "default"}}).prefixes == ("0.0.0.0/0", "::/0")
    assert asked({"route": {"node": "pc3", "to": "default"}}).prefixes == ("0.0.0.0/0",)


def test_a_default_route_via_an_address_is_one_of_its_ip_version():
    made = asked({"route": {"node": "pc1", "to": "default", "via": "10.0.1.1"}})
    assert made.prefixes == ("0.0.0.0/0",)


def test_a_port_is_asked_at_one_address_an_ip_version_that_both_have():
    made = asked({"port": {"from": "pc1", "to": "pc2", "port": 80}})
    assert made.addresses == ("10.0.2.12", "fd00:0:0:2::12")
    assert asked({"port": {"from": "pc1", "to": "pc3", "port": 80}}).addresses == ("10.0.3.13",)
    assert asked({"port": {"from": "pc1", "to": "8.8.8.8", "port": 80}}).addresses == ("8.8.8.8",)


def test_a_page_is_known_to_be_of_a_node_where_the_url_says_so():
    known = asked({"http": {"from": "pc1", "url": "http://pc3:81/x"}})
    assert known.addresses == ("10.0.3.13",)
    assert asked({"http": {"from": "pc1", "url": "http://www.lab/"}}).addresses == ()


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ({"no_ping": {"from": "pc1", "to": "pc2"}}, "no ping pc1 -> pc2"),
        (
            {"route": {"node": "r1", "to": "10.0.3.0/24", "via": "r2"}},
            "route on r1 to 10.0.3.0/24 via r2",
        ),
        ({"route": {"node": "r1", "to": "default", "via": "none"}}, "no route on r1 to default"),
        ({"address": {"node": "pc1", "is": "10.0.1.11"}}, "address 10.0.1.11 on pc1"),
        (
            {"port": {"from": "pc1", "to": "pc2", "port": 80, "open": False}},
            "port 80 of pc2 closed to pc1",
        ),
        (
            {"http": {"from": "pc1", "url": "http://pc2/", "contains": "hi"}},
            "http pc1 -> http://pc2/: 200 with 'hi'",
        ),
        (
            {"dns": {"from": "pc1", "name": "a.lab", "answer": "10.0.0.1", "server": "r1"}},
            "dns pc1: a.lab A 10.0.0.1 of r1",
        ),
        ({"command": {"node": "pc1", "run": ["echo", "a b"]}}, "command on pc1: echo 'a b'"),
        (
            {"command": {"node": "pc1", "run": ["id"], "status": 1, "output": "^uid"}},
            "command on pc1: id ends with 1 prints '^uid'",
        ),
    ],
)
def test_a_check_says_what_must_hold(check, text):
    assert str(asked(check)) == text
    assert denies(asked(check)) == (text.startswith("no ") or " closed " in text)
