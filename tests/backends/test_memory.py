from __future__ import annotations

from dataclasses import replace

from labiac.backends.base import Copy, Executes
from labiac.backends.memory import Memory
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LAB = {"name": "two", "lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}}}
PLAN = resolve(from_data(LAB), "ana", "memory")
COPY = Copy("two", "ana")


def test_an_update_leaves_what_drifted_elsewhere():
    memory = Memory()
    was = PLAN.machine("pc1")
    ref = memory.create(COPY, replace(was, routes=())).ref
    memory.update(ref, was, replace(was, cpus=was.cpus + 1))
    assert memory.read(ref).item == replace(was, routes=(), cpus=was.cpus + 1)


def test_two_backends_hold_two_worlds():
    one, other = Memory(), Memory()
    ref = one.create(COPY, PLAN.machine("pc1")).ref
    assert other.read(ref) is None


def test_copies_are_found_sorted_by_lab_and_student():
    memory = Memory()
    for student in ("eve", "ana"):
        memory.create(Copy("two", student), PLAN.machine("pc1"))
    memory.create(Copy("one", "zoe"), PLAN.networks[0])
    found = [(each.copy.lab, each.copy.student, each.nodes) for each in memory.find()]
    pc1 = (("pc1", True),)
    assert found == [("one", "zoe", ()), ("two", "ana", pc1), ("two", "eve", pc1)]


def test_it_does_not_claim_to_run_commands():
    assert not isinstance(Memory(), Executes)
