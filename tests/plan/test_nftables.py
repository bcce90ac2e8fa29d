from __future__ import annotations

import subprocess

import pytest

from labiac.errors import LabError
from labiac.plan.model import (
    Impairments,
    Machine,
    Nic,
    Policy,
    Redirect,
    Rule,
    SubInterface,
    Translation,
)
from labiac.plan.nftables import ruleset

HOSTILE = (
    "0.0.0.0/0 accept; flush ruleset; #",
    'eth0" accept; add rule inet labiac forward accept; "',
    "fe80::1%;accept",
    "10.0.0.1\n\t\taccept",
    "$everything",
    "@set",
    "/etc/passwd",
    "eth*",
    "",
)


def nic(name="eth0", *addresses, trunk=()):
    return Nic(
        name, "lan", "lan1", "02:00:00:00:00:01", addresses,
        vlan=None, native=None, trunk=trunk, connected=True, model="", promiscuous=False,
        listens=False, forwards=(), driver="", properties=(), impair=Impairments(0.0, 0.0, 0.0, 0),
    )  # fmt: skip


def machine(policy=None, translation=None, nics=()):
    return Machine(
        "box", "lab-ana-box", "firewall", nics,
        routes=(), routing="static", forwards=True, policy=policy, translation=translation,
        switch=None, speaker=None,
        student=False, hosts="", services=(), memory_mib=512, cpus=1, disk_gib=2, image="",
        start=True,
        seed=(),
        management=None,
    )  # fmt: skip


def rule(action="accept", protocol="any", sources=(), targets=(), ports=()):
    return Rule(action, protocol, sources, targets, ports)


def lines(*rules, default="drop"):
    """Return what the rules become, without what every policy begins with."""
    text = ruleset(machine(Policy(rules, default)))
    _, _, said = text.partition("ct state invalid drop\n")
    return [line.strip() for line in said.splitlines() if line not in {"\t}", "}"}]


def test_a_machine_that_neither_filters_nor_hides_has_no_rules():
    assert ruleset(machine()) == ""


def test_a_firewall_and_a_nat_read_as_people_write_them(golden):
    policy = Policy(
        (
            rule("accept", "icmp", ("10.0.1.0/24", "fd00::/64"), ("10.0.2.0/24", "fd00:1::/64")),
            rule("accept", "tcp", ("10.0.2.0/24",), ("10.0.1.11/32",), ((80, 80), (8000, 8080))),
            rule("drop", "any", ("10.0.1.12/32", "10.9.0.0/16"), ("10.0.2.14/32",)),
            rule("reject"),
        ),
        "drop",
    )
    golden("firewall.nft", ruleset(machine(policy)))
    redirects = (Redirect("tcp", 8080, "10.0.1.11", 80), Redirect("udp", 53, "fd00::11", 5353))
    nics = (nic("eth0", "10.0.1.1/24"), nic("eth1", "10.0.2.1/24", "fd00:1::1/64"))
    golden("nat.nft", ruleset(machine(translation=Translation("eth1", redirects), nics=nics)))


def test_the_table_is_replaced_as_a_whole():
    assert ruleset(machine(Policy((), "drop"))).splitlines()[:3] == [
        "add table inet labiac",
        "delete table inet labiac",
        "table inet labiac {",
    ]


@pytest.mark.parametrize(
    ("default", "kernels"), [("accept", "accept"), ("drop", "drop"), ("reject", "drop")]
)
def test_what_no_rule_matches_meets_the_policy(default, kernels):
    assert f"policy {kernels};" in ruleset(machine(Policy((), default)))


def test_a_policy_that_rejects_tells_the_sender():
    assert lines(default="reject") == [
        "meta l4proto tcp reject with tcp reset",
        "reject with icmpx admin-prohibited",
    ]


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("tcp", ["meta l4proto tcp reject with tcp reset"]),
        ("udp", ["meta l4proto udp reject with icmpx admin-prohibited"]),
        ("any", ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]),
    ],
)
def test_tcp_is_rejected_by_a_reset_and_the_rest_by_icmp(protocol, said):
    assert lines(rule("reject", protocol)) == [f'{line} comment "rule 1"' for line in said]


def test_icmp_is_that_of_both_ip_versions():
    assert lines(rule(protocol="icmp")) == ['meta l4proto { icmp, icmpv6 } accept comment "rule 1"']


def test_a_rule_about_both_ip_versions_becomes_a_line_each():
    both = rule(sources=("10.0.1.0/24", "fd00::/64"))
    assert lines(both) == [
        'ip saddr 10.0.1.0/24 accept comment "rule 1"',
        'ip6 saddr fd00::/64 accept comment "rule 1"',
    ]


def test_a_rule_from_one_ip_version_to_the_other_matches_nothing():
    assert lines(rule(sources=("fd00::/64",), targets=("10.0.1.0/24",))) == []


def test_a_rule_about_ports_of_any_traffic_is_about_what_has_ports():
    assert lines(rule(ports=((53, 53),))) == [
        'meta l4proto { tcp, udp } th dport 53 accept comment "rule 1"'
    ]
    assert lines(rule(protocol="icmp", ports=((53, 53),))) == []


def test_rules_keep_their_order_and_are_numbered_as_written():
    said = lines(rule("drop", "udp"), rule(sources=("fd00::1",), targets=("10.0.0.1",)), rule())
    assert said == [
        'meta l4proto udp drop comment "rule 1"',
        'accept comment "rule 3"',
    ]


def test_what_leaves_by_any_interface_of_the_outside_nic_is_hidden():
    trunk = (SubInterface("eth1.10", "red", 10, ("10.0.2.1/24",)),)
    nics = (nic("eth0"), nic("eth1", trunk=trunk))
    said = ruleset(machine(translation=Translation("eth1", ()), nics=nics))
    assert 'oifname { "eth1", "eth1.10" } masquerade' in said


def test_a_redirect_to_an_ip_version_that_the_outside_has_not_matches_nothing():
    nics = (nic("eth0", "10.0.2.1/24"),)
    inside = (Redirect("tcp", 80, "fd00::11", 80),)
    assert "dnat" not in ruleset(machine(translation=Translation("eth0", inside), nics=nics))


PLACES = {
    "source": lambda text: machine(Policy((rule(sources=(text,)),), "drop")),
    "target": lambda text: machine(Policy((rule(targets=("10.0.0.0/8", text)),), "drop")),
    "port": lambda text: machine(Policy((rule(ports=((text, text),)),), "drop")),
    "last port": lambda text: machine(Policy((rule(ports=((1, text),)),), "drop")),
    "action": lambda text: machine(Policy((rule(action=text),), "drop")),
    "protocol": lambda text: machine(Policy((rule(protocol=text),), "drop")),
    "protocol with ports": lambda text: machine(
        Policy((rule(protocol=text, ports=((1, 2),)),), "drop")
    ),
    "outside": lambda text: machine(translation=Translation(text, ()), nics=(nic(),)),
    "nic": lambda text: machine(translation=Translation(text, ()), nics=(nic(text),)),
    "redirect port": lambda text: translated(Redirect("tcp", text, "10.0.0.1", 80)),
    "redirect target port": lambda text: translated(Redirect("tcp", 80, "10.0.0.1", text)),
    "redirect target": lambda text: translated(Redirect("tcp", 80, text, 80)),
    "redirect protocol": lambda text: translated(Redirect(text, 80, "10.0.0.1", 80)),
}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_no_value_becomes_text_that_it_is_not(place, text):
    with pytest.raises(LabError, match="box: its rules have a value of no such kind"):
        ruleset(PLACES[place](text))


def translated(redirect):
    return machine(translation=Translation("eth0", (redirect,)), nics=(nic("eth0", "10.0.2.1/24"),))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_policy_that_is_none_lets_nothing_through(text):
    assert lines(default=text) == []
    assert "policy drop;" in ruleset(machine(Policy((), text)))


@pytest.mark.parametrize("ports", [(0, 5), (5, 65536), (80, 79), (-1, -1)])
def test_ports_are_1_to_65535(ports):
    with pytest.raises(LabError, match="port"):
        lines(rule(protocol="tcp", ports=(ports,)))


def test_rules_need_no_list_of_protocols_on_the_machine_that_loads_them():
    policy = Policy((rule("accept", "icmp"), rule("reject", "tcp"), rule("drop", "udp")), "drop")
    bare = "! test -e /etc/protocols || mount --bind /dev/null /etc/protocols; exec nft -c -f -"

    subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c", bare],
        input=ruleset(machine(policy)).encode(),
        check=True,
    )
