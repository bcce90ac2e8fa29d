"""``labiac class solution``: for the teacher what every student's copy has, and nobody else."""

from __future__ import annotations

import pytest

VARY = """\
name: small
lans: {lan1: {}, lan2: {}}
routers: {r1: {lans: [lan1, lan2]}}
pcs: {pc1: {lan: lan1}, pc2: {lan: lan2}}
checks: [{all_ping: true}]
vary:
  seed: spring
  names: {pc2: [web, mail]}
  links: [{node: r1, lan: lan2, impair: [{rate_kbit: 1000}, {rate_kbit: 5000}]}]
"""
FAULTY = f"{VARY}  faults: [{{wrong_gateway: {{node: pc1}}}}]\n"


def test_the_teacher_is_told_the_fault_what_it_breaks_and_how_to_mend_it(labiac, lab_file):
    file = lab_file(FAULTY)
    found = labiac("class", "solution", file, "--student", "ana", "--json").json["students"][0]
    (was, now) = (word for word in found["fault"]["differs"][0].split() if word.startswith("10."))
    assert was == "10.0.1.1"
    assert now not in {"10.0.1.1", "10.0.1.11"}
    assert found["fault"] == {
        "kind": "wrong gateway",
        "node": "pc1",
        "differs": [f"default route via {was} -> via {now}"],
        "mend": ["ip", "route", "replace", "0.0.0.0/0", "via", "10.0.1.1"],
        "breaks": ["pc1 -> web", "web -> pc1"],
    }
    assert found["drawn"] == [
        "pc2 is called web",
        "r1 to lan2: delay 0 ms, jitter 0 ms, loss 0 %, rate 5000 kbit/s",
    ]


def test_a_roster_gives_everybodys(labiac, lab_file, tmp_path):
    roster = tmp_path / "class.csv"
    roster.write_text("student\nana\nbob\neva\n")
    ran = labiac(
        "class", "solution", lab_file(FAULTY), "--roster", str(roster), "--only", "ana,eva"
    )
    heads = [line for line in ran.out.splitlines() if not line.startswith(" ")]
    assert heads == ["ana", "eva"]
    assert "  mend    ip route replace 0.0.0.0/0 via 10.0.1.1" in ran.out


def test_a_lab_that_varies_without_a_fault_has_a_solution_of_what_is_drawn(labiac, lab_file):
    file = lab_file(VARY)
    found = labiac("class", "solution", file, "--student", "ana", "--json").json["students"][0]
    assert found["fault"] is None
    assert "fault" not in labiac("class", "solution", file, "--student", "ana").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("three-lans", "--student", "ana"), "three-lans: is the same for everybody"),
        (("faults",), "solution: nobody, or two"),
        (("faults", "--student", "ana", "--roster", "x"), "solution: nobody, or two"),
    ],
)
def test_what_has_no_solution_is_said(labiac, words, said):
    ran = labiac("class", "solution", *words)
    assert ran.code != 0
    assert said in ran.err


def test_check_says_nothing_of_a_fault_that_is_meant_and_its_checks_hold_without_it(
    labiac, lab_file
):
    ran = labiac("check", lab_file(FAULTY), "--student", "ana")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "small: 2 LANs, 3 nodes, 1 check; 0 of 2 pairs will reach each other\n"
