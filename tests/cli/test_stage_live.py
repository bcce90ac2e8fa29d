"""``labiac stage`` on real namespaces: how far somebody is, and the way on for who is stuck."""

from __future__ import annotations

import csv
import io
import json
import secrets
from pathlib import Path

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.cli.reports.grades import BOM
from labiac.plan.resolve import plan_file

LAB = """\
name: {name}
routing: none
lans: {{lan1: {{}}, lan2: {{}}, lan3: {{}}}}
routers: {{r1: {{nics: [{{lan: lan1}}, {{lan: lan2, ipv4: none}}]}}}}
middleboxes: {{fw: {{role: firewall, lans: [lan2, lan3], policy: accept}}}}
pcs: {{pc1: {{lan: lan1}}, pc2: {{lan: lan2, gateway: none}}, pc3: {{lan: lan3}}}}
stages:
  - name: addresses
    checks:
      - {{address: {{node: r1, is: 10.0.2.1/24}}, title: r1 is in lan2, hint: ip address add}}
      - {{ping: {{from: r1, to: pc2}}, points: 2}}
    reference:
      r1: {{addresses: {{lan2: [10.0.2.1]}}}}
  - name: routes
    checks:
      - {{ping: {{from: pc1, to: pc3}}, points: 3}}
    reference:
      r1: {{routing: static}}
      fw: {{routing: static}}
  - name: policy
    checks:
      - {{no_ping: {{from: pc1, to: pc3}}}}
    reference:
      fw: {{policy: drop}}
"""


class Staged:
    """One copy of the lab, and ``labiac`` on it."""

    def __init__(self, labiac, folder):
        self._labiac, self._file = labiac, folder / "lab.yaml"
        self._file.write_text(LAB.format(name=f"stg{secrets.token_hex(3)}"))
        self._backend = open_backend("netns")
        self.plan = plan_file(str(self._file), "ana")
        self._copy = Copy(self.plan.lab, "ana")
        self.roster = folder / "class.csv"
        self.roster.write_text("student\nana\nbob\n")

    def up(self):
        for item in (*self.plan.networks, *self.plan.machines):
            self._backend.create(self._copy, item)

    def down(self):
        for kind, items in (("machine", self.plan.machines), ("network", self.plan.networks)):
            for item in items:
                self._backend.delete(ref_of(self._copy, kind, item.name))

    def run(self, node, *argv):
        ref = ref_of(self._copy, "machine", node)
        ran = self._backend.execute(ref, argv, timeout_s=20)
        assert ran.status == 0, ran.stderr.decode()
        return ran.stdout.decode()

    def stage(self, what, *rest):
        return self._labiac("stage", what, str(self._file), *rest, "--student", "ana")

    def grade(self, *rest):
        return self._labiac("class", "grade", str(self._file), "--roster", str(self.roster), *rest)


@pytest.fixture
def staged(labiac, tmp_path, monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    there = Staged(labiac, tmp_path)
    try:
        there.up()
        yield there
    finally:
        there.down()


def done(ran):
    return {each["stage"]: each["done"] for each in ran.json["stages"]}


def test_who_is_stuck_goes_on_at_the_next_stage_and_keeps_what_was_there(staged):
    staged.run("r1", "ip", "address", "add", "10.0.2.77/24", "dev", "eth1")
    staged.run("r1", "ip", "route", "add", "10.0.3.0/24", "via", "10.0.2.2")
    staged.run("r1", "nft", "add", "table", "inet", "mine")
    staged.run("fw", "nft", "add", "table", "ip", "mine")
    ran = staged.stage("restore", "addresses", "--json")
    assert (ran.code, ran.json["nodes"]) == (0, ["r1", "fw"])
    assert done(staged.stage("check", "--json")) == {
        "addresses": True,
        "routes": False,
        "policy": True,  # as long as nothing gets through
    }
    assert "10.0.2.77" not in staged.run("r1", "ip", "address")
    assert staged.run("r1", "nft", "list", "ruleset") == ""
    assert "mine" not in staged.run("fw", "nft", "list", "ruleset")
    r1, fw = (
        each
        for each in json.loads(Path(ran.json["kept"]).read_text())["nodes"]
        if each["node"]["name"] in {"r1", "fw"}
    )
    assert r1["node"]["nics"][1]["addresses"] == ["10.0.2.77/24"]
    assert {"to": "10.0.3.0/24", "via": "10.0.2.2"} in r1["node"]["routes"]
    assert ("table inet mine" in r1["nftables"], "table ip mine" in fw["nftables"]) == (True, True)


def test_each_stage_leads_on_from_the_one_before_and_once_more_changes_nothing(staged):
    for stage, changed in (("addresses", ["r1"]), ("routes", ["r1", "fw"]), ("policy", ["fw"])):
        assert staged.stage("restore", stage, "--json").json["nodes"] == changed
        assert staged.stage("restore", stage, "--json").json["nodes"] == []
        ran = staged.stage("check", stage)
        assert (ran.code, "done;" in ran.out) == (0, True), ran.out


def test_what_is_missing_of_a_stage_is_said_with_the_hint(staged):
    ran = staged.stage("check", "addresses")
    assert ran.code == 1
    assert "hint: ip address add" in ran.out
    assert "stage addresses is not done; 0 of 3 points" in ran.out


def test_grades_have_the_points_of_each_stage(staged, tmp_path):
    staged.stage("restore", "addresses")
    grades = tmp_path / "grades.csv"
    ran = staged.grade("--csv", str(grades))
    assert "addresses 3 of 3" in ran.out
    assert "routes 0 of 3" in ran.out
    ana, bob = csv.DictReader(io.StringIO(grades.read_text().removeprefix(BOM)))
    assert (ana["Grade"], ana["Stage addresses"], ana["Stage routes"]) == ("4", "3", "0")
    assert (bob["Grade"], bob["Stage addresses"]) == ("", "")
    told = staged.grade("--json").json["students"]
    assert told[0]["stages"]["routes"] == {"got": 0, "of": 3}
    assert told[1]["stages"] == {}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("check", "three-lans"), 1, "three-lans: has no stages"),
        (("restore", "three-lans", "x"), 1, "three-lans: has no stages"),
    ],
)
def test_a_lab_without_stages_has_none_to_check(labiac, words, code, said):
    ran = labiac("stage", *words)
    assert (ran.code, said in ran.err) == (code, True)


def test_an_unknown_stage_is_refused_with_those_that_there_are(labiac, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(LAB.format(name="small"))
    ran = labiac("stage", "restore", str(file), "rules")
    assert (ran.code, "its stages: addresses, routes, policy" in ran.err) == (2, True)
    ran = labiac("stage", "restore", str(file), "routes", "--backend", "libvirt")
    assert (ran.code, "restores no stages" in ran.err) == (1, True)


def test_a_check_that_its_own_reference_breaks_is_told_at_its_line(labiac, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(LAB.format(name="small").replace("fw: {routing: static}", "fw: {routes: []}"))
    ran = labiac("check", str(file))
    assert ran.code == 1
    assert "stages[1].checks[0]: ping pc1 -> pc3 will not hold when the stage is done" in ran.out
