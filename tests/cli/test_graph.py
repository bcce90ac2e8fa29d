"""``labiac graph`` and what it keeps of a measurement; ``labiac diff`` as a drawing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labiac.cli.draw.live import live
from labiac.cli.draw.picture import SIGNS
from labiac.cli.draw.topology import topology
from labiac.cli.graph import _ago
from labiac.cli.measure import remember
from labiac.fleet.measured import MeasuredPair, recall
from labiac.plan.resolve import plan_file
from labiac.reach.matrix import matrix

from .test_layout import BOXES

GOOD, BAD, OFF = "as predicted", "not as predicted", "does not run"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give labiac a folder of its own, and return where measurements are kept in it."""
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "measured"


@pytest.fixture
def plan():
    return plan_file("three-lans", "drawn")


def pairs(plan):
    return {pair.ends: pair for pair in matrix(plan)}


def outcomes(plan, **silent):
    """Return what was measured: all as predicted but for the pairs *silent*, by how far they came.

    A pair is called ``pc1_pc4``.
    """
    return [
        MeasuredPair(
            *ends,
            predicted=pair.ok,
            live=name not in silent,
            students=False,
            planned=pair.path,
            path=silent.get(name, pair.path),
            reason="",
        )
        for ends, pair in pairs(plan).items()
        for name in ["_".join(ends)]
    ]


def names(plan):
    return [machine.name for machine in plan.machines]


def test_all_is_well_where_every_pair_answers(plan):
    marks = live(topology(plan), outcomes(plan), names(plan), ()).marks
    cables = {(link.box, link.bus) for link in topology(plan).links}

    assert marks == dict.fromkeys([*names(plan), *cables], GOOD)


def test_the_hop_where_packets_end_is_marked_and_nothing_before_it(plan):
    lost = {
        "pc1_pc4": ("pc1", "r1"),
        "pc2_pc4": ("pc2", "r1"),
        "pc4_pc1": ("pc4", "r2", "r1", "pc1"),
    }
    marks = live(topology(plan), outcomes(plan, **lost), names(plan), ()).marks
    bad = {key for key, mark in marks.items() if mark == BAD}

    assert bad == {"r1", "pc1", "pc2", "pc4", ("r1", "lan2"), ("r2", "lan2")}
    assert marks["r2"] == marks["pc3"] == GOOD


def test_where_the_way_is_not_known_it_is_the_first_hop(plan):
    marks = live(topology(plan), outcomes(plan, pc4_pc3=()), names(plan), ()).marks

    assert marks["pc4", "lan3"] == marks["r2", "lan3"] == BAD


def test_a_reply_that_alone_was_lost_marks_the_last_hop(plan):
    marks = live(
        topology(plan), outcomes(plan, pc1_pc4=("pc1", "r1", "r2", "pc4")), names(plan), ()
    ).marks

    assert marks["pc4", "lan3"] == marks["r2", "lan3"] == BAD
    assert marks["pc1", "lan1"] == GOOD


def test_a_packet_that_strayed_marks_the_node_where_it_ended(plan):
    marks = live(topology(plan), outcomes(plan, pc1_pc2=("pc1", "r2")), names(plan), ()).marks

    assert {key for key, mark in marks.items() if mark == BAD} == {"pc1", "pc2", "r2"}


@pytest.mark.parametrize(("students", "mark"), [(False, BAD), (True, GOOD)])
def test_an_answer_that_was_not_predicted_is_right_where_it_is_the_students_work(
    plan, students, mark
):
    (silent,) = (each for each in outcomes(plan, pc1_pc4=()) if not each.live)
    gained = silent._replace(predicted=False, live=True, students=students, planned=())
    marks = live(topology(plan), [gained], names(plan), ()).marks

    assert marks == {"pc1": mark, "pc4": mark}


def test_what_a_student_gained_is_kept_as_such(folder):
    plan = plan_file("student-routes", "drawn")
    predicted = pairs(plan)
    remember(plan, predicted, {ends: pair.told(ok=True) for ends, pair in predicted.items()})

    assert not all(pair.ok for pair in predicted.values())
    assert all(outcome.agrees for outcome in recall(plan).outcomes)
    assert len(list(folder.iterdir())) == 1


def test_what_does_not_run_is_marked_so_whatever_was_measured(plan):
    picture = live(topology(plan), outcomes(plan), set(names(plan)) - {"pc4"}, ())

    assert picture.marks["pc4"] == picture.marks["pc4", "lan3"] == OFF
    assert f"{SIGNS[OFF]} pc4" in [box.name for box in picture.topology.boxes]


def test_cables_on_both_sides_of_a_bridge_are_on_the_way(lab_file):
    plan = plan_file(lab_file(BOXES))
    (went,) = (each for each in outcomes(plan) if (each.source, each.target) == ("pc4", "pc5"))
    marks = live(topology(plan), [went], names(plan), ()).marks

    assert went.path == ("pc4", "pc5")
    cables = {("pc4", "lan4"), ("br", "lan4"), ("br", "lan5"), ("pc5", "lan5")}
    assert {key for key in marks if isinstance(key, tuple)} == cables


def test_a_copy_that_was_never_measured_has_no_live_drawing(labiac, folder):
    ran = labiac("graph", "three-lans", "--student", "drawn", "--live")

    assert (ran.code, ran.out) == (1, "")
    assert "three-lans of drawn: was not measured yet" in ran.err
    assert "fix: labiac verify three-lans --student drawn" in ran.err
    assert not folder.exists()


@pytest.mark.usefixtures("folder")
def test_a_live_drawing_says_when_it_was_measured_and_that_nothing_runs(labiac, plan):
    remember(plan, pairs(plan), pairs(plan))
    ran = labiac("graph", "three-lans", "--student", "drawn", "--live", "--format", "dot")

    assert f"as measured {datetime.now(UTC).astimezone():%H:}" in ran.out
    assert "just now: 12 of 12 pairs as predicted" in ran.out
    assert "nothing of it runs now: labiac up three-lans --student drawn" in ran.out
    assert "changed since" not in ran.out


@pytest.mark.usefixtures("folder")
def test_a_live_drawing_tells_what_the_student_gained(labiac):
    handed_out = plan_file("student-routes", "drawn")
    predicted = pairs(handed_out)
    gained = {("pc1", "pc3"), ("pc3", "pc1")}
    live = {
        ends: pair.told(ok=pair.ok or ends in gained, reason=pair.reason)
        for ends, pair in predicted.items()
    }
    remember(handed_out, predicted, live)
    ran = labiac("graph", "student-routes", "--student", "drawn", "--live", "--format", "dot")

    assert "10 of 12 pairs as predicted, 2 gained by the student" in ran.out


@pytest.mark.usefixtures("folder")
def test_a_live_drawing_says_that_the_file_has_changed(labiac, lab_file):
    file = lab_file("name: x\nlans: {lan1: {}}\npcs: {pc1: {lan: lan1}, pc2: {lan: lan1}}\n")
    remember(plan_file(file), pairs(plan_file(file)), pairs(plan_file(file)))
    lab_file("name: x\nlans: {lan1: {}}\npcs: {pc1: {lan: lan1}, pc3: {lan: lan1}}\n")
    ran = labiac("graph", file, "--live")

    assert f"the lab file has changed since; measure again: labiac verify {file}" in ran.out


@pytest.mark.usefixtures("folder")
def test_a_live_drawing_of_mermaid_has_a_title_that_yaml_reads(labiac, plan):
    remember(plan, pairs(plan), pairs(plan))
    _, title, *_ = labiac("graph", "three-lans", "--student", "drawn", "--live").out.splitlines()

    assert json.loads(title.removeprefix("title: ")).startswith("three-lans of drawn: as measured")


def test_a_file_that_is_not_legible_is_as_none(labiac, folder, plan):
    remember(plan, pairs(plan), pairs(plan))
    (file,) = folder.iterdir()
    for text in ("", "[]", '{"when": 1}', '{"when": "2026-01-01", "plan": "", "pairs": [{}]}'):
        file.write_text(text)
        assert (
            "was not measured yet"
            in labiac("graph", "three-lans", "--student", "drawn", "--live").err
        )


def test_a_measurement_that_dies_while_it_is_kept_leaves_the_one_before(folder, plan, monkeypatch):
    remember(plan, pairs(plan), pairs(plan))
    (file,) = folder.iterdir()
    before = file.read_text()
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        remember(plan, pairs(plan), {})

    assert [file.read_text()] == [before] == [each.read_text() for each in folder.iterdir()]


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_folder_that_cannot_be_written_is_a_note_and_no_error(
    tmp_path, monkeypatch, plan, capsys
):
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "home"))
    remember(plan, pairs(plan), pairs(plan))

    assert "labiac graph --live will not know of this measurement" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(days=2), "2 days ago"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(length, text):
    assert _ago(length.total_seconds()) == text


def test_a_graph_goes_to_the_file_that_was_asked_for(labiac, tmp_path):
    file = tmp_path / "lab.svg"
    ran = labiac("graph", "three-lans", "--format", "svg", "-o", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert "</svg>" in file.read_text()


def test_a_graph_that_cannot_be_written_says_so(labiac, tmp_path):
    ran = labiac("graph", "three-lans", "-o", str(tmp_path / "no" / "lab.mmd"))
    assert ran.code == 1
    assert "cannot be written: No such file or directory" in ran.err
