"""The whole way on real namespaces, through the real engine: up, measure, break, mend, destroy."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy
from labiac.fleet.pulumi_cli import find
from labiac.plan.resolve import plan_file

from .conftest import Ran


class Live:
    """``labiac`` for one student of this test's own, with state of its own."""

    nodes = ("pc1", "pc2", "pc3", "pc4", "r1", "r2")

    def __init__(self, home, limit_s=120):
        self.limit_s = limit_s
        self.student = f"cli{secrets.token_hex(4)}"
        path = f"{find().path.parent}{os.pathsep}{os.environ['PATH']}"
        own = {"LABIAC_HOME": str(home), "PULUMI_HOME": str(home / "pulumi"), "PATH": path}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self._environment = {**kept, **own, "COLUMNS": "120"}

    def __call__(self, command, lab, *rest, tail=(), stdin=""):
        """Run ``labiac COMMAND LAB REST... --student ... TAIL...``."""
        argv = [sys.executable, "-m", "labiac", command, lab, *rest, "--student", self.student]
        done = subprocess.run(
            [*argv, *tail],
            env=self._environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=self.limit_s,
            check=False,
        )
        out = done.stdout.decode(errors="surrogateescape")
        return Ran(done.returncode, out, done.stderr.decode())

    def on(self, lab, node, *command, stdin=""):
        return self("exec", lab, node, tail=("--", *command), stdin=stdin)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    live = Live(tmp_path_factory.mktemp("home"))
    live.brought_up = live("up", "three-lans")
    assert live.brought_up.code == 0, live.brought_up.err
    yield live
    gone = live("destroy", "--lab", "three-lans", "--json")
    assert gone.code == 0, gone.err
    assert gone.json["ok"]


def test_up_ends_with_the_drawing_the_measured_matrix_and_three_things_to_try(live):
    out = live.brought_up.out
    assert "lan1 10.0.1.0/24 ━━┯━" in out
    assert "12 of 12 pairs reach each other" in out
    tried = out.partition("Try:\n")[2].splitlines()
    assert [line.split()[:3] for line in tried] == [
        ["labiac", "exec", "three-lans"],
        ["labiac", "shell", "three-lans"],
        ["labiac", "capture", "three-lans"],
    ]


def test_up_says_on_stderr_what_it_made(live):
    assert "+ machine pc1" in live.brought_up.err
    assert "+ network lan3" in live.brought_up.err


def test_up_again_changes_nothing_and_measures(live):
    ran = live("up", "three-lans", "--json")
    assert ran.code == 0, ran.err
    document = ran.json
    assert document["ok"] is True
    assert document["resources"]["create"] == document["resources"]["update"] == 0
    assert document["resources"]["same"] > 0
    assert document["seconds"] > 0
    assert [pair["ok"] for pair in document["pairs"]] == [True] * 12


def test_what_up_has_measured_can_be_drawn(live):
    drawn = live("graph", "three-lans", "--live").out
    assert "12 of 12 pairs as predicted" in drawn
    assert not [name for name in live.nodes if f'"! {name}' in drawn]


def test_verify_agrees_with_a_lab_that_is_as_predicted(live):
    ran = live("verify", "three-lans", "--json")
    assert ran.code == 0, ran.err
    document = ran.json
    assert document["agree"] is True
    assert all(pair["ok"] and pair["live"] for pair in document["pairs"])
    assert document["gained"] == document["lost"] == []
    assert [(check["ok"], check["reason"]) for check in document["checks"]] == [(True, "")] * 2


def test_exec_gives_the_status_and_the_streams_of_the_command(live):
    ran = live.on("three-lans", "pc1", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ran.code, ran.out, ran.err) == (7, "out\n", "err\n")


def test_exec_runs_on_the_node_and_hands_it_stdin(live):
    addresses = live.on("three-lans", "pc4", "ip", "-brief", "address", "show", "eth0")
    assert "10.0.3.14/24" in addresses.out
    assert live.on("three-lans", "pc4", "cat", stdin="hello").out == "hello"


def test_exec_knows_the_lab_by_its_file_too(live):
    ran = live.on("stacks/three-lans.yaml", "pc1", "ping", "-c1", "pc4")
    assert ran.code == 0
    assert "ttl=62" in ran.out


def test_a_shell_takes_its_commands_from_stdin(live):
    ran = live("shell", "three-lans", "r1", stdin="ip -brief address show eth1\nexit 3\n")
    assert ran.code == 3
    assert "10.0.2.1/24" in ran.out


def test_a_capture_is_a_pcap_on_stdout(live):
    ran = live("capture", "three-lans", "pc1", "--seconds", "0.1")
    assert ran.code == 0, ran.err
    assert ran.out.encode(errors="surrogateescape")[:4] in (b"M<\xb2\xa1", b"\xa1\xb2<M")
    assert ran.err == "0 packets\n"


def test_a_nic_that_is_not_there_says_which_are(live):
    ran = live("capture", "three-lans", "r1", "eth7", "-o", os.devnull)
    assert ran.code == 2
    assert "r1: has no NIC eth7\n  fix: it has eth0, eth1\n" in ran.err


def test_status_lists_the_copy_with_its_nodes(live):
    argv = [sys.executable, "-m", "labiac", "status", "three-lans", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    labs = Ran(0, done.stdout, done.stderr).json["labs"]
    (copy,) = [each for each in labs if each["student"] == live.student]
    assert (copy["lab"], copy["backend"]) == ("three-lans", "netns")
    nodes = {node["name"] for node in copy["nodes"] if node["running"]}
    assert nodes == set(live.nodes)


def test_a_route_deleted_by_hand_is_found_explained_and_mended(live):
    assert live.on("three-lans", "r2", "ip", "route", "del", "10.0.1.0/24").code == 0

    verified = live("verify", "three-lans", "--json")
    assert verified.code == 1
    lost = {(pair["from"], pair["to"]): pair["reason"] for pair in verified.json["lost"]}
    missing = "r2: route to 10.0.1.0/24 is missing; planned via 10.0.2.1"
    assert lost["pc4", "pc1"] == missing
    why = live("why", "three-lans", "pc4", "pc1")
    assert (why.code, f"pc1 does not answer pc4: {missing}\n" in why.out) == (1, True)
    assert verified.json["checks"][0]["ok"] is False
    drawn = live("graph", "three-lans", "--live").out
    assert "8 of 12 pairs as predicted" in drawn
    assert [name for name in live.nodes if f'"! {name}' in drawn] == ["pc1", "pc2", "pc4", "r2"]

    refreshed = live("refresh", "three-lans", "--json")
    assert refreshed.code == 1
    drift = {(each["item"], each["field"]): each for each in refreshed.json["drift"]}
    assert drift["r2", "routes"]["was"] == {"to": "10.0.1.0/24", "via": "10.0.2.1"}
    assert drift["pc4 -> pc1", ""]["now"] == "r2 has no route to 10.0.1.0/24"

    previewed = live("preview", "three-lans", "--json")
    assert previewed.code == 0, previewed.err
    (change,) = previewed.json["changes"]
    assert (change["item"], change["effect"]) == ("r2", "live")
    assert {"from": "pc4", "to": "pc1", "was": False, "now": True, "reason": ""} in (
        previewed.json["reachability"]
    )

    assert live("up", "three-lans").code == 0
    assert live("verify", "three-lans").code == 0
    assert live("refresh", "three-lans", "--json").json == {"drift": []}


def spaces(student):
    return [space.name for space in Path("/run/netns").glob(f"*{student}*")]


def test_destroy_takes_along_what_a_killed_run_left_and_nobody_remembers(tmp_path):
    live = Live(tmp_path)
    plan = plan_file("three-lans", live.student)
    backend = open_backend("netns")
    for item in (*plan.networks, *plan.machines[:3]):
        backend.create(Copy(plan.lab, plan.student), item)
    assert spaces(live.student)
    gone = live("destroy", "three-lans", "--wait")
    assert gone.code == 0, gone.err
    assert "still busy" not in gone.err
    assert "which a killed run had left" in gone.err
    assert "is gone: 6 left by a killed run in " in gone.out
    assert not spaces(live.student)


def test_a_copy_is_destroyed_without_its_file(tmp_path):
    live = Live(tmp_path)
    lab = f"name: {live.student}\nlans: {{lan1: {{}}}}\npcs: {{pc1: {{lan: lan1}}}}\n"
    file = tmp_path / "lab.yaml"
    file.write_text(lab)
    assert live("up", str(file)).code == 0
    file.unlink()
    gone = live("destroy", "--lab", live.student)
    assert gone.code == 0, gone.err
    assert gone.out.startswith(f"{live.student} of {live.student} is gone: ")
    assert not spaces(live.student)
    file.write_text(lab)
    assert "is not up" in live.on(str(file), "pc1", "true").err
