"""What a check may say, and what is told to whoever says something else."""

from __future__ import annotations

import pytest

from labiac.errors import DescriptionError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {
    "name": "row",
    "lans": {"lan1": {}, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "middleboxes": {"br": {"role": "bridge", "lans": ["lan2", "lan3"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan4"}},
}
LAB["lans"] |= {"lan3": {}, "lan4": {"ipv4": "none", "ipv6": "fd00:0:0:4::/64"}}
ALONE = {"all_ping": True}


def problem(check):
    """Return the one problem of a lab with that check: its field, and what is said of it."""
    with pytest.raises(DescriptionError) as caught:
        resolve(from_data({**LAB, "checks": [check]}, "test"))
    (found,) = caught.value.problems
    assert found.fix
    return found.field, f"{found.problem}; {found.fix}"


@pytest.mark.parametrize(
    ("check", "field", "said"),
    [
        ({"route": {"node": "r7", "to": "default"}}, "route.node", "there is br, pc1"),
        ({"route": {"node": "br", "to": "default"}}, "route.node", "br is a bridge"),
        ({"address": {"node": "br", "is": "10.0.2.1"}}, "address.node", "only command"),
        ({"route": {"node": "r1", "to": "10.0.0.1/8"}}, "route.to", "write 10.0.0.0/8"),
        ({"route": {"node": "r1", "to": "default", "via": "pc8"}}, "route.via", "mean pc"),
        ({"route": {"node": "r1", "to": "default", "via": "1.2.3"}}, "route.via", "neither"),
        ({"route": {"node": "r1", "to": "fd00::/64", "via": "10.0.1.1"}}, "route", "two IP ver"),
        ({"route": {"node": "r1", "to": "fd00::/64", "via": "pc1"}}, "route.via", "no such addr"),
        ({"address": {"node": "r1", "is": "10.0.1.300"}}, "address.is", "no IPv4 address"),
        ({"address": {"node": "r1", "is": "10.0.1.1", "nic": "eth7"}}, "address.nic", "eth0, eth1"),
        ({"port": {"from": "pc1", "to": "pc2", "port": 0}}, "port.port", "at least 1"),
        ({"port": {"from": "pc1", "to": "pc2", "port": 65536}}, "port.port", "at most 65535"),
        (
            {"port": {"from": "pc1", "to": "pc2", "port": 53, "protocol": "udp"}},
            "port.protocol",
            "ask the service itself: dns",
        ),
        ({"port": {"from": "pc1", "to": "pc1", "port": 80}}, "port.to", "on both ends"),
        ({"port": {"from": "pc1", "to": "pc3", "port": 80}}, "port", "no IP version in common"),
        ({"http": {"from": "pc1", "url": "ftp://pc2/"}}, "http.url", "no http URL"),
        ({"http": {"from": "pc1", "url": "https://pc2/"}}, "http.url", "needs certificates"),
        ({"http": {"from": "pc1", "url": "http://pc2:99999/"}}, "http.url", "no URL"),
        ({"http": {"from": "pc1", "url": "http://a b/"}}, "http.url", "no http URL"),
        ({"http": {"from": "pc1", "url": "http://pc2/", "status": 99}}, "http.status", "100"),
        (
            {"dns": {"from": "pc1", "name": "-x.lab", "answer": "10.0.0.1"}},
            "dns.name",
            "no domain name",
        ),
        (
            {"dns": {"from": "pc1", "name": "x.lab", "answer": "fd00::1"}},
            "dns",
            "no answer of type A",
        ),
        ({"dns": {"from": "pc1", "name": "x.lab", "answer": []}}, "dns.answer", "add one"),
        (
            {"dns": {"from": "pc1", "name": "x.lab", "type": "HINFO", "answer": "x"}},
            "dns.type",
            "'A'",
        ),
        ({"command": {"node": "pc1", "run": []}}, "command.run", "add one"),
        ({"command": {"node": "pc1", "run": ["a\0b"]}}, "command.run", "null character"),
        (
            {"command": {"node": "pc1", "run": ["ip"], "output": "a(b"}},
            "command.output",
            "put a backslash before",
        ),
        ({"command": {"node": "pc1", "run": ["ip"], "status": 256}}, "command.status", "255"),
        ({**ALONE, "points": 0}, ".points", "more than 0"),
        ({**ALONE, "points": float("nan")}, ".points", "more than 0"),
        ({**ALONE, "points": 1001}, ".points", "at most 1000"),
        ({**ALONE, "retry": -1}, ".retry", "at least 0"),
        ({**ALONE, "timeout_s": 301}, ".timeout_s", "at most 300"),
        ({**ALONE, "timeout_s": 0}, ".timeout_s", "at least 1"),
        ({**ALONE, "timout_s": 3}, ".timout_s", "did you mean timeout_s?"),
        ({"title": "nothing"}, "", "a check is one of ping, no_ping, path, all_ping, route"),
    ],
)
def test_a_check_that_cannot_be_is_told_with_place_value_and_remedy(check, field, said):
    place, text = problem(check)
    assert place == f"checks[0].{field.removeprefix('.')}".rstrip(".")
    assert said in text


def test_a_command_may_run_on_a_bridge():
    made = resolve(from_data({**LAB, "checks": [{"command": {"node": "br", "run": ["bridge"]}}]}))
    assert made.checks[0].asked.node == "br"
