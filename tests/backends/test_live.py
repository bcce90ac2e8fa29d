from __future__ import annotations

from dataclasses import replace

import pytest

from labiac.backends.base import Copy, Ping
from labiac.backends.live import SILENT, answered, as_it_is
from labiac.backends.memory import Memory
from labiac.plan.resolve import plan_file

COPY = Copy("three-lans", "local")
PLAN = plan_file("three-lans")
NAMES = [network.name for network in PLAN.networks], [each.name for each in PLAN.machines]


@pytest.fixture
def memory():
    memory = Memory()
    for item in (*PLAN.networks, *PLAN.machines):
        memory.create(COPY, item)
    return memory


def test_a_copy_as_planned_is_whole(memory):
    now = as_it_is(memory, COPY, *NAMES)
    assert {item.name for item in now.plan.machines} == set(NAMES[1])
    assert now.broken == {}


def test_a_copy_without_a_router_has_the_rest_and_says_what_is_gone(memory):
    memory.delete("three-lans/local/machine/r1")
    now = as_it_is(memory, COPY, *NAMES)
    assert {item.name for item in now.plan.machines} == set(NAMES[1]) - {"r1"}
    assert now.broken == {"r1": "r1 is gone"}


def test_what_does_not_run_is_said_to_be_there(memory, monkeypatch):
    read = memory.read
    monkeypatch.setattr(memory, "read", lambda ref: replace(read(ref), running=False))
    assert as_it_is(memory, COPY, [], ["pc1"]).broken == {"pc1": "pc1 does not run"}


def test_a_broken_end_is_the_first_reason_then_what_else_is_broken_then_the_forecast(memory):
    whole = as_it_is(memory, COPY, *NAMES)
    assert whole.reason("pc1", "pc4", "r2 has no route") == "r2 has no route"
    assert whole.reason("pc1", "pc4", "") == SILENT
    memory.delete("three-lans/local/machine/r1")
    memory.delete("three-lans/local/machine/pc4")
    now = as_it_is(memory, COPY, *NAMES)
    assert now.reason("pc1", "pc4", "nobody answers") == "pc4 is gone"
    assert now.reason("pc1", "pc3", "nobody answers") == "r1 is gone"


def test_a_pair_answers_when_all_its_pings_do_and_it_has_one(memory):
    asked = {
        "both": [Ping("pc1", "10.0.3.14"), Ping("pc4", "10.0.1.11")],
        "one of two": [Ping("pc1", "10.0.3.14"), Ping("pc1", "10.0.3.99")],
        "none": [],
    }
    assert answered(memory, COPY, asked, timeout_s=1) == {"both"}
