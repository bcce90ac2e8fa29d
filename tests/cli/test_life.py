"""Nodes switched off and on, and the line of progress that tells how far they are."""

import json
from types import SimpleNamespace

import pytest

from labiac.cli.news import Ticker, UnderWay
from labiac.fleet.events import Message, Step


@pytest.mark.parametrize("command", ["start", "stop", "restart"])
@pytest.mark.parametrize("backend", ["netns", "memory"])
def test_nodes_without_a_power_switch_are_left_alone_and_the_way_out_is_told(
    labiac, command, backend
):
    ran = labiac(command, "three-lans", "--student", "ana", "--backend", backend, "--json")
    assert ran.code == 1
    (problem,) = json.loads(ran.out)["problems"]
    assert problem["where"] == f"backend {backend}"
    assert "they run from when they are made" in problem["problem"]
    assert "labiac destroy three-lans --student ana ends them" in problem["fix"]


def test_a_node_that_is_none_of_the_lab_is_wrong_usage(labiac):
    ran = labiac("stop", "three-lans", "pc1", "pc9", "--backend", "libvirt")
    assert ran.code == 2
    assert "has no node pc9" in ran.err


@pytest.fixture
def progress():
    return SimpleNamespace(last="")


def step(name, *, kind="Machine", state="done", op="same"):
    return Step(f"labiac:index:{kind}", name, op, state, 1.5, {"name": name}, {}, {})


def news(name, text):
    return Message("info", f"urn:pulumi:s::p::t::{name}", text, passing=True)


def test_a_line_counts_what_is_ready_and_tells_of_the_others(progress):
    ticker = Ticker(progress, machines=3, lines=False)
    ticker(news("lab-pc1", "pc1: kernel, 3 s"))
    ticker(news("lab-pc2", "pc2: kernel, 3 s"))
    ticker(step("lab-r1"))
    ticker(step("lab-pc1", op="refresh"))
    ticker(news("lab-pc1", "pc1: kernel, 4 s"))
    ticker(step("lab-lan1", kind="Network"))
    ticker(news("lab-pc1", "pc1: cloud-init, 9 s"))
    assert progress.last == "1 of 3 ready; pc2: kernel, 3 s; pc1: cloud-init, 9 s"
    ticker(step("lab-pc1", op="create"))
    ticker(step("lab-pc2", state="failed", op="create"))
    assert progress.last == "2 of 3 ready"


def test_where_no_machines_are_awaited_none_are_counted(progress):
    ticker = Ticker(progress, machines=0, lines=False)
    ticker(news("reachability", "measuring 12 pairs"))
    assert progress.last == "measuring 12 pairs"


def test_what_is_done_has_a_line_of_its_own_where_that_is_wanted(progress, capsys):
    ticker = Ticker(progress, machines=1, lines=True)
    ticker(step("pc1", op="create"))
    ticker(step("pc2", op="same"))
    assert capsys.readouterr().err == "  + machine pc1   1.50 s\n"


def test_what_is_said_to_stay_is_no_progress(progress):
    said = Message("error", "urn:pulumi:s::p::t::pc1", "no image", passing=False)
    Ticker(progress, machines=0, lines=False)(said)
    assert progress.last == ""


def test_what_ended_without_success_is_not_counted(progress):
    under_way = UnderWay(progress, 2, "off")
    under_way.say("pc1", "pc1: shutting down, 1 s")
    under_way.end("pc1", counts=False)
    assert progress.last == "0 of 2 off"
