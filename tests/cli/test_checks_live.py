"""Every kind of check on real namespaces, holding and failing, as ``labiac verify`` tells it."""

from __future__ import annotations

import csv
import secrets
import time
from xml.etree import ElementTree as ET

import pytest

from labiac.backends import open_backend
from labiac.backends.base import Copy, ref_of
from labiac.plan.resolve import plan_file

LAB = """\
name: checked
pool: {ipv6: "fd00::/48"}
lans: {lan1: {}, lan2: {}}
routers:
  r1: {lans: [lan1, lan2], routes: [{to: 192.168.9.0/24, via: pc2}]}
pcs:
  pc1: {lan: lan1}
  pc2:
    lan: lan2
    services:
      web: {command: [python3, -m, http.server, "8080", --directory, /usr/share/common-licenses]}
      dns:
        command:
          - dnsmasq
          - --no-daemon
          - --conf-file=/dev/null
          - --no-resolv
          - --no-hosts
          - --user=root
          - --address=/www.lab/10.0.2.12
          - --txt-record=text.lab,hello world
checks:
"""
HOLD = """\
  - {ping: {from: pc1, to: pc2}, title: There and back, points: 2}
  - {path: {from: pc1, to: pc2, visits: [r1]}}
  - {all_ping: true}
  - {route: {node: pc1, to: default, via: r1}}
  - {route: {node: r1, to: 192.168.9.0/24, via: 10.0.2.12}}
  - {route: {node: pc1, to: 192.168.9.0/24, via: none}, retry: 1}
  - {address: {node: pc1, is: 10.0.1.11/24, nic: eth0}}
  - {address: {node: pc1, is: "fd00:0:0:1::11"}}
  - {port: {from: pc1, to: pc2, port: 8080}, retry: 20}
  - {port: {from: pc1, to: pc2, port: 81, open: false}}
  - {http: {from: pc1, url: "http://pc2:8080/GPL-3", contains: GNU GENERAL}, retry: 20}
  - {http: {from: pc1, url: "http://10.0.2.12:8080/nothing", status: 404}, retry: 20}
  - {dns: {from: pc1, name: www.lab, answer: 10.0.2.12, server: pc2}, retry: 20}
  - {dns: {from: pc1, name: text.lab, type: TXT, answer: hello world, server: pc2}, retry: 20}
  - {dns: {from: pc1, name: pc2, type: AAAA, answer: "fd00:0:0:2::12"}}
  - {command: {node: r1, run: [ip, route], output: '^192\\.168\\.9\\.0/24 via 10\\.0\\.2\\.12 '}}
"""
FAIL = {
    "{no_ping: {from: pc1, to: pc2}}": "pc2 answers",
    "{path: {from: pc1, to: pc2, visits: [pc2, r1]}}": "packets visit pc1, r1, pc2",
    "{route: {node: pc1, to: default, via: pc2}}": "pc1 has a route to 0.0.0.0/0 via 10.0.1.1",
    "{route: {node: r1, to: 192.168.9.0/24, via: none}}": (
        "r1 has a route to 192.168.9.0/24 via 10.0.2.12"
    ),
    "{address: {node: pc2, is: 10.0.2.12/16, nic: eth0}}": (
        "pc2 has no 10.0.2.12/16; its addresses: 10.0.2.12/24 on eth0, fd00:0:0:2::12/64 on eth0"
    ),
    "{port: {from: pc1, to: pc2, port: 81}}": "10.0.2.12: refused, fd00:0:0:2::12: refused",
    "{http: {from: pc1, url: 'http://pc2:81/'}}": "refused",
    "{command: {node: pc1, run: ['false']}}": "exit status 1, not 0",
    "{command: {node: pc1, run: [echo, a], output: b}}": "'b' is not found in its output",
    "{command: {node: pc1, run: [sleep, '60']}, timeout_s: 1}": (
        "sleep took longer than 1 s, and was ended"
    ),
    "{command: {node: pc1, run: [nonesuch]}}": (
        "exit status 127, not 0: nonesuch: No such file or directory"
    ),
    "{dns: {from: pc1, name: www.lab, answer: 10.0.2.12, server: pc1}, timeout_s: 1}": (
        "pc1 does not answer"
    ),
    "{dns: {from: pc1, name: www.lab, answer: 10.0.2.13, server: pc2}}": (
        "www.lab has 10.0.2.12, not 10.0.2.13"
    ),
    "{dns: {from: pc1, name: nobody.invalid, answer: 10.0.2.13}}": (
        "nobody.invalid has no A record"
    ),
    "{http: {from: pc1, url: 'http://pc2:8080/GPL-3', contains: Ave}}": (
        "the page does not contain 'Ave'"
    ),
    "{http: {from: pc1, url: 'http://pc2:8080/none'}}": "status 404, not 200",
}
"""Checks that fail, and why; the services are up when these are asked."""


class Checked:
    """One copy of the lab, and ``labiac verify`` of it with whatever checks."""

    def __init__(self, labiac, file, lab=LAB + HOLD):
        self._labiac, self._file = labiac, file
        self.student = f"chk{secrets.token_hex(4)}"
        self._backend = open_backend("netns")
        file.write_text(lab)
        self.plan = plan_file(str(file), self.student)
        self._copy = Copy(self.plan.lab, self.student)

    def up(self):
        for item in (*self.plan.networks, *self.plan.machines):
            self._backend.create(self._copy, item)

    def down(self):
        for kind, items in (("machine", self.plan.machines), ("network", self.plan.networks)):
            for item in items:
                self._backend.delete(ref_of(self._copy, kind, item.name))

    def on(self, node, *argv):
        ref = ref_of(self._copy, "machine", node)
        assert self._backend.execute(ref, argv, timeout_s=10).status == 0

    def verify(self, checks, *options):
        self._file.write_text(LAB + checks)
        return self._labiac("verify", str(self._file), "--student", self.student, *options)

    def judged(self, *checks):
        """Return what came of *checks*, lines of the lab file."""
        ran = self.verify("".join(f"  - {check}\n" for check in checks), "--json")
        assert ran.out, ran.err
        return ran.json["checks"]


@pytest.fixture
def checked(labiac, tmp_path, monkeypatch):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    copy = Checked(labiac, tmp_path / "lab.yaml")
    try:
        copy.up()
        yield copy
    finally:
        copy.down()


def test_checks_of_every_kind_hold_and_fail_with_the_reason(checked):
    ran = checked.verify(HOLD, "--json")
    assert [check for check in ran.json["checks"] if not check["ok"]] == []
    assert ran.code == 0
    assert ran.json["points"] == {"got": 17, "of": 17}
    assert all(check["measured"] and check["evidence"] for check in ran.json["checks"])
    started = time.monotonic()
    assert [check["reason"] for check in checked.judged(*FAIL)] == list(FAIL.values())
    assert time.monotonic() - started < 30


NAT = """\
name: natted
lans: {lan1: {}, lan2: {}, lan3: {}}
routers:
  r1: {lans: [lan2, lan3]}
middleboxes:
  gw2: {role: nat, lans: [lan1, lan2], outside: lan2}
pcs:
  pc1: {lan: lan1}
  pc3: {lan: lan3}
checks:
  - {port: {from: pc3, to: 10.0.2.2, port: 81}}
  - {port: {from: pc3, to: 10.0.1.2, port: 81}}
"""


def test_a_port_is_not_explained_by_what_holds_of_another_address_of_its_node(
    labiac, tmp_path, monkeypatch
):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    copy = Checked(labiac, tmp_path / "lab.yaml", NAT)
    try:
        copy.up()
        ran = labiac("verify", str(tmp_path / "lab.yaml"), "--student", copy.student, "--json")
    finally:
        copy.down()
    assert [check["reason"] for check in ran.json["checks"]] == [
        "10.0.2.2: refused",
        "10.0.1.2: network is unreachable; r1 has no route to 10.0.1.0/24",
    ]


HALF_DONE = """\
name: half-done
lans: {lan1: {}, lan2: {}, lan3: {}}
routers:
  r1: {lans: [lan1, lan2], routing: none}
  r2: {lans: [lan2, lan3], routing: none}
pcs:
  pc1: {lan: lan1}
  pc2: {lan: lan3}
checks:
  - {ping: {from: pc1, to: pc2}}
"""


def test_a_pair_that_is_silent_still_is_explained_by_what_the_student_did(
    labiac, tmp_path, monkeypatch
):
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    copy = Checked(labiac, tmp_path / "lab.yaml", HALF_DONE)
    try:
        copy.up()
        copy.on("r1", "ip", "route", "add", "10.0.3.0/24", "via", "10.0.2.2")
        ran = labiac("verify", str(tmp_path / "lab.yaml"), "--student", copy.student, "--json")
    finally:
        copy.down()
    (check,) = ran.json["checks"]
    assert check["reason"] == "the reply from pc2: r2 has no route to 10.0.1.0/24"


def test_something_that_comes_late_holds_on_a_retry(checked):
    checked.on("pc1", "ip", "route", "del", "default")
    (once,) = checked.judged("{route: {node: pc1, to: 0.0.0.0/0}}")
    assert (once["ok"], once["evidence"]["attempts"]) == (False, 1)
    later = "(sleep 1; ip route add default via 10.0.1.1) >/dev/null 2>&1 &"
    checked.on("pc1", "sh", "-c", later)
    (found,) = checked.judged("{route: {node: pc1, to: 0.0.0.0/0}, retry: 10}")
    assert found["ok"]
    assert found["evidence"]["attempts"] > 1


def test_what_must_not_be_is_watched_to_the_end(checked):
    (held,) = checked.judged("{route: {node: pc1, to: 10.9.0.0/16, via: none}, retry: 2}")
    assert (held["ok"], held["evidence"]["attempts"]) == (True, 3)
    assert held["seconds"] > 1
    (failed,) = checked.judged("{no_ping: {from: pc1, to: pc2}, retry: 5}")
    assert (failed["ok"], failed["evidence"]["attempts"]) == (False, 1)


def test_retries_end_when_the_time_is_up(checked):
    (found,) = checked.judged("{command: {node: pc1, run: ['false']}, retry: 100, timeout_s: 1}")
    assert not found["ok"]
    assert found["seconds"] < 2
    assert found["evidence"]["attempts"] <= 3


def test_what_is_dead_has_denied_nothing(checked):
    backend, copy = checked._backend, checked._copy
    backend.delete(ref_of(copy, "machine", "pc2"))
    checks = ["{no_ping: {from: pc1, to: pc2}}", "{command: {node: pc2, run: ['true']}}"]
    silent, gone = checked.judged(*checks)
    assert silent["reason"] == "pc2 does not run"
    assert not gone["ok"]


def test_reports_are_written_also_when_checks_fail(checked, tmp_path):
    hint = "Does =1+1 & <b>this</b> help?"
    lines = f"""\
  - {{ping: {{from: pc1, to: pc2}}, title: There and back, points: 2}}
  - command: {{node: pc1, run: [printf, '\\033[1m'], output: x}}
    hint: {hint}
    title: =2+2
"""
    names = {form: tmp_path / f"report.{form}" for form in ("junit", "csv", "html")}
    ran = checked.verify(lines, *(part for form in names for part in (f"--{form}", names[form])))
    assert ran.code == 1
    assert f"hint: {hint}" in ran.out
    assert "the lab is as predicted; 1 of 2 checks fail; 2 of 3 points" in ran.out

    suite = ET.parse(names["junit"]).getroot()[0]  # noqa: S314 -- our own
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    matrix, good, bad = suite.iter("testcase")
    assert matrix.find("failure") is None
    assert good.find("failure") is None
    assert bad.find("failure").get("message") == "'x' is not found in its output"
    assert bad.find("failure").text == hint
    assert "\N{REPLACEMENT CHARACTER}[1m" in bad.find("system-out").text

    rows = list(csv.DictReader(names["csv"].read_text().splitlines()))
    assert [(row["kind"], row["holds"], row["points"], row["of"]) for row in rows] == [
        ("matrix", "yes", "0", "0"),
        ("ping", "yes", "2", "2"),
        ("command", "no", "0", "1"),
    ]
    assert rows[2]["title"] == "'=2+2"

    page = names["html"].read_text()
    assert "Does =1+1 &amp; &lt;b&gt;this&lt;/b&gt; help?" in page
    assert "<strong>2</strong> of 3 points" in page
    assert "http" not in page  # nothing is fetched


def test_a_report_that_has_no_place_is_told_before_anything_is_measured(labiac, tmp_path):
    ran = labiac("verify", "three-lans", "--html", str(tmp_path / "no" / "page.html"))
    assert ran.code == 2
    assert "its folder is not there" in ran.err
    same = str(tmp_path / "one")
    ran = labiac("verify", "three-lans", "--html", same, "--csv", same)
    assert "two reports in one file" in ran.err
