"""What `check` says is odd about a lab, at the line that says so."""

import pytest

from .conftest import TWICE

ODD = """\
name: odd
lans:
  lan1: {}
  lan2: {}
  lan3: {}
routers:
  r1: {lans: [lan1, lan2]}
pcs:
  pc1:
    lan: lan1
    gateway: 10.0.1.9
  pc2: {lan: lan2}
"""

NICS = """\
name: nics
lans: {lan1: {}, lan2: {}, sw: {ipv4: none, vlans: {red: 10, blue: 20}}}
routers:
  r1:
    nics:
      - {lan: lan1}
      - {lan: lan2, connected: false}
  r2: {lans: [lan1, lan2]}
  r3:
    lan: sw
    trunk:
      red: {}
      blue: {ipv4: none}
pcs:
  pc1: {lan: lan1, routes: [{to: 10.9.0.0/16, via: r1}]}
  pc2: {lan: lan2, gateway: r1}
  pc3: {lan: sw, access: red}
  pc4: {lan: sw, access: blue}
"""


@pytest.fixture
def found(labiac, lab_file):
    """Check a lab; return the level, line, field and sentence of each finding, as programs do."""

    def say(text):
        said = labiac("check", lab_file(text), "--backend", "memory", "--json").json["problems"]
        return [
            (each["level"], int(each["where"].rpartition(":")[2]), each["field"], each["problem"])
            for each in said
            if each["fix"]
        ]

    return say


def test_findings_are_told_in_the_order_of_the_file_and_fail_nothing(labiac, lab_file, golden):
    file = lab_file(ODD)
    ran = labiac("check", file, "--backend", "memory")
    assert ran.code == 0
    golden("findings.txt", ran.out.replace(file, "lab.yaml"))


def test_findings_are_there_for_programs_too(found):
    assert found(ODD) == [
        ("warning", 5, "lans.lan3", "nobody is plugged into lan3"),
        ("warning", 11, "pcs.pc1.gateway", "10.0.1.9, the gateway of pc1, is nobody's on lan1"),
    ]


def test_a_nic_is_told_as_it_was_written(found):
    cut = "r1's cable to lan2 is out"
    places = {field: line for _, line, field, problem in found(NICS) if cut in problem}
    assert places == {"routers.r1.nics[1]": 7}
    bare = "r3 has no address in VLAN blue: it does not route it"
    assert ("warning", 13, "routers.r3.trunk.blue", bare) in found(NICS)


def test_what_cannot_be_meant_is_an_error(labiac, lab_file, found):
    assert labiac("check", lab_file(TWICE), "--backend", "memory").code == 1
    assert [line for level, line, *_ in found(TWICE) if level == "error"] == [5]


def test_an_l2_loop_is_told_with_its_way_round(found):
    bridges = "".join(f"  {name}: {{role: bridge, lans: [left, right]}}\n" for name in ("a", "b"))
    ((level, line, field, problem),) = found(
        f"name: loop\nlans: {{left: {{}}, right: {{}}}}\nmiddleboxes:\n{bridges}"
    )
    assert (level, line, field) == ("error", 5, "middleboxes.b.lans[1]")
    assert problem.startswith("an L2 loop: ")
