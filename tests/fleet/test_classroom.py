"""The same work for many students: who fails stops nobody, and a Ctrl-C ends it in good order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from labiac.backends.base import Copy
from labiac.errors import LabError
from labiac.fleet import measured
from labiac.fleet.classroom import NOT_BEGUN, each
from labiac.fleet.ledger import UNFINISHED, Ledger
from labiac.fleet.roster import Student
from labiac.fleet.traces import forget
from labiac.host.process import Interrupts, run
from labiac.plan.resolve import plan_file

CLASS = tuple(Student(name, name) for name in ("ana", "bob", "eva", "luis"))


def test_who_fails_stops_nobody_else():
    def work(student, _interrupts):
        if student.student == "ana":
            raise LabError("lab of ana", "is locked")
        if student.student == "bob":
            raise ZeroDivisionError
        return student.student.upper()

    found = {outcome.student.student: outcome for outcome in each(CLASS, work, at_once=2)}
    assert (found["eva"].result, found["luis"].result) == ("EVA", "LUIS")
    assert (found["ana"].result, found["ana"].reason) == (None, "lab of ana: is locked")
    assert found["bob"].reason == "labiac failed: ZeroDivisionError: "


def test_so_many_are_worked_for_at_a_time_and_no_more():
    meeting = threading.Barrier(2, timeout=60)
    inside = []

    def work(student, _interrupts):
        inside.append(student)
        meeting.wait()  # two must be here at once for either to go on
        count = len(inside)
        meeting.wait()
        inside.remove(student)
        return count

    assert {outcome.result for outcome in each(CLASS, work, at_once=2)} == {2}


def test_a_ctrl_c_ends_what_runs_begins_nothing_more_and_says_so_of_each():
    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]

    def work(_student, interrupts):
        def stop(_line):
            os.kill(os.getpid(), signal.SIGINT)

        return run(sleeper, cwd=Path("/"), env=os.environ, on_line=stop, interrupts=interrupts)

    found = {}

    def collect():
        for outcome in each(CLASS, work, at_once=1):
            found[outcome.student.student] = outcome.reason

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        collect()
    assert found == {"ana": "interrupted", **dict.fromkeys(("bob", "eva", "luis"), NOT_BEGUN)}
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_started_after_a_ctrl_c_ends_at_once():
    interrupts = Interrupts()
    interrupts.send()
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(KeyboardInterrupt):
        run(sleeper, cwd=Path("/"), env=os.environ, interrupts=interrupts)


@pytest.mark.usefixtures("own_home")
def test_the_ledger_knows_what_was_begun_and_never_ended():
    ledger = Ledger("small")
    assert ledger.last("ana") is None
    ledger.begin("ana", "up")
    assert (ledger.last("ana").ok, ledger.last("ana").reason) == (False, UNFINISHED)
    ledger.end("ana", "up", "")
    assert (ledger.last("ana").what, ledger.last("ana").ok) == ("up", True)
    ledger.end("ana", "destroy", "no space\nleft")
    assert ledger.last("ana").reason == "no space\nleft"
    logged = [line.split(" ", 1)[1] for line in ledger.log_file("ana").read_text().splitlines()]
    assert logged == ["up done", "destroy failed: no space", "left"]


def test_of_a_copy_that_is_gone_nothing_is_kept_and_of_others_all(own_home):
    for copy in ("ana", "ana-b"):
        Ledger("small").end(copy, "up", "")
        plan = plan_file("three-lans", copy)
        measured.record(replace(plan, lab="small"), {}, {})
    forget(Copy("small", "ana"))
    left = sorted(str(file.relative_to(own_home)) for file in own_home.rglob("*.*"))
    assert left == [
        "classes/small/ana-b.json",
        "classes/small/ana-b.log",
        "measured/small.ana-b.netns.json",
    ]


def test_a_ledger_that_is_garbled_counts_as_none(own_home):
    Ledger("small").begin("ana", "up")
    (own_home / "classes/small/ana.json").write_text("{")
    assert Ledger("small").last("ana") is None
