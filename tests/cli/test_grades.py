"""The grades of a class as tables and pages, and one answer for many students."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from labiac.cli.classes.alike import alike, answers_view
from labiac.cli.classes.board import Board
from labiac.cli.classes.graded import _changed
from labiac.cli.reports import classbook, grades
from labiac.cli.reports.grades import BOM, Graded, Grades
from labiac.cli.reports.report import Report
from labiac.cli.verdict import verdict
from labiac.fleet.events import Step
from labiac.fleet.roster import Student
from labiac.plan.resolve import resolve
from labiac.reach.checks import CheckResult
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data
from labiac.seed.key import with_key

LAB = {
    "name": "small",
    "lans": {"lan1": {}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}},
    "checks": [
        {"ping": {"from": "pc1", "to": "pc2"}, "title": "=1+1 <b>", "points": 3, "hint": "Plug it"},
        {"all_ping": True, "points": 1},
    ],
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKey small.ana"
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(*reasons: str) -> Report:
    """Return a report in which each check fails for its reason, or holds if that is empty."""
    plan = resolve(from_data(LAB), "ana", "memory")
    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    live = {ends: predicted[ends] for ends in permutations(plan.end_nodes, 2)}
    found = [
        CheckResult(check, reason, measured=True, evidence={"argv": ["ip", "route"]})
        for check, reason in zip(plan.checks, reasons, strict=True)
    ]
    return Report(plan, WHEN, verdict(plan, predicted, live, found))


@pytest.fixture
def found() -> Grades:
    ana = Student("ana", "ana", "Ana <i>Costa", "ana@example.edu", "1001", "A")
    bob, eva = Student("bob", "bob", "=Bob"), Student("eva", "eva", "Eva")
    return Grades(
        "small",
        WHEN,
        4,
        (
            Graded(ana, report("", ""), "", work=("r1: + route",)),
            Graded(bob, report("-x", ""), "", drift=("pc1: <script>",)),
            Graded(eva, None, "small of eva: is not up\n  fix: bring it up"),
        ),
    )


def test_a_learning_platform_finds_users_grades_and_feedback_in_the_table(found):
    text = grades.table(found)
    assert text.startswith(BOM)
    ana, bob, eva = csv.DictReader(io.StringIO(text.removeprefix(BOM)))
    assert (ana["Email address"], ana["ID number"]) == ("ana@example.edu", "1001")
    assert (ana["Grade"], ana["Out of"], ana["Percent"]) == ("4", "4", "100")
    assert ana["Feedback"] == "every check holds"
    assert (bob["Grade"], bob["Percent"]) == ("1", "25")
    assert (eva["Grade"], eva["Percent"]) == ("", "")
    assert eva["Feedback"] == "not measured: small of eva: is not up"


def test_what_a_spreadsheet_would_calculate_is_shown_as_it_stands(found):
    rows = list(csv.DictReader(io.StringIO(grades.table(found).removeprefix(BOM))))
    assert rows[1]["Full name"] == "'=Bob"
    assert rows[1]["Feedback"].startswith("'=1+1 <b>: -x (hint: Plug it)")


def test_junit_has_a_suite_a_student_and_an_error_for_who_was_not_measured(found):
    suites = list(ET.fromstring(grades.junit(found)))  # noqa: S314 -- our own
    counts = [(each.get("tests"), each.get("failures"), each.get("errors")) for each in suites]
    assert counts == [("3", "0", "0"), ("3", "1", "0"), ("1", "0", "1")]


def test_the_page_has_everybody_shows_text_as_text_and_fetches_nothing(found):
    page = classbook.page(found)
    assert page.count("<section id=") == 3
    assert "Ana &lt;i&gt;Costa" in page
    assert "pc1: &lt;script&gt;" in page
    assert "not measured: small of eva: is not up" in page
    assert "<strong>2.5</strong> of 4 points in the mean" in page
    assert "http" not in page
    assert "src=" not in page  # no picture, no image


def test_who_got_the_same_gets_one_answer_and_the_most_come_first():
    said = {f"s{number}": ("+ PC pc9",) for number in range(100)}
    answers = alike({"ana": ("lost",), **said, "bob": ()})
    view = list(answers_view(answers, empty="nothing changes"))
    assert view == [
        "100 students:",
        "  + PC pc9",
        "1 student (ana):",
        "  lost",
        "1 student (bob): nothing changes",
    ]


def test_of_many_students_some_are_named_and_the_rest_counted():
    said = {f"s{number}": ("a" if number else "b",) for number in range(31)}
    said |= {f"t{number}": ("c",) for number in range(10)}
    view = list(answers_view(alike(said), empty=""))
    assert view[2] == "10 students (t0, t1, t2, t3, t4, t5, t6, t7 and 2 more):"


def test_the_key_in_the_seed_of_a_guest_is_no_change_and_its_memory_is_one():
    plan = resolve(from_data(LAB), "ana", "libvirt")
    pc1, pc2 = plan.machines
    keyed = tuple(replace(each, text=with_key(each.text, KEY)) for each in pc1.seed)
    assert keyed != pc1.seed
    now = replace(plan, machines=(replace(pc1, seed=keyed), replace(pc2, memory_mib=768)))
    assert list(_changed(plan, now)) == [("pc2", "pc2: memory 512 MiB -> 768 MiB")]


def test_how_far_a_student_is_counts_lans_and_nodes_alone(capsys):
    ana = Student("ana", "ana")
    with Board("up small", 1, 2) as board:
        board.begin(ana)
        for kind in ("Key", "Image", "Network", "Machine", "Lab"):
            known = {"inputs": {}, "outputs": {}, "before": {}}
            type_ = f"labiac:index:{kind}"
            board.news(ana, Step(type_, kind, op="create", state="done", seconds=0, **known))
        assert [far for _, far, _, _ in board._rows()] == ["2 of 2"]
    assert capsys.readouterr().err == ""


def test_a_live_table_names_who_is_worked_for_and_who_failed(capsys):
    from rich.console import Console

    ana, bob = Student("ana", "ana"), Student("bob", "bob")
    with Board("up small", 3, 5) as board:
        board.begin(ana)
        board.begin(bob)
        board.end(bob, "failed: no space", ok=False)
        Console(width=80, file=(shown := io.StringIO())).print(board._view())
    assert "up small: 1 of 3 students, 1 failed" in shown.getvalue()
    assert "0 of 5" in shown.getvalue()
    assert "no space" in shown.getvalue()
    assert capsys.readouterr().err == "bob: failed: no space\n"
