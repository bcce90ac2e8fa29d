"""What ``labiac why`` says of a lab on real namespaces that somebody broke by hand."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy
from labiac.cli.hops import hops_view
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import matrix
from labiac.reach.trace import trace

LAB = "three-lans"


class Copied:
    """A copy of a lab, made without the engine: what is looked at is the host."""

    def __init__(self, plan):
        self.plan = plan
        self.backend = open_backend("netns")
        self.refs = {}

    def create(self):
        copy = Copy(self.plan.lab, self.plan.student)
        for item in (*self.plan.networks, *self.plan.machines):
            self.refs[item.name] = self.backend.create(copy, item).ref

    def delete(self):
        for ref in reversed(self.refs.values()):
            self.backend.delete(ref)

    def on(self, node, line):
        """Run a command on *node*; it must succeed."""
        ran = self.backend.execute(self.refs[node], shlex.split(line), timeout_s=20)
        assert ran.status == 0, (ran.stdout + ran.stderr).decode()

    @contextmanager
    def broken(self, node, line):
        """Break something on *node*, and make it whole again in the end."""
        self.on(node, line)
        try:
            yield
        finally:
            ref, machine = self.refs[node], self.plan.machine(node)
            live = self.backend.read(ref)
            self.backend.update(ref, live.item, machine)


def eventually(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end


@pytest.fixture(scope="module")
def copied():
    copied = Copied(plan_file(LAB, f"why{secrets.token_hex(4)}"))
    try:
        copied.create()
        yield copied
    finally:
        copied.delete()


@pytest.fixture
def why(labiac, copied):
    """Ask why, of two nodes of the copy."""
    return lambda *arguments: labiac("why", LAB, *arguments, "--student", copied.plan.student)


def test_a_pair_that_answers_is_drawn_there_and_back(why):
    ran = why("pc1", "pc4")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines() if "takes it" in line] == [
        ["3", "pc4"],
        ["3", "pc1"],
    ]
    assert ran.out.endswith("pc4 answers pc1\n")


def test_an_answer_that_the_drawn_way_does_not_promise_is_said_to_come_otherwise():
    plan = plan_file(LAB)
    cut = replace(plan, machines=tuple(replace(each, routes=()) for each in plan.machines))
    (pair,) = (each for each in matrix(plan) if each.ends == ("pc1", "pc4"))
    asked = ("pc1", "pc4", ["10.0.3.14"])
    *_, end = hops_view(trace(cut, *asked), pair)
    assert end.plain.startswith("pc4 answers pc1, though not by what is drawn: ")
    *_, end = hops_view(trace(plan, *asked), pair)
    assert end.plain == "pc4 answers pc1"


def test_a_pair_that_answers_differs_nowhere_for_programs(why):
    document = why("pc1", "pc4", "--json").json
    assert list(document) == ["from", "to", "ok", "path", "reason", "differences", "fix", "hops"]
    assert (document["ok"], document["path"]) == (True, ["pc1", "r1", "r2", "pc4"])
    assert (document["reason"], document["differences"], document["fix"]) == ("", [], "")


BREAKS = [
    (
        ("r2", "ip route del 10.0.1.0/24"),
        "r2: route to 10.0.1.0/24 is missing; planned via 10.0.2.1",
    ),
    (
        ("r2", "ip route replace 10.0.1.0/24 via 10.0.2.13"),
        "r2: route to 10.0.1.0/24 goes via 10.0.2.13; planned via 10.0.2.1",
    ),
    (
        ("r2", "ip route add 10.0.1.11/32 via 10.0.2.13"),
        "r2: route to 10.0.1.11/32 via 10.0.2.13 is not planned",
    ),
    (
        ("pc4", "sh -c 'ip addr del 10.0.3.14/24 dev eth0; ip addr add 10.0.9.14/24 dev eth0'"),
        "pc4: address 10.0.3.14/24 is missing; has 10.0.9.14/24",
    ),
    (("r1", "sysctl -qw net.ipv4.ip_forward=0"), "r1 does not forward"),
    (("pc1", "ip link set eth0 down"), "pc1: eth0 is down"),
    (("r2", "ip link del eth1"), "r2: eth1 is gone"),
]


@pytest.mark.parametrize(("damage", "reason"), BREAKS, ids=[reason for _, reason in BREAKS])
def test_the_first_place_that_is_not_as_planned_is_named_there_and_back(
    why, copied, damage, reason
):
    with copied.broken(*damage):
        for ends in (("pc1", "pc4"), ("pc4", "pc1")):
            ran = why(*ends, "--json")
            assert (ran.code, ran.json["ok"], ran.json["reason"]) == (1, False, reason)
    assert why("pc1", "pc4").code == 0


def test_the_command_that_is_named_puts_it_right(why, copied):
    for damage in (BREAKS[0][0], BREAKS[4][0]):
        with copied.broken(*damage):
            node, _, line = why("pc1", "pc4", "--json").json["fix"].partition(" -- ")
            assert node == f"labiac exec {LAB} {damage[0]} --student {copied.plan.student}"
            copied.on(damage[0], line)
            assert why("pc1", "pc4").code == 0


def test_what_no_single_command_mends_is_left_to_up(why, copied):
    with copied.broken("pc1", "ip link set eth0 down"):
        out = why("pc1", "pc4").out
    assert out.endswith(
        "pc4 does not answer pc1: pc1: eth0 is down\n"
        "  also: pc1: default route is missing; planned via 10.0.1.1\n"
        f"  fix: labiac up {LAB} --student {copied.plan.student}\n"
    )


def test_an_address_that_moved_is_looked_for_where_it_was_planned(why, copied):
    with copied.broken(*BREAKS[3][0]):
        assert "nobody on lan3 answers for 10.0.3.14" in why("pc1", "pc4").out


def test_verify_names_the_same_place(labiac, copied):
    with copied.broken(*BREAKS[0][0]):
        ran = labiac("verify", LAB, "--student", copied.plan.student, "--json")
    lost = {(pair["from"], pair["to"]): pair["reason"] for pair in ran.json["lost"]}
    assert lost["pc4", "pc2"] == BREAKS[0][1]
    assert lost["pc1", "pc4"] == BREAKS[0][1]


def test_what_no_difference_explains_is_said_to_be_unexplained(why, copied):
    rule = "table inet t { chain c { type filter hook forward priority 0; policy drop; }; }"
    copied.on("r1", f"nft '{rule}'")
    try:
        document = why("pc1", "pc4", "--json").json
    finally:
        copied.on("r1", "nft delete table inet t")
    assert (document["ok"], document["differences"], document["fix"]) == (False, [], "")
    assert document["reason"] == "no answer, though every node is as planned"


def test_a_node_that_is_gone_is_named_from_either_end_and_beside(why, copied):
    if os.geteuid() != 0:
        pytest.skip("only root's namespaces have names that ip knows")
    space = f"{LAB}-{copied.plan.student}-r2"
    subprocess.run(["ip", "netns", "del", space], check=True)
    try:
        eventually(lambda: why("pc1", "pc4").code == 1)  # the kernel takes its time
        for ends in (("pc1", "pc4"), ("pc4", "pc1"), ("r2", "pc1"), ("pc1", "r2")):
            ran = why(*ends, "--json")
            assert (ran.code, ran.json["reason"]) == (1, "r2 is gone")
        assert why("pc1", "pc2").code == 0
    finally:
        copied.create()
    assert why("pc1", "pc4").code == 0


def test_a_pair_planned_to_fail_has_the_reason_of_the_model(labiac, lab_file):
    name = f"why{secrets.token_hex(3)}"
    nodes = "lans: {lan1: {}, lan2: {}}\npcs: {pc1: {lan: lan1}, pc2: {lan: lan2}}\n"
    file = lab_file(f"name: {name}\n{nodes}")
    copied = Copied(plan_file(file))
    try:
        copied.create()
        ran = labiac("why", file, "pc1", "pc2")
    finally:
        copied.delete()
    assert ran.code == 1
    assert ran.out.endswith("pc2 does not answer pc1: pc1 has no route to 10.0.2.12 (no gateway)\n")


def test_a_lab_that_is_not_up_has_no_why(labiac):
    ran = labiac("why", LAB, "pc1", "pc4", "--student", "nobody9")
    assert ran.code == 1
    assert "is not up\n  fix: labiac up three-lans --student nobody9" in ran.err


@pytest.mark.parametrize(
    ("ends", "fix"), [(("pc1", "pc1"), "name two nodes"), (("pc1", "pc9"), "its nodes are r1")]
)
def test_two_nodes_of_the_lab_must_be_named(labiac, ends, fix):
    ran = labiac("why", LAB, *ends)
    assert ran.code == 2
    assert fix in ran.err
